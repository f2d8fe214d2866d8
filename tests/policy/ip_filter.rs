//! `ip_filter`: who may ask at all.

use super::guarded;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn a_denied_address_is_403() {
    let (origin, gateway) = guarded("ip_filter: {deny: [127.0.0.0/8]}");
    gateway.get("/").has_status(403);
    assert!(origin.requests().is_empty());
}

#[test]
fn an_address_that_is_not_denied_passes() {
    let (_origin, gateway) = guarded("ip_filter: {deny: [10.0.0.0/8]}");
    gateway.get("/").has_status(200);
}

#[test]
fn only_allowed_addresses_pass() {
    let (_origin, gateway) = guarded("ip_filter: {allow: [127.0.0.1]}");
    gateway.get("/").has_status(200);
    let (origin, gateway) = guarded("ip_filter: {allow: [10.0.0.0/8]}");
    gateway.get("/").has_status(403);
    assert!(origin.requests().is_empty());
}

#[test]
fn a_stranger_cannot_claim_an_address() {
    let (_origin, gateway) = guarded("ip_filter: {allow: [10.0.0.0/8]}");
    gateway.get_with("/", "X-Forwarded-For: 10.0.0.1\r\n").has_status(403);
}

#[test]
fn a_trusted_proxy_tells_the_clients_address() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("trusted_proxies: [127.0.0.1]")
        .route("policies: {ip_filter: {allow: [10.0.0.0/8]}}")
        .start();
    gateway.get_with("/", "X-Forwarded-For: 10.0.0.1\r\n").has_status(200);
    gateway.get_with("/", "X-Forwarded-For: 11.0.0.1\r\n").has_status(403);
    // The last hop that is not trusted counts, not what the client wrote in front of it.
    gateway.get_with("/", "X-Forwarded-For: 10.0.0.1, 11.0.0.1\r\n").has_status(403);
}

#[test]
fn refusals_are_counted() {
    let (_origin, gateway) = guarded("ip_filter: {deny: [127.0.0.0/8]}");
    for _ in 0..3 {
        gateway.get("/").has_status(403);
    }
    gateway.metric_becomes("ringgate_policy_decisions_total{policy=\"ip_filter\",verdict=\"refused\"}", 3.0);
}

#[test]
fn a_refusal_keeps_the_connection() {
    let (_origin, gateway) = guarded("ip_filter: {deny: [127.0.0.0/8]}");
    let mut wire = gateway.wire();
    assert!(!wire.get("/").has_status(403).says_close());
    wire.get("/").has_status(403);
}
