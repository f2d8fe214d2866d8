//! `authorize`: who may do what, and what `explain` says of it.

use super::guarded;
use crate::harness::{FaultOrigin, Setup, ringgate};

#[test]
fn a_rule_about_the_request_alone_needs_nobody() {
    let (origin, gateway) = guarded("authorize: {methods: [GET]}");
    gateway.get("/").has_status(200);
    let response = gateway.send("DELETE / HTTP/1.1\r\nHost: t\r\n\r\n");
    response.has_problem(401, "credentials_missing");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn nobody_passes_a_rule_about_somebody() {
    for rule in ["{scopes: [a]}", "{not: {roles: [a]}}", "{claims: {a: {present: false}}}", "{any: []}"] {
        let (origin, gateway) = guarded(&format!("authorize: {rule}"));
        let response = gateway.get("/").has_problem(401, "credentials_missing");
        assert_eq!(response.field("www-authenticate"), Some("Bearer"), "{rule}");
        assert!(!response.text().contains("roles"), "the answer does not tell the rule");
        assert!(origin.requests().is_empty());
    }
}

#[test]
fn what_does_not_say_who_may_use_it_is_used_by_nobody_where_that_is_asked() {
    let origin = FaultOrigin::echo();
    let routes = "
  - name: forgotten
    match: {path: /forgotten}
    cluster: origin
  - name: redirect
    match: {path: /redirect}
    redirect: {to: /open}
  - name: said
    match: {path: /said}
    cluster: origin
    policies: {authorize: {methods: [GET]}}
  - name: open
    match: {path: /open}
    cluster: origin
    policies: {authorize: off}";
    let gateway = Setup::before(origin.address()).top("deny_by_default: true").routes(routes).start();
    gateway.get("/forgotten").has_status(401);
    gateway.get("/redirect").has_status(401);
    gateway.get("/said").has_status(200);
    gateway.get("/open").has_status(200);
    gateway.metric_becomes(
        "ringgate_policy_decisions_total{route=\"forgotten\",policy=\"authorize\",verdict=\"refused\"}",
        1.0,
    );
    let gateway = Setup::before(origin.address()).routes(routes).start();
    gateway.get("/forgotten").has_status(200);
}

fn explained(rule: &str, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.yaml");
    let routes = format!(
        "
  - name: orders
    match: {{path: '/tenants/{{tenant}}/orders'}}
    cluster: origin
    policies: {{authorize: {rule}}}"
    );
    std::fs::write(&file, Setup::before("127.0.0.1:9").routes(&routes).yaml()).unwrap();
    let url = "http://t/tenants/acme%20inc/orders";
    ringgate(&[&["explain", "GET", url, "-c", &file.display().to_string()], arguments].concat()).succeeded()
}

#[test]
fn explain_shows_each_part_for_somebody_who_is_given() {
    let rule = "{scopes: [read], tenants: ['${path.tenant}'], claims: {org.level: {at_least: 3}}}";
    let given = ["--subject", "ann", "--tenant", "acme inc", "--scope", "read"];
    let told = explained(rule, &[&given[..], &["--claims", r#"{"org": {"level": 3}}"#]].concat());
    for line in [
        "asking      ann of acme inc\n",
        "  true      scopes [read]: there are read\n",
        "  true      tenants [${path.tenant}]: it is \"acme inc\", compared with \"acme inc\"\n",
        "  true      claims.org.level at_least 3: it is 3\n",
        "cluster     origin\n",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
    let told = explained(rule, &[&given[..], &["--claims", r#"{"org": {"level": 2}}"#]].concat());
    assert!(told.contains("  false     claims.org.level at_least 3: it is 2\n"), "{told}");
    assert!(told.contains("answer      403 forbidden, by authorize"), "{told}");
    let told =
        explained(rule, &["--tenant", "acme inc", "--claims", r#"{"org": {"level": 9}, "scope": "write"}"#]);
    assert!(told.contains("answer      403 insufficient_scope, by authorize"), "{told}");
    let told = explained(rule, &[]);
    assert!(told.contains("  unknown   scopes [read]: nobody is known to be asking\n"), "{told}");
    assert!(told.contains("answer      401 credentials_missing, by authorize"), "{told}");
}

#[test]
fn a_wrong_rule_is_found_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.yaml");
    for (rule, said) in [
        ("{tenants: ['${path.tenant}']}", "the route's path captures no `tenant`"),
        ("{claims: {a: {les: 3}}}", "les"),
        ("{any: [{}]}", "the rule says nothing"),
    ] {
        let yaml = Setup::before("127.0.0.1:9").route(&format!("policies: {{authorize: {rule}}}")).yaml();
        std::fs::write(&file, yaml).unwrap();
        let finished = ringgate(&["check", &file.display().to_string()]);
        assert!(finished.code == 1 && finished.said().contains(said), "{rule}: {}", finished.said());
    }
}

#[test]
fn holders_of_tokens_pass_by_what_their_tokens_say() {
    let origin = FaultOrigin::echo();
    let routes = "
  - name: orders
    match: {path: '/tenants/{tenant}/orders'}
    cluster: origin
    policies:
      authenticate: {any_of: [tokens]}
      authorize: {scopes: [orders], tenants: ['${path.tenant}'], not: {claims: {level: {less: 3}}}}";
    let known = super::Known::started(Setup::before(origin.address()).routes(routes), origin);
    let good = ["tenant=acme inc", "scope=orders other", "level=3"];
    known.get("/tenants/acme%20inc/orders", &good, "").has_status(200);
    known.get("/tenants/other/orders", &good, "").has_problem(403, "forbidden");
    // What is missing, or of another kind, gains nothing behind `not`.
    known.get("/tenants/acme%20inc/orders", &good[..2], "").has_problem(403, "forbidden");
    let text = ["tenant=acme inc", "scope=orders", "level=\"9\""];
    known.get("/tenants/acme%20inc/orders", &text, "").has_problem(403, "forbidden");
    let other = ["tenant=acme inc", "scope=other", "level=3"];
    let response = known.get("/tenants/acme%20inc/orders", &other, "").has_problem(403, "insufficient_scope");
    let challenge = r#"Bearer error="insufficient_scope", scope="orders""#;
    assert_eq!(response.field("www-authenticate"), Some(challenge));
    known.gateway.get("/tenants/acme%20inc/orders").has_problem(401, "credentials_missing");
    assert_eq!(known.origin.requests().len(), 1);
}
