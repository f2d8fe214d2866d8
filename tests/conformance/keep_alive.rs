//! Persistence of client connections: RFC 9112 9.3 and 9.6.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn serves_many_requests_on_one_connection() {
    // RFC 9112 9.3: HTTP/1.1 persists by default.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    for number in 0..50 {
        let response = wire.get(&format!("/{number}")).has_status(200);
        assert_eq!(response.text(), format!("/{number}"));
        assert!(!response.says_close());
    }
}

#[test]
fn closes_when_the_client_asks() {
    // RFC 9112 9.6: the server MUST close after the response, and SHOULD say so in it.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let response = wire.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").has_status(200);
    assert!(response.says_close());
    wire.expect_close();
}

#[test]
fn reads_close_anywhere_in_the_connection_fields() {
    // RFC 9110 7.6.1: a list, in any case, over any number of lines.
    let edge = Edge::start();
    for fields in
        ["Connection: keep-alive, CLOSE", "Connection: x-a\r\nConnection: close", "Connection: ,close ,"]
    {
        let mut wire = edge.gateway.wire();
        let response = wire.ask(format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n"));
        assert!(response.says_close(), "{fields}");
        wire.expect_close();
    }
}

#[test]
fn a_closing_origin_does_not_close_the_client() {
    // RFC 9110 7.6.1: Connection is about one hop.
    let origin = FaultOrigin::answering_and_closing(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..3 {
        assert!(!wire.get("/").has_status(200).says_close());
    }
    assert_eq!(origin.accepted(), 3);
}

#[test]
fn closes_after_the_last_request_allowed() {
    let edge = Edge::with("limits: {keepalive_requests: 3}");
    let mut wire = edge.gateway.wire();
    assert!(!wire.get("/1").says_close());
    assert!(!wire.get("/2").says_close());
    assert!(wire.get("/3").says_close());
    wire.expect_close();
}

#[test]
fn closes_an_idle_connection_without_a_word() {
    // RFC 9112 9.5: a server may close idle connections at any time; a 408 there would answer the next request.
    let edge = Edge::with("limits: {keepalive_timeout: 300ms}");
    let mut wire = edge.gateway.wire();
    wire.get("/").has_status(200);
    wire.expect_close_within(Duration::from_secs(5));
}

#[test]
fn a_404_keeps_the_connection() {
    // Framing is intact, so there is no reason to close.
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .routes("  - name: one\n    match: {path: /one}\n    cluster: origin")
        .start();
    let mut wire = gateway.wire();
    assert!(!wire.get("/other").has_problem(404, "no_route").says_close());
    wire.get("/one").has_status(200);
}

#[test]
fn a_refused_request_with_a_body_does_not_leave_the_body_as_the_next_request() {
    // RFC 9112 9.3: read the rest of the body or close; never parse it as a request.
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .routes("  - name: one\n    match: {path: /one}\n    cluster: origin")
        .start();
    let mut wire = gateway.wire();
    let smuggled = "GET /one HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = smuggled.len();
    let response =
        wire.ask(format!("POST /other HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{smuggled}"));
    let response = response.has_problem(404, "no_route");
    if response.says_close() {
        wire.expect_close();
    } else {
        wire.expect_silence(Duration::from_millis(300));
    }
    assert!(origin.requests().is_empty());
}
