//! `ip_filter`: who may ask at all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::guarded;
use crate::harness::{FaultOrigin, Gateway, Setup};

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

/// A gateway whose only route admits what is in a file, which is written to where the second is.
fn listed(key: &str, list: &str) -> (FaultOrigin, Gateway, PathBuf) {
    let origin = FaultOrigin::echo();
    let directory = tempfile::tempdir().unwrap();
    let (file, config) = (directory.path().join("list.txt"), directory.path().join("gateway.yaml"));
    std::fs::write(&file, list).unwrap();
    let yaml = Setup::before(origin.address())
        .route(&format!("policies: {{ip_filter: {{{key}: [list.txt]}}}}"))
        .yaml();
    std::fs::write(&config, yaml).unwrap();
    let gateway = Gateway::start_file(&config, directory, &[]);
    (origin, gateway, file)
}

fn becomes(gateway: &Gateway, status: u16) {
    let by = Instant::now() + Duration::from_secs(20);
    while gateway.get("/").status != status {
        assert!(Instant::now() < by, "never {status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_file_is_followed_without_a_new_configuration() {
    let (_origin, gateway, file) = listed("deny_files", "# nobody yet\n");
    gateway.get("/").has_status(200);
    std::fs::write(&file, "10.0.0.0/8\n127.0.0.0/8 # us\n").unwrap();
    becomes(&gateway, 403);
    assert_eq!(gateway.metric("ringgate_address_list_ranges"), 2.0);
    assert_eq!(gateway.metric("ringgate_generation"), 1.0);
    std::fs::remove_file(&file).unwrap();
    gateway.metric_becomes("ringgate_address_list_stale", 1.0);
    gateway.get("/").has_status(403);
    std::fs::write(&file, "").unwrap();
    becomes(&gateway, 200);
    assert_eq!(gateway.metric("ringgate_address_list_stale"), 0.0);
    assert_eq!(gateway.metric("ringgate_address_list_failures_total"), 1.0);
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_of() {
    let (_origin, gateway, file) = listed("allow_files", "127.0.0.1\n");
    gateway.get("/").has_status(200);
    std::fs::write(&file, "10.0.0.0/8\nnonsense\n").unwrap();
    gateway.metric_becomes("ringgate_address_list_failures_total", 1.0);
    let said = gateway.stderr();
    assert!(said.contains("not taken, the former 1 ranges stay: line 2: `nonsense`"), "{said}");
    gateway.get("/").has_status(200);
}

#[test]
fn a_configuration_with_a_file_that_is_not_right_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gateway.yaml");
    let yaml = Setup::before("127.0.0.1:9").route("policies: {ip_filter: {deny_files: [list.txt]}}").yaml();
    std::fs::write(&config, yaml).unwrap();
    let said = || crate::harness::ringgate(&["check", &config.display().to_string()]);
    assert!(said().code == 1 && said().said().contains("list.txt"), "{}", said().said());
    std::fs::write(directory.path().join("list.txt"), "1.2.3\n").unwrap();
    assert!(said().said().contains("line 1"), "{}", said().said());
    std::fs::write(directory.path().join("list.txt"), "1.2.3.4\n").unwrap();
    assert_eq!(said().code, 0, "{}", said().said());
}
