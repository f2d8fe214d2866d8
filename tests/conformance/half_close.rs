//! A client that has closed its sending side: RFC 9112 9.6. It may be waiting for its answer, or be gone.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn answers_a_client_that_has_finished_sending() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("GET /half HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.finish_sending();
    assert_eq!(wire.read().has_status(200).text(), "/half");
    wire.expect_close();
}

#[test]
fn answers_within_the_grace() {
    let origin = slow_origin(Duration::from_millis(400));
    let gateway = Setup::before(origin.address()).top("limits: {half_close_grace: 5s}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.finish_sending();
    assert_eq!(wire.read().has_status(200).text(), "ok");
    wire.expect_close();
}

#[test]
fn cancels_the_attempt_when_the_grace_is_over() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        assert!(dialogue.closes_within(Duration::from_secs(5)), "the attempt was not cancelled");
    });
    let gateway = Setup::before(origin.address()).top("limits: {half_close_grace: 200ms}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    wire.finish_sending();
    origin.loses(1);
    wire.expect_close();
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn answers_pipelined_requests_that_came_before_the_end() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.finish_sending();
    assert_eq!(wire.read().text(), "/1");
    assert_eq!(wire.read().text(), "/2");
    wire.expect_close();
}

#[test]
fn an_end_within_a_head_is_the_end() {
    // RFC 9112 8: an incomplete request; answering it is optional, forwarding it forbidden.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: te");
    wire.finish_sending();
    let rest = wire.body_piece();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&rest));
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn an_end_within_a_body_never_makes_a_whole_request() {
    // RFC 9112 8: the origin must see that the message is incomplete.
    let origin = FaultOrigin::start(|dialogue| {
        assert!(dialogue.request().is_none(), "an incomplete request became a whole one");
    });
    let gateway = Setup::before(origin.address()).start();
    for framing in ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut wire = gateway.wire();
        wire.send(format!("POST / HTTP/1.1\r\nHost: test\r\n{framing}"));
        wire.finish_sending();
        let rest = wire.body_piece();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&rest));
    }
    origin.loses(origin.accepted());
}

fn slow_origin(delay: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(delay);
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}
