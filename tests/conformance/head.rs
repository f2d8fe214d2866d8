//! HEAD, 204 and 304: answers whose framing fields speak of a body that is not there. RFC 9112 6.3 rule 1.

use crate::harness::{FaultOrigin, Setup};

#[test]
fn a_head_answer_keeps_its_length_and_has_no_body() {
    // RFC 9110 9.3.2.
    let origin = FaultOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    for _ in 0..3 {
        wire.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
        let response = wire.read_to_head().has_status(200);
        assert_eq!(response.field("content-length"), Some("1000"));
    }
    assert_eq!(origin.requests()[0].method, "HEAD");
    assert_eq!(origin.accepted(), 1, "an answer to HEAD leaves the connection usable");
}

#[test]
fn a_head_answer_without_length_does_not_wait() {
    let origin = FaultOrigin::answering("HTTP/1.1 200 OK\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        wire.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
        wire.read_to_head().has_status(200);
    }
}

#[test]
fn a_head_answer_may_say_chunked() {
    // RFC 9112 6.1: sent to say what GET would have.
    let origin = FaultOrigin::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        wire.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
        wire.read_to_head().has_status(200);
    }
}

#[test]
fn a_304_keeps_its_length_and_has_no_body() {
    // RFC 9110 15.4.5.
    let origin =
        FaultOrigin::answering("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1000\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let response = wire.get("/").has_status(304);
        assert_eq!(response.field("etag"), Some("\"x\""));
    }
}

#[test]
fn a_204_has_neither_body_nor_framing() {
    // RFC 9110 8.6 and RFC 9112 6.1; the strict reader checks the fields.
    let origin = FaultOrigin::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        wire.get("/").has_status(204);
    }
}

#[test]
fn errors_of_the_gateway_have_no_body_for_head() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address())
        .routes("  - name: one\n    match: {path: /one}\n    cluster: origin")
        .start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        wire.send("HEAD /other HTTP/1.1\r\nHost: test\r\n\r\n");
        wire.read_to_head().has_status(404);
    }
}
