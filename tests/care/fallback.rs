//! What is answered where the cluster gives no answer.

use super::{failing_first, nobody, reset, unavailable};
use crate::harness::{FaultOrigin, Gateway, Setup};

/// A gateway whose route has this fallback, with a second cluster `spare`.
fn gateway(endpoint: std::net::SocketAddr, spare: std::net::SocketAddr, fallback: &str) -> Gateway {
    let yaml = Setup::before(endpoint).route(fallback).one_worker().yaml();
    let spare = format!("clusters:\n  spare:\n    endpoints: [\"{spare}\"]\n    host: spare.example\n");
    Gateway::start(&yaml.replacen("clusters:\n", &spare, 1))
}

#[test]
fn another_cluster_is_asked_with_its_own_host() {
    let spare = FaultOrigin::ok();
    let gateway = gateway(nobody(), spare.address(), "fallback: {cluster: spare}");
    gateway.get("/x").has_status(200);
    assert_eq!(spare.only_request().field("host"), Some("spare.example"));
    assert_eq!(gateway.metric("ringgate_route_fallbacks_total{kind=\"cluster\"}"), 1.0);
    let post = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    gateway.send(post).has_status(200);
    assert_eq!(spare.requests()[1].body, b"abc", "nothing was sent before, so it may go there");
}

#[test]
fn what_may_have_had_an_effect_does_not_go_to_another_cluster() {
    let (dying, spare) = (failing_first(usize::MAX, reset), FaultOrigin::ok());
    let gateway = gateway(dying.address(), spare.address(), "fallback: {cluster: spare}");
    let post = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    gateway.send(post).has_problem(502, "upstream_reset");
    assert!(spare.requests().is_empty());
    gateway.get("/").has_status(200);
}

#[test]
fn the_last_resort_is_an_answer_of_our_own() {
    let fallback =
        "fallback: {cluster: spare, respond: {status: 200, body: 'later', content_type: text/plain}}";
    let gateway = gateway(nobody(), nobody(), fallback);
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let answer = wire.get("/").has_status(200);
        assert_eq!((answer.text().as_str(), answer.says_close()), ("later", false));
    }
    assert_eq!(gateway.metric("ringgate_route_fallbacks_total{kind=\"own\"}"), 2.0);
    assert_eq!(
        gateway.metric("ringgate_errors_total{code=\"upstream_connect_refused\"}"),
        2.0,
        "it is still told"
    );
}

#[test]
fn statuses_count_as_no_answer_where_that_is_said() {
    let (failing, spare) = (failing_first(usize::MAX, unavailable), FaultOrigin::ok());
    let plain = gateway(failing.address(), spare.address(), "fallback: {cluster: spare}");
    plain.get("/").has_status(503);
    let strict = "fallback: {cluster: spare, statuses: [503]}";
    let strict = gateway(failing.address(), spare.address(), strict);
    strict.get("/").has_status(200);
    let own = "fallback: {respond: {status: 200, body: calm}, statuses: [503]}";
    let own = Setup::before(failing.address()).route(own).start();
    assert_eq!(own.get("/").has_status(200).text(), "calm");
}

#[test]
fn retries_come_before_the_fallback() {
    let (failing, spare) = (failing_first(1, unavailable), FaultOrigin::ok());
    let care = "fallback: {cluster: spare, statuses: [503]}\n    retries: {backoff: {base: 1ms, max: 1ms}}";
    let gateway = gateway(failing.address(), spare.address(), care);
    gateway.get("/").has_status(200);
    assert_eq!((failing.requests().len(), spare.requests().len()), (2, 0));
}

#[test]
fn a_status_that_is_no_answer_is_not_tried_again_for_that() {
    let (failing, spare) = (failing_first(usize::MAX, unavailable), FaultOrigin::ok());
    let fallback = "fallback: {cluster: spare, statuses: [503]}\n    retries";
    let other = format!("{fallback}: {{statuses: [502]}}");
    let other = gateway(failing.address(), spare.address(), &other);
    for _ in 0..3 {
        other.get("/").has_status(200);
    }
    assert_eq!((failing.requests().len(), spare.requests().len()), (3, 3));
    // Where it would be tried again, but the budget says no, it is not either.
    let spent = format!("{fallback}: {{statuses: [503], backoff: {{base: 1ms, max: 1ms}}}}");
    let yaml = Setup::before(failing.address())
        .route(&spent)
        .cluster("retry_budget: {share: 0%, per_second: 0}")
        .one_worker()
        .yaml();
    let clusters = format!("clusters:\n  spare:\n    endpoints: [\"{}\"]\n", spare.address());
    let spent = Gateway::start(&yaml.replacen("clusters:\n", &clusters, 1));
    spent.get("/").has_status(200);
    assert_eq!((failing.requests().len(), spare.requests().len()), (4, 4));
}

#[test]
fn what_the_client_does_wrong_is_not_answered_otherwise() {
    let own =
        "fallback: {respond: {status: 200, body: calm}}\n    policies: {request_limits: {body_bytes: 2B}}";
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).route(own).start();
    let post = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    gateway.send(post).has_problem(413, "body_too_large");
}
