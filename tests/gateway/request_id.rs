//! X-Request-Id: one id in the origin's request, the client's answer, the error body and the log.

use std::collections::BTreeSet;

use super::Pair;

#[test]
fn makes_an_id_and_tells_both_sides() {
    let pair = Pair::start();
    let response = pair.gateway.get("/").has_status(200);
    let told = response.field("x-request-id").expect("an id").to_owned();
    assert!(told.len() >= 16, "{told}");
    assert_eq!(pair.origin.only_request().field("x-request-id"), Some(told.as_str()));
}

#[test]
fn ids_are_never_the_same() {
    let pair = Pair::start();
    let mut wire = pair.gateway.wire();
    let ids: BTreeSet<String> =
        (0..100).map(|_| wire.get("/").field("x-request-id").expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn does_not_take_an_id_from_a_stranger() {
    let pair = Pair::start();
    let request = pair.forwards("/", "X-Request-Id: spoofed-id-0123456789\r\n");
    assert_ne!(request.field("x-request-id"), Some("spoofed-id-0123456789"));
}

#[test]
fn takes_an_id_from_a_trusted_proxy() {
    let pair = Pair::with(|setup| setup.top("trusted_proxies: [127.0.0.1]"));
    let id = "0123456789abcdef-from-the-edge";
    let response = pair.gateway.get_with("/", &format!("X-Request-Id: {id}\r\n")).has_status(200);
    assert_eq!(response.field("x-request-id"), Some(id));
    assert_eq!(pair.origin.only_request().field("x-request-id"), Some(id));
}

#[test]
fn an_id_with_odd_bytes_is_replaced() {
    // It goes into logs and error bodies.
    let pair = Pair::with(|setup| setup.top("trusted_proxies: [127.0.0.1]"));
    for id in ["a\"b", "", &"x".repeat(1000), "a b", "<i>"] {
        let request = pair.forwards("/", &format!("X-Request-Id: {id}\r\n"));
        assert_ne!(request.field("x-request-id"), Some(id), "{id}");
    }
}

#[test]
fn an_error_carries_the_id_of_its_answer() {
    let pair = Pair::with(|setup| setup.routes("  - name: a\n    match: {path: /a}\n    cluster: origin"));
    let response = pair.gateway.get("/other").has_problem(404, "no_route");
    assert_eq!(response.json()["request_id"], response.field("x-request-id").expect("an id"));
}
