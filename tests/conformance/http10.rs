//! HTTP/1.0 clients and origins: RFC 9112 9.3, C.2.

use super::Edge;
use crate::harness::{FaultOrigin, Framing, Setup};

#[test]
fn closes_after_an_http10_request() {
    // RFC 9112 9.3: persistence must be asked for in HTTP/1.0.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.ask("GET / HTTP/1.0\r\nHost: test\r\n\r\n").has_status(200);
    wire.expect_close();
}

#[test]
fn keeps_an_http10_connection_that_asks_for_it() {
    // RFC 9112 C.2.2: the answer must say keep-alive too, else the client waits for the end.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    for _ in 0..2 {
        let response =
            wire.ask("GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n").has_status(200);
        assert_eq!(response.field("connection").map(str::to_ascii_lowercase).as_deref(), Some("keep-alive"));
    }
}

#[test]
fn an_http10_request_goes_upstream_as_http11() {
    // RFC 9110 2.5: an intermediary sends its own version.
    let edge = Edge::start();
    edge.accepts("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
    assert_eq!(edge.origin.only_request().version, "HTTP/1.1");
}

#[test]
fn an_http10_request_without_host_is_served() {
    // RFC 9112 3.2: only HTTP/1.1 requests must have one. Upstream must get one, be it empty.
    let edge = Edge::start();
    edge.accepts("GET /old HTTP/1.0\r\n\r\n");
    assert!(edge.origin.only_request().field("host").is_some());
}

#[test]
fn an_http10_client_never_gets_chunks() {
    // RFC 9112 7.1: chunked is sent only to a peer known to take it.
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let gateway = Setup::before(origin.address()).start();
    for keep in ["", "Connection: keep-alive\r\n"] {
        let response = gateway.send(format!("GET / HTTP/1.0\r\nHost: test\r\n{keep}\r\n")).has_status(200);
        assert_eq!(response.framing, Framing::Close);
        assert_eq!(response.text(), "hello");
    }
}

#[test]
fn an_http10_origin_is_read_to_its_end() {
    // RFC 9112 6.3 rule 8: without framing a response ends with its connection.
    let origin =
        FaultOrigin::answering_and_closing("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold but well");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let response = wire.get("/").has_status(200);
        assert_eq!(response.text(), "old but well");
        assert_eq!(response.version, "HTTP/1.1");
        assert_eq!(response.framing, Framing::Chunked, "the client's connection need not close");
    }
}
