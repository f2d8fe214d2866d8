//! `ringgate check`: every mistake at once, each with its place and what to do.

use super::Written;
use crate::harness::{Setup, ringgate};

/// Five mistakes of five kinds, on lines 1, 3, 6, 8 and 9.
const FIVE: &str = "trusted_proxys: []
listeners: [{name: public, address: '127.0.0.1:0'}]
limits: {head_timeout: 5 parsecs}
clusters:
  origin:
    endpoints: ['127.0.0.1']
routes:
  - {name: a, match: {path: '/x/{'}, cluster: origin}
  - {name: b, cluster: orgin}
";

#[test]
fn five_mistakes_are_five_diagnostics_with_line_and_hint() {
    let file = Written::new(FIVE);
    let finished = ringgate(&["check", file.path()]);
    assert_eq!(finished.code, 1);
    let said = finished.said();
    for line in [1, 3, 6, 8, 9] {
        assert!(said.contains(&format!("gateway.yaml:{line}:")), "nothing about line {line}:\n{said}");
    }
    assert!(said.contains("trusted_proxies"), "no hint for the unknown key:\n{said}");
    assert!(said.contains("orgin") && said.contains("origin"), "no hint for the unknown cluster:\n{said}");
    assert!(said.contains("5 parsecs"), "the offending text is not shown:\n{said}");
}

#[test]
fn a_good_file_is_good() {
    let file = Written::new(&Setup::before("127.0.0.1:9000").yaml());
    ringgate(&["check", file.path()]).succeeded();
}

#[test]
fn a_missing_file_is_an_error_with_its_name() {
    let finished = ringgate(&["check", "does-not-exist.yaml"]);
    assert_ne!(finished.code, 0);
    assert!(finished.said().contains("does-not-exist.yaml"), "{}", finished.said());
}

#[test]
fn what_is_not_yaml_is_an_error_with_its_line() {
    let file = Written::new("listeners:\n  - {name: a\nroutes: ]\n");
    let finished = ringgate(&["check", file.path()]);
    assert_eq!(finished.code, 1);
    assert!(finished.said().contains("gateway.yaml:"), "{}", finished.said());
}

#[test]
fn names_that_lead_nowhere_are_errors() {
    for (line, wrong) in [
        ("routes: [{name: a, cluster: nowhere}]", "nowhere"),
        ("routes: [{name: a, listeners: [inner], respond: {status: 200}}]", "inner"),
        ("routes: [{name: a, respond: {status: 200}}, {name: a, respond: {status: 201}}]", "a"),
        ("routes: [{name: a}]", "cluster"),
        ("routes: [{name: a, respond: {status: 200}, redirect: {to: /x}}]", "redirect"),
        ("routes: [{name: a, match: {path: /a, prefix: /b}, respond: {status: 200}}]", "prefix"),
        ("routes: [{name: a, match: {headers: {x: {regex: '('}}}, respond: {status: 200}}]", "("),
    ] {
        let file = Written::new(&format!("listeners: [{{name: public, address: '127.0.0.1:0'}}]\n{line}\n"));
        let finished = ringgate(&["check", file.path()]);
        assert_eq!(finished.code, 1, "{line} was taken");
        assert!(finished.said().contains("gateway.yaml:2:"), "{}", finished.said());
        assert!(finished.said().contains(wrong), "{line}: {}", finished.said());
    }
}

#[test]
fn run_refuses_what_check_refuses() {
    let file = Written::new(FIVE);
    let finished = ringgate(&["run", file.path()]);
    assert_ne!(finished.code, 0);
    assert!(finished.said().contains("gateway.yaml:9:"), "{}", finished.said());
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = Written::new(&format!(
        "listeners: [{{name: public, address: '{address}'}}]\nroutes: [{{name: a, respond: {{status: 200}}}}]\n"
    ));
    let finished = ringgate(&["run", file.path()]);
    assert_ne!(finished.code, 0);
    assert!(finished.said().contains(&address.to_string()), "{}", finished.said());
}

#[test]
fn help_stands_everywhere_with_examples() {
    for command in ["run", "check", "explain", "schema", "origin"] {
        let help = ringgate(&[command, "--help"]).succeeded();
        assert!(help.contains(&format!("ringgate {command}")), "{help}");
        assert!(help.to_lowercase().contains("example"), "no example in the help of {command}:\n{help}");
    }
    ringgate(&["--help"]).succeeded();
}

#[test]
fn the_version_is_told() {
    assert!(ringgate(&["version"]).succeeded().contains(env!("CARGO_PKG_VERSION")));
}
