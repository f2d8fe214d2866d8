//! What a client is told when the gateway itself answers: RFC 9457, one shape for every error.

use super::Pair;
use crate::harness::{FaultOrigin, Setup, free_address};

#[test]
fn no_route_is_404() {
    let pair = Pair::with(|setup| setup.routes("  - name: a\n    match: {path: /a}\n    cluster: origin"));
    let response = pair.gateway.get("/b").has_problem(404, "no_route");
    assert_eq!(response.json()["title"], "Not Found");
    assert!(response.field("content-length").is_some());
}

#[test]
fn a_refused_connection_is_503() {
    let free = free_address();
    let gateway = Setup::before(free).start();
    gateway.get("/").has_problem(503, "upstream_connect_refused");
}

#[test]
fn a_reset_is_502() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.reset();
    });
    let gateway = Setup::before(origin.address()).start();
    gateway.get("/").has_problem(502, "upstream_reset");
}

#[test]
fn an_error_of_the_upstream_keeps_the_clients_connection() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.reset();
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..3 {
        assert!(!wire.get("/").has_status(502).says_close());
    }
}

#[test]
fn an_error_never_tells_what_is_inside() {
    let free = free_address();
    let gateway = Setup::before(free).start();
    let body = gateway.get("/some-script").has_status(503).text();
    for secret in ["127.0.0.1", &free.port().to_string(), "script", "origin"] {
        assert!(!body.contains(secret), "{secret}: {body}");
    }
}

#[test]
fn errors_are_counted_by_code() {
    let pair = Pair::with(|setup| setup.routes("  - name: a\n    match: {path: /a}\n    cluster: origin"));
    for _ in 0..3 {
        pair.gateway.get("/b").has_problem(404, "no_route");
    }
    pair.gateway.metric_becomes("ringgate_errors_total{code=\"no_route\"}", 3.0);
}
