//! Several requests before the first response: RFC 9112 9.3.2.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn answers_pipelined_requests_in_their_order() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let requests: String =
        (0..30).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
    wire.send(requests);
    for number in 0..30 {
        assert_eq!(wire.read().has_status(200).text(), format!("/{number}"));
    }
}

#[test]
fn keeps_order_when_the_first_answer_is_slow() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target == "/slow" {
                std::thread::sleep(Duration::from_millis(200));
            }
            let target = request.target;
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\nGET /fast HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read().text(), "/slow");
    assert_eq!(wire.read().text(), "/fast");
}

#[test]
fn takes_bodies_between_pipelined_requests() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send(
        "POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc\
         POST /b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n\
         GET /c HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    for target in ["/a", "/b", "/c"] {
        assert_eq!(wire.read().has_status(200).text(), target);
    }
    let bodies: Vec<Vec<u8>> = edge.origin.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [b"abc".to_vec(), b"de".to_vec(), Vec::new()]);
}

#[test]
fn answers_what_came_before_a_malformed_request() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("GET /good HTTP/1.1\r\nHost: test\r\n\r\nGET /bad HTTP/1.1\r\n\r\nGET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read().has_status(200).text(), "/good");
    wire.read().has_problem(400, "missing_host");
    wire.expect_close();
    assert_eq!(edge.origin.only_request().target, "/good");
}

#[test]
fn answers_nothing_after_a_request_that_closes() {
    // RFC 9112 9.6: the server MUST NOT process further requests on that connection.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send(
        "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nGET /after HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    assert_eq!(wire.read().has_status(200).text(), "/last");
    wire.expect_close();
    assert_eq!(edge.origin.only_request().target, "/last");
}

#[test]
fn a_split_between_two_heads_may_fall_anywhere() {
    let edge = Edge::start();
    let bytes = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\nGET /b HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut wire = edge.gateway.wire();
    for split in 1..bytes.len() {
        wire.send_slowly([&bytes[..split]], Duration::from_millis(2));
        wire.send(&bytes[split..]);
        assert_eq!(wire.read().has_status(200).text(), "/a", "split at {split}");
        assert_eq!(wire.read().has_status(200).text(), "/b", "split at {split}");
    }
}
