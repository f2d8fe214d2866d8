//! `headers`: fields set and removed on the way there and back.

use super::guarded;
use crate::harness::{FaultOrigin, Setup, free_address};

#[test]
fn sets_and_removes_request_fields() {
    let (origin, gateway) = guarded("headers: {request: {set: {x-a: new}, remove: [x-c]}}");
    gateway.get_with("/", "X-A: old\r\nX-A: older\r\nX-B: stays\r\nX-C: goes\r\n").has_status(200);
    let request = origin.only_request();
    assert_eq!(request.field("x-a"), Some("new"));
    assert_eq!(request.field("x-b"), Some("stays"));
    assert_eq!(request.field("x-c"), None);
}

#[test]
fn sets_and_removes_response_fields() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nX-Powered-By: old\r\nServer: leaky/1.0\r\nX-D: origin\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = Setup::before(origin.address())
        .route("policies: {headers: {response: {set: {x-d: gateway}, remove: [x-powered-by, server]}}}")
        .start();
    let response = gateway.get("/").has_status(200);
    assert_eq!(response.field("x-d"), Some("gateway"));
    assert_eq!(response.field("x-powered-by"), None);
    assert_eq!(response.field("server"), None);
}

#[test]
fn response_fields_are_on_the_gateways_own_answers_too() {
    // Security fields that are missing on errors are missing where they are needed.
    let free = free_address();
    let gateway = Setup::before(free)
        .route("policies: {headers: {response: {set: {strict-transport-security: max-age=1}}}}")
        .start();
    let response = gateway.get("/").has_status(503);
    assert_eq!(response.field("strict-transport-security"), Some("max-age=1"));
}

#[test]
fn defaults_hold_for_every_route_that_does_not_replace_them() {
    let origin = FaultOrigin::echo();
    let routes = "
  - name: plain
    match: {path: /plain}
    cluster: origin
  - name: own
    match: {path: /own}
    cluster: origin
    policies: {headers: {response: {set: {x-from: route}}}}";
    let gateway = Setup::before(origin.address())
        .top("defaults: {policies: {headers: {response: {set: {x-from: defaults}}}}}")
        .routes(routes)
        .start();
    assert_eq!(gateway.get("/plain").field("x-from"), Some("defaults"));
    assert_eq!(gateway.get("/own").field("x-from"), Some("route"));
}

#[test]
fn framing_and_connection_cannot_be_set() {
    for name in ["content-length", "transfer-encoding", "connection", "upgrade"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bad.yaml");
        let yaml = Setup::before("127.0.0.1:9")
            .route(&format!("policies: {{headers: {{request: {{set: {{{name}: x}}}}}}}}"))
            .yaml();
        std::fs::write(&file, yaml).unwrap();
        let finished = crate::harness::ringgate(&["check", &file.display().to_string()]);
        assert_eq!(finished.code, 1, "{name} was taken: {}", finished.said());
    }
}
