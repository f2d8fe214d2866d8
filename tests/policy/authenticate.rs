//! `authenticate`: who is asking.

use tempfile::NamedTempFile;

use crate::harness::{FaultOrigin, Gateway, Setup, ringgate};

fn gateway(policy: &str) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("authenticators: {clients: {certificate: {}}}")
        .route(&format!("policies: {{authenticate: {policy}}}"))
        .start();
    (origin, gateway)
}

#[test]
fn without_credentials_the_answer_is_401_and_the_service_hears_nothing() {
    let (origin, gateway) = gateway("{any_of: [clients]}");
    gateway.get("/").has_problem(401, "credentials_missing");
    assert!(origin.requests().is_empty());
    gateway
        .metric_becomes("ringgate_authentications_total{authenticator=\"clients\",outcome=\"absent\"}", 1.0);
}

#[test]
fn optional_lets_strangers_through() {
    let (_origin, gateway) = gateway("{any_of: [clients], optional: true}");
    gateway.get("/").has_status(200);
}

#[test]
fn names_that_lead_nowhere_and_contradictions_are_told_at_once() {
    let setup = Setup::before("127.0.0.1:9")
        .top("authenticators: {clients: {certificate: {}}}")
        .routes("  - {name: a, cluster: origin, policies: {authenticate: {any_of: [client]}}}\n  - {name: b, match: {path: /b}, cluster: origin, policies: {authenticate: {}}}");
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), setup.yaml()).expect("it can be written");
    let said = ringgate(&["check", &file.path().display().to_string()]).said();
    assert!(said.contains("there is no authenticator `client`") && said.contains("clients"), "{said}");
    assert!(said.contains("wants one of `any_of` and `all_of`"), "{said}");
}
