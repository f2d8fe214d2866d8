//! `quota`: what its configuration may say. How it counts is in `tests/fleet/quotas.rs`.

use crate::harness::ringgate;

#[track_caller]
fn refused(quotas: &str, policy: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let text = format!(
        "listeners: [{{name: a, address: \"127.0.0.1:0\"}}]\nquotas: {quotas}\n\
         routes: [{{name: all, respond: {{status: 200}}, policies: {{quota: {policy}}}}}]\n"
    );
    std::fs::write(&file, text).expect("the directory is ours");
    let finished = ringgate(&["check", file.to_str().expect("UTF-8")]);
    assert_ne!(finished.code, 0, "{}", finished.said());
    finished.said()
}

#[test]
fn a_quota_that_makes_no_sense_is_told_where_it_is_written() {
    let said = refused("{api: {amount: 0, period: day}}", "{quotas: [api]}");
    assert!(said.contains("quotas.api.amount") && said.contains("admits nobody"), "{said}");
    let said = refused("{api: {amount: 5, period: week}}", "{quotas: [api]}");
    assert!(said.contains("week") && said.contains("month"), "{said}");
    let said = refused("{api: {amount: 5, period: day, key: [nobody]}}", "{quotas: [api]}");
    assert!(said.contains("there is no part `nobody`"), "{said}");
}

#[test]
fn a_quota_that_there_is_not_is_told_at_the_route() {
    let said = refused("{api: {amount: 5, period: day}}", "{quotas: [ap]}");
    assert!(said.contains("there is no quota `ap`"), "{said}");
    let said = refused("{}", "{quotas: []}");
    assert!(said.contains("no quota is named"), "{said}");
}
