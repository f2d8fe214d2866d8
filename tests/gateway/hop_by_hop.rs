//! Fields that are for one connection alone: RFC 9110 7.6.1.

use super::Pair;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn removes_hop_by_hop_fields_of_the_request() {
    let pair = Pair::start();
    let request = pair.forwards(
        "/",
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
         Proxy-Authorization: secret\r\n",
    );
    for name in ["keep-alive", "proxy-connection", "te", "proxy-authorization", "upgrade"] {
        assert_eq!(request.field(name), None, "{name}");
    }
    assert!(request.fields_named("connection").iter().all(|value| !value.contains("keep-alive")));
}

#[test]
fn removes_what_connection_names() {
    let pair = Pair::start();
    let request = pair.forwards("/", "Connection: X-One, x-two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nConnection: x-four\r\nX-Four: 4\r\n");
    assert_eq!(request.field("x-three"), Some("3"));
    for name in ["x-one", "x-two", "x-four"] {
        assert_eq!(request.field(name), None, "{name}");
    }
}

#[test]
fn connection_cannot_remove_what_the_gateway_says() {
    // The known attack: make the proxy drop the very fields the origin decides by.
    let pair = Pair::start();
    let request = pair.forwards("/", "Connection: close, X-Forwarded-For, X-Request-Id, Host, Via\r\n");
    for name in ["x-forwarded-for", "x-request-id", "host", "via"] {
        assert!(request.field(name).is_some(), "{name} was removed");
    }
}

#[test]
fn connection_cannot_remove_the_framing() {
    let pair = Pair::start();
    let request =
        "POST / HTTP/1.1\r\nHost: test\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc";
    let response = pair.gateway.send(request);
    assert!(matches!(response.status, 200 | 400), "{response:?}");
    if response.status == 200 {
        assert_eq!(pair.origin.only_request().body, b"abc");
    }
}

#[test]
fn removes_hop_by_hop_fields_of_the_response() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\n\
         Proxy-Connection: x\r\nUpgrade: h2c\r\nX-Public: 2\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/").has_status(200);
    for name in ["keep-alive", "x-private", "proxy-connection", "upgrade"] {
        assert_eq!(response.field(name), None, "{name}");
    }
    assert_eq!(response.field("x-public"), Some("2"));
}

#[test]
fn te_trailers_may_pass() {
    // RFC 9110 10.1.4: a gateway that takes trailers itself may say so; nothing else of TE may pass.
    let request = Pair::start().forwards("/", "TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n");
    assert!(matches!(request.field("te"), None | Some("trailers")), "{:?}", request.field("te"));
}
