//! The fields of an origin's answer: RFC 9112 5.

use super::breaks;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn malformed_fields_are_a_broken_origin() {
    for field in ["Na me: v", "no colon", ": v", "A: b\x01c", "A: b\x7f"] {
        breaks(&format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 0\r\n\r\n"), "bad_field");
    }
}

#[test]
fn white_space_before_the_colon_never_reaches_the_client() {
    // RFC 9112 5.1: a proxy MUST remove it from a response; or, as here, not take the response.
    breaks("HTTP/1.1 200 OK\r\nName : v\r\nContent-Length: 0\r\n\r\n", "bad_field");
}

#[test]
fn a_line_that_goes_on_is_a_broken_origin() {
    // RFC 9112 5.2: a gateway discards such a response and answers 502, or joins the line.
    breaks("HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", "obsolete_fold");
}

#[test]
fn a_nul_byte_is_a_broken_origin() {
    breaks("HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n", "nul_byte");
}

#[test]
fn a_head_without_end_is_a_broken_origin() {
    let field = format!("A: {}\r\n", "a".repeat(1000));
    breaks(&format!("HTTP/1.1 200 OK\r\n{}", field.repeat(70)), "head_too_large");
}

#[test]
fn too_many_fields_are_a_broken_origin() {
    breaks(
        &format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(600)),
        "too_many_fields",
    );
}

#[test]
fn passes_repeated_fields_in_their_order() {
    // RFC 6265 3: Set-Cookie above all must not be joined.
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Other: x\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/").has_status(200);
    assert_eq!(response.fields_named("set-cookie"), ["a=1", "b=2"]);
}

#[test]
fn the_limit_of_an_answers_head_is_the_pools() {
    let large = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(3000));
    let origin = FaultOrigin::answering(large);
    Setup::before(origin.address()).start().get("/").has_status(200);
    let narrow = Setup::before(origin.address()).cluster("pool: {head_bytes: 2KiB}").start();
    narrow.get("/").has_problem(502, "upstream_head_too_large");
}
