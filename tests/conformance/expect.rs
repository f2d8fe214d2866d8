//! Expect: 100-continue: RFC 9110 10.1.1.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Setup};

const REQUEST: &str = "POST /up HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn a_client_that_waits_for_100_gets_it() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.head() {
            if request.field("expect").is_some() {
                dialogue.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            if request.field("content-length").is_some() && dialogue.take(5).is_none() {
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.ask(REQUEST).has_status(100);
    wire.send("hello");
    wire.read().has_status(200);
    wire.get("/next-needs-no-body").has_status(200);
}

#[test]
fn a_client_that_gives_up_waiting_is_served() {
    // RFC 9110 10.1.1: a client need not wait for ever. The origin here never sends 100, and the gateway leaves
    // that to the origin, so it must go on as soon as the body comes.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send(REQUEST);
    edge.origin.receives(1);
    std::thread::sleep(Duration::from_millis(300));
    wire.send("hello");
    let mut response = wire.read();
    if response.status == 100 {
        response = wire.read();
    }
    assert_eq!(response.has_status(200).text(), "/up");
    assert_eq!(edge.origin.only_request().body, b"hello");
}

#[test]
fn a_client_that_does_not_wait_gets_at_most_one_100() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let mut response = wire.ask(format!("{REQUEST}hello"));
    if response.status == 100 {
        response = wire.read();
    }
    assert_eq!(response.has_status(200).text(), "/up");
    assert_eq!(wire.get("/next").has_status(200).text(), "/next");
}

#[test]
fn a_refusal_comes_instead_of_100() {
    // RFC 9110 10.1.1: a final status spares the client its body.
    let edge = Edge::with("limits: {body_bytes: 4B}");
    let mut wire = edge.gateway.wire();
    let response = wire.ask(REQUEST).has_problem(413, "body_too_large");
    assert!(response.says_close());
    wire.expect_close();
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn an_http10_client_gets_no_100() {
    // RFC 9110 10.1.1: an HTTP/1.0 request's expectation is ignored.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("POST /old HTTP/1.0\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    wire.send("hello");
    assert_eq!(wire.read().has_status(200).text(), "/old");
}

#[test]
fn refuses_other_expectations() {
    // RFC 9110 15.5.18.
    let edge = Edge::start();
    let request = "POST / HTTP/1.1\r\nHost: test\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n";
    edge.gateway.send(request).has_status(417);
    assert!(edge.origin.requests().is_empty());
}
