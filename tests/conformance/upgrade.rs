//! Upgrade: RFC 9110 7.8. What is not allowed is declined without harm; what is, is tested in `upgrade`.

use super::{Edge, breaks};
use crate::harness::{FaultOrigin, Setup};

#[test]
fn declines_websocket_cleanly() {
    let edge = Edge::with("defaults: {upgrades: []}");
    let request = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    edge.gateway.send(request).has_problem(501, "upgrade_not_supported");
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn ignores_other_offers_and_removes_them() {
    // RFC 9110 7.8: a server may ignore Upgrade; the field is hop by hop. h2c through a proxy is a smuggling way.
    let edge = Edge::start();
    let request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    edge.accepts(request);
    let request = edge.origin.only_request();
    for name in ["upgrade", "http2-settings"] {
        assert_eq!(request.field(name), None);
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_a_broken_origin() {
    // RFC 9110 15.2.2.
    breaks(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "unexpected_switch",
    );
}

#[test]
fn refuses_the_http2_preface_where_that_is_not_spoken() {
    // RFC 9113 3.4: "PRI * HTTP/2.0" is chosen so that an HTTP/1.1 server fails on it.
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).listener("http2: false").start();
    let mut wire = gateway.wire();
    let response = wire.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(matches!(response.status, 400 | 505), "{response:#?}");
    wire.expect_close();
}
