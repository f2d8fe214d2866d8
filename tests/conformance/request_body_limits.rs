//! The limits of a request body: RFC 9110 15.5.14 and 15.5.9, also for bodies whose size is not announced.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn refuses_an_announced_body_that_is_too_large() {
    let edge = Edge::with("limits: {body_bytes: 1KiB}");
    edge.accepts(format!(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1024\r\n\r\n{}",
        "a".repeat(1024)
    ));
    edge.refuses("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1025\r\n\r\n", 413, "body_too_large");
}

#[test]
fn refuses_a_chunked_body_that_grows_too_large() {
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway = Setup::before(origin.address()).top("limits: {body_bytes: 1KiB}").start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..5 {
        if !wire.try_send(format!("100\r\n{}\r\n", "a".repeat(256))) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let response = wire.read().has_problem(413, "body_too_large");
    assert!(response.says_close());
    wire.expect_close();
    // What had gone upstream is not a whole request: the origin sees its connection end.
    origin.loses(origin.accepted());
}

#[test]
fn a_body_of_the_limit_may_be_chunked() {
    // The limit counts what the body holds, not how it is framed.
    let edge = Edge::with("limits: {body_bytes: 1KiB}");
    let chunks = "1\r\na\r\n".repeat(1024);
    edge.accepts(format!(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    ));
    assert_eq!(edge.origin.only_request().body.len(), 1024);
}

#[test]
fn answers_408_when_a_body_stops() {
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway = Setup::before(origin.address()).top("limits: {body_timeout: 300ms}").start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf");
    let response = wire.read().has_problem(408, "body_timeout");
    assert!(response.says_close());
    wire.expect_close();
    origin.loses(origin.accepted());
}

#[test]
fn a_slow_body_that_goes_on_is_not_too_slow() {
    // The limit is the time without a byte, not the time for the whole.
    let edge = Edge::with("limits: {body_timeout: 500ms}");
    let mut wire = edge.gateway.wire();
    wire.send("POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n");
    wire.send_slowly(b"0123456789".chunks(1), Duration::from_millis(100));
    assert_eq!(wire.read().has_status(200).text(), "/slow");
}
