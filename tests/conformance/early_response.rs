//! An answer that comes while the request is still on its way: RFC 9112 9.3, RFC 9110 9.2.

use std::time::Duration;

use crate::harness::{FaultOrigin, Setup};

#[test]
fn an_early_refusal_reaches_the_client_while_it_uploads() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
        dialogue.closes_within(Duration::from_secs(5));
    });
    let gateway = Setup::before(origin.address()).top("limits: {body_timeout: 1s}").start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\nsome of it");
    let response = wire.read().has_status(413);
    assert_eq!(response.text(), "big");
    // The rest of the body is in the way of a next request: the connection ends, announced or not.
    wire.expect_close();
}

#[test]
fn an_early_answer_lets_the_upload_finish() {
    // Some origins answer first and read on, and count on the rest.
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.head() {
            let length = request.field("content-length").map_or(0, |length| length.parse().unwrap());
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
            let body = dialogue.take(length).unwrap_or_default();
            dialogue.send(format!("{:5}", body.len()));
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n01234");
    assert_eq!(wire.read_head().status, 200);
    wire.send("56789");
    assert_eq!(wire.take(5), b"   10");
    wire.get("/next").has_status(200);
}

#[test]
fn an_origin_that_answers_and_closes_is_heard() {
    // The write side breaks first; what the origin said must not be lost over it.
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    });
    let gateway = Setup::before(origin.address()).start();
    let mut answers = 0;
    for _ in 0..10 {
        let mut wire = gateway.wire();
        wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n");
        for _ in 0..20 {
            if !wire.try_send(vec![b'x'; 100_000]) {
                break;
            }
        }
        let status = wire.read().status;
        assert!(matches!(status, 401 | 502), "{status}");
        answers += u32::from(status == 401);
    }
    // A reset by the origin's kernel may overtake its answer, so now and then 502 is right.
    assert!(answers > 0, "the origin was never heard");
}

#[test]
fn a_connection_with_half_a_request_on_it_is_not_used_again() {
    let origin = FaultOrigin::start(|dialogue| {
        let request = dialogue.head().expect("a request");
        if request.method == "POST" {
            dialogue.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno");
            dialogue.closes_within(Duration::from_secs(5));
        } else {
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nhalf");
    wire.read().has_status(400);
    drop(wire);
    assert_eq!(gateway.get("/").has_status(200).text(), "ok");
    assert_eq!(origin.accepted(), 2);
}
