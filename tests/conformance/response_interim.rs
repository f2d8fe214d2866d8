//! Interim answers of an origin: RFC 9110 15.2.

use crate::harness::{FaultOrigin, Setup};

#[test]
fn passes_early_hints_on() {
    // RFC 8297, and RFC 9110 15.2: a proxy MUST forward 1xx, save a 100 it asked for itself.
    let origin = FaultOrigin::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let hints = wire.get("/").has_status(103);
    assert_eq!(hints.field("link"), Some("</style.css>; rel=preload"));
    assert_eq!(wire.read().has_status(200).text(), "ok");
}

#[test]
fn an_http10_client_gets_no_interim_answer() {
    // RFC 9110 15.2: a server MUST NOT send 1xx to an HTTP/1.0 client.
    let origin = FaultOrigin::answering(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Setup::before(origin.address()).start();
    gateway.send("GET / HTTP/1.0\r\nHost: test\r\n\r\n").has_status(200);
}

#[test]
fn a_100_that_nobody_waits_for_does_no_harm() {
    let origin =
        FaultOrigin::answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let mut response = wire.get("/");
    if response.status == 100 {
        response = wire.read();
    }
    assert_eq!(response.has_status(200).text(), "ok");
}

#[test]
fn interim_answers_without_end_are_a_broken_origin() {
    // Each is small; together they would hold a client for ever.
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        while dialogue.send("HTTP/1.1 102 Processing\r\n\r\n") {}
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let last = std::iter::repeat_with(|| wire.read()).take(10_000).find(|response| response.status >= 200);
    last.expect("a final answer").has_problem(502, "upstream_too_many_interim");
}

#[test]
fn a_close_after_an_interim_answer_is_a_broken_origin() {
    let origin = FaultOrigin::answering_and_closing("HTTP/1.1 100 Continue\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let mut response = wire.get("/");
    if response.status == 100 {
        response = wire.read();
    }
    response.has_status(502);
}

#[test]
fn an_interim_answer_with_framing_is_a_broken_origin() {
    // RFC 9110 8.6: there is no Content-Length in 1xx, so what follows is no body, and no answer either.
    let origin = FaultOrigin::answering("HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let mut response = wire.get("/");
    if response.status == 103 {
        response = wire.read();
    }
    response.has_status(502);
}
