//! `request_limits`: what a route takes at most.

use super::guarded;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn a_body_of_the_limit_passes_and_one_more_byte_does_not() {
    let (origin, gateway) = guarded("request_limits: {body_bytes: 10B}");
    let post = |length: usize| {
        format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    gateway.send(post(10)).has_status(200);
    gateway.send(post(11)).has_problem(413, "body_too_large");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_chunked_body_is_counted_while_it_streams() {
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway =
        Setup::before(origin.address()).route("policies: {request_limits: {body_bytes: 10B}}").start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n");
    std::thread::sleep(std::time::Duration::from_millis(50));
    wire.send("8\r\n12345678\r\n");
    let response = wire.read().has_problem(413, "body_too_large");
    assert!(response.says_close());
    wire.expect_close();
}

#[test]
fn a_route_may_take_more_than_the_rest() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("limits: {body_bytes: 10B}")
        .route("policies: {request_limits: {body_bytes: 100B}}")
        .start();
    let body = "x".repeat(50);
    gateway.send(format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 50\r\n\r\n{body}")).has_status(200);
}

#[test]
fn a_query_beyond_the_limit_is_414() {
    let (_origin, gateway) = guarded("request_limits: {query_bytes: 10B}");
    gateway.get("/?123456789").has_status(200);
    gateway.get("/?1234567890").has_status(200);
    gateway.get("/?12345678901").has_status(414);
    gateway.get("/a-path-that-is-longer-than-the-query-may-be").has_status(200);
}

#[test]
fn fields_beyond_the_limit_are_431() {
    let (_origin, gateway) = guarded("request_limits: {header_bytes: 200B}");
    gateway.get("/").has_status(200);
    gateway.get_with("/", &format!("A: {}\r\n", "a".repeat(300))).has_status(431);
}

#[test]
fn other_methods_are_405_with_allow() {
    let (origin, gateway) = guarded("request_limits: {methods: [GET, POST]}");
    gateway.get("/").has_status(200);
    let response =
        gateway.send("DELETE / HTTP/1.1\r\nHost: t\r\n\r\n").has_problem(405, "method_not_allowed");
    let allow = response.field("allow").expect("RFC 9110 15.5.6: Allow");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    assert_eq!(origin.requests().len(), 1);
}
