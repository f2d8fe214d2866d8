//! Rules as tables.

use std::rc::Rc;

use serde_json::{Value, json};

use super::rule::Truth;
use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::principal::Principal;
use crate::policy::scope::{Problem, Surroundings};
use crate::route::plan::MatchPlan;
use crate::route::table::{RouteIndex, Table};

pub(super) fn compiled(rule: &RuleConfig, params: &[String]) -> (AuthorizePlan, Vec<Problem>) {
    let secrets = |_: &str| None;
    let mut scope = Scope::new(&secrets);
    scope.around = Surroundings { params: Some(params), ..scope.around };
    let plan = Authorize::compile(rule, &mut scope);
    (plan, scope.problems)
}

fn rule(written: Value) -> RuleConfig {
    serde_json::from_value(written).expect("a valid rule")
}

pub(super) fn principal(claims: &Value) -> Principal {
    let mut principal = Principal::new("tokens", Method::Jwt, "ann");
    principal.claims = claims.as_object().cloned().unwrap_or_default();
    principal
}

/// A GET of `/t/{t}?q=...`.
pub(super) fn exchange(path: &str, query: &str) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
    exchange.path = path.as_bytes().to_vec();
    exchange.host = "api.test".to_owned();
    let head = format!("GET {path}?{query} HTTP/1.1\r\nX-F: a\r\nX-Two: a\r\nX-Two: b\r\n\r\n");
    let limits = crate::http::h1::parse::HeadLimits { head_bytes: 4096, target_bytes: 1024, field_count: 9 };
    let mut scan = crate::http::h1::parse::HeadScan::default();
    crate::http::h1::parse::request(&mut scan, head.as_bytes(), &limits, &mut exchange.request)
        .expect("a valid head")
        .expect("a whole head");
    let target = crate::http::target::Target::parse(exchange.request.method, exchange.request.target());
    exchange.query = target.expect("a valid target").query;
    let matches = serde_json::from_value(json!({"path": "/t/{t}"})).expect("a valid match");
    let plan =
        MatchPlan::compile(&matches, &crate::route::path::PathRules::default()).expect("a valid pattern");
    let table = Table::build(&[(RouteIndex(0), &plan)]).expect("a table");
    let mut params = std::mem::take(&mut exchange.params);
    table.find(&exchange.view(), &mut params);
    exchange.params = params;
    exchange
}

pub(super) fn names() -> Vec<String> {
    vec!["t".to_owned()]
}

fn truth(written: Value, exchange: &Exchange) -> Truth {
    let (plan, problems) = compiled(&rule(written.clone()), &names());
    assert_eq!(problems, [], "{written}");
    plan.rule.holds(&plan.view(exchange), Scopes::Held)
}

fn asking(claims: Value) -> Exchange {
    let mut exchange = exchange("/t/a%20b", "q=a+b&d=1&d=2");
    let mut who = principal(&claims);
    who.tenant = Some("a b".into());
    who.scopes = vec!["read".into(), "write".into()];
    who.roles = vec!["admin".into()];
    exchange.principals.push(Rc::new(who));
    exchange
}

const YES: Truth = Some(true);
const NO: Truth = Some(false);
const UNKNOWN: Truth = None;

#[test]
fn a_rule_holds_if_everything_in_it_does() {
    let exchange = asking(
        json!({"n": 7, "s": "x", "l": ["x", 1], "o": {"id": "y"}, "at": "2026-11-22T00:00:00Z", "z": null}),
    );
    for (written, expected) in [
        (json!({"scopes": ["read", "write"]}), YES),
        (json!({"scopes": ["read", "admin"]}), NO),
        (json!({"any_scope": ["admin", "read"]}), YES),
        (json!({"roles": ["owner", "admin"]}), YES),
        (json!({"subjects": ["bob"]}), NO),
        (json!({"plans": ["gold"]}), UNKNOWN),
        (json!({"methods": ["GET"]}), YES),
        (json!({"methods": ["HEAD"]}), NO),
        (json!({"tenants": ["${path.t}"]}), YES),
        (json!({"tenants": ["${query.q}"]}), YES),
        (json!({"tenants": ["${query.d}"]}), UNKNOWN),
        (json!({"tenants": ["${query.none}", "a b"]}), YES),
        (json!({"claims": {"s": "${field.x-f}"}}), NO),
        (json!({"claims": {"s": "${field.x-two}"}}), UNKNOWN),
        (json!({"claims": {"o.id": "y"}}), YES),
        (json!({"claims": {"n": 7}}), YES),
        (json!({"claims": {"n": "7"}}), UNKNOWN),
        (json!({"claims": {"n": {"at_least": 7, "less": 7.5}}}), YES),
        (json!({"claims": {"n": {"more": 7}}}), NO),
        (json!({"claims": {"s": {"more": 7}}}), UNKNOWN),
        (json!({"claims": {"at": {"at_least": "2026-11-22", "less": "2026-11-23"}}}), YES),
        (json!({"claims": {"at": {"less": "now"}, "n": {"less": "now-1h"}}}), YES),
        (json!({"claims": {"s": {"matches": "x|y"}}}), YES),
        (json!({"claims": {"s": {"matches": ""}}}), NO),
        (json!({"claims": {"l": {"contains": "x"}}}), YES),
        (json!({"claims": {"l": {"contains": "1"}}}), NO),
        (json!({"claims": {"l": {"contains_any": ["w", 1]}}}), YES),
        (json!({"claims": {"s": {"contains": "x"}}}), UNKNOWN),
        (json!({"claims": {"l": "x"}}), UNKNOWN),
        (json!({"claims": {"s": ["w", "x"]}}), YES),
        (json!({"claims": {"s": {"not_in": ["w", "x"]}}}), NO),
        (json!({"claims": {"none": {"not_in": ["w"]}}}), UNKNOWN),
        (json!({"claims": {"none": {"present": false}, "z": {"present": false}}}), YES),
        (json!({"any": []}), NO),
        (json!({"all": []}), YES),
        (json!({"scopes": ["read"], "any": [{"roles": ["x"]}, {"not": {"roles": ["y"]}}]}), YES),
    ] {
        assert_eq!(truth(written.clone(), &exchange), expected, "{written}");
    }
}

#[test]
fn what_is_missing_or_of_another_kind_admits_nobody_behind_not_either() {
    let exchange = asking(json!({"n": "17"}));
    for written in [
        json!({"claims": {"banned": true}}),
        json!({"claims": {"n": {"less": 18}}}),
        json!({"plans": ["free"]}),
        json!({"tenants": ["${path.t}"], "plans": ["free"]}),
    ] {
        assert_eq!(truth(written.clone(), &exchange), UNKNOWN, "{written}");
        assert_eq!(truth(json!({"not": written}), &exchange), UNKNOWN);
    }
    assert_eq!(truth(json!({"not": {"scopes": ["admin"]}}), &exchange), YES);
    assert_eq!(truth(json!({"not": {"claims": {"banned": {"present": true}}}}), &exchange), YES);
}

#[test]
fn nobody_is_admitted_by_any_rule_about_who_is_asking() {
    let exchange = exchange("/t/a", "");
    for written in [
        json!({"scopes": ["read"]}),
        json!({"not": {"scopes": ["read"]}}),
        json!({"not": {"roles": ["x"]}}),
        json!({"claims": {"x": {"present": false}}}),
    ] {
        assert_eq!(truth(written.clone(), &exchange), UNKNOWN, "{written}");
    }
    assert_eq!(truth(json!({"any": [{"methods": ["GET"]}, {"scopes": ["w"]}]}), &exchange), YES);
}

#[test]
fn a_number_is_the_digits_of_the_path_and_nothing_that_only_looks_like_it() {
    for (path, expected) in [("/t/42", YES), ("/t/042", NO), ("/t/42.0", NO), ("/t/%342", YES)] {
        let mut exchange = exchange(path, "");
        exchange.principals.push(Rc::new(principal(&json!({"org": 42}))));
        assert_eq!(truth(json!({"claims": {"org": "${path.t}"}}), &exchange), expected, "{path}");
    }
}

#[test]
fn several_who_are_asking_are_taken_together() {
    let mut exchange = asking(json!({"a": 1}));
    let mut machine = Principal::new("mtls", Method::Certificate, "billing");
    machine.claims = json!({"a": 2, "b": 2}).as_object().cloned().unwrap_or_default();
    exchange.principals.push(Rc::new(machine));
    assert_eq!(truth(json!({"subjects": ["billing"], "scopes": ["read"]}), &exchange), YES);
    assert_eq!(truth(json!({"not": {"subjects": ["billing"]}}), &exchange), NO);
    assert_eq!(truth(json!({"claims": {"a": 1, "b": 2}}), &exchange), YES);
}

fn answer(written: Value, exchange: &Exchange) -> Option<(&'static str, Option<String>)> {
    let (plan, problems) = compiled(&rule(written), &names());
    assert_eq!(problems, []);
    let mut reply = plan.refusal(exchange)?;
    Some((reply.fault.code(), reply.fields.pop().map(|(_, value)| value)))
}

#[test]
fn scopes_are_named_only_where_they_alone_are_missing() {
    let mut exchange = asking(json!({}));
    let challenge = |scopes: &str| Some(format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#));
    assert_eq!(answer(json!({"scopes": ["read"]}), &exchange), None);
    let lacking = [
        (json!({"scopes": ["read", "admin"]}), "read admin"),
        (json!({"any_scope": ["admin", "root"]}), "admin"),
        (json!({"scopes": ["admin"], "roles": ["admin"]}), "admin"),
        (json!({"any": [{"roles": ["x"], "scopes": ["x"]}, {"scopes": ["admin"]}]}), "admin"),
        (
            json!({"all": [{"scopes": ["admin"]}, {"scopes": ["admin", "read"]}, {"scopes": ["read"]}]}),
            "admin read",
        ),
    ];
    for (written, scopes) in &lacking {
        let expected = Some(("insufficient_scope", challenge(scopes)));
        assert_eq!(answer(written.clone(), &exchange), expected, "{written}");
    }
    for written in [
        json!({"scopes": ["admin"], "roles": ["x"]}),
        json!({"not": {"scopes": ["read"]}}),
        json!({"claims": {"x": 1}}),
    ] {
        assert_eq!(answer(written.clone(), &exchange), Some(("forbidden", None)), "{written}");
    }
    let mut key = Principal::new("keys", Method::ApiKey, "k");
    key.scopes = vec!["read".into()];
    exchange.principals.clear();
    exchange.principals.push(Rc::new(key));
    assert_eq!(answer(lacking[0].0.clone(), &exchange), Some(("insufficient_scope", None)));
    exchange.principals.clear();
    let bearer = Some("Bearer".to_owned());
    assert_eq!(answer(lacking[0].0.clone(), &exchange), Some(("credentials_missing", bearer)));
}

#[test]
fn explain_tells_each_part_and_what_it_saw() {
    let exchange = asking(json!({"org": {"id": 7}}));
    let written = json!({"scopes": ["read"], "any": [{"claims": {"org.id": {"equals": 8}}}, {"not": {"plans": ["free"]}}], "tenants": ["${path.t}"]});
    let mut out = String::new();
    compiled(&rule(written), &names()).0.tell(&exchange, &mut out);
    let expected = "  unknown all
  true      scopes [read]: there are read, write
  true      tenants [${path.t}]: it is \"a b\", compared with \"a b\"
  unknown   any
  false       claims.org.id equals 8: it is 7
  unknown     not
  unknown       plans [free]: it is missing
";
    assert_eq!(out, expected);
}

#[test]
fn says_what_is_wrong_with_a_rule() {
    let deep = (0..9).fold(json!({"scopes": ["a"]}), |rule, _| json!({"not": rule}));
    for (written, path, reason) in [
        (json!({}), "", "the rule says nothing"),
        (json!({"all": [{}]}), "all[0]", "the rule says nothing"),
        (json!({"scopes": ["a b"]}), "scopes[0]", "`a b` cannot stand in `scopes`"),
        (json!({"methods": ["get"]}), "methods[0]", "`get` cannot stand in `methods`"),
        (json!({"roles": ["${path.t}"]}), "roles[0]", "`${path.t}` cannot stand in `roles`"),
        (json!({"claims": {"a": {}}}), "claims.a", "nothing is asked of the claim"),
        (json!({"claims": {"a": {"in": []}}}), "claims.a.in", "the list is empty"),
        (
            json!({"claims": {"a": {"less": "soon"}}}),
            "claims.a.less",
            "`soon` is neither a number nor a date",
        ),
        (json!({"claims": {"a": "x${path.t}"}}), "claims.a.equals", "`x${path.t}` is more than a variable"),
        (json!({"tenants": ["${path.u}"]}), "tenants[0]", "the route's path captures no `u`"),
        (json!({"tenants": ["${env.u}"]}), "tenants[0]", "there is no variable `env.u`"),
        (deep, "not.not.not.not.not.not.not.not", "rules are nested deeper than 8"),
    ] {
        let problems = compiled(&rule(written.clone()), &names()).1;
        let said: Vec<_> = problems.iter().map(|one| (&*one.path, &*one.reason)).collect();
        assert_eq!(said, [(path, reason)], "{written}");
    }
    let pattern = compiled(&rule(json!({"claims": {"a": {"matches": "a)|(?:b"}}})), &names()).1;
    assert!(pattern[0].reason.starts_with("`a)|(?:b` is no regular expression"), "{pattern:?}");
    let many: Vec<_> = (0..300).map(|_| json!({"scopes": ["a"]})).collect();
    let problems = compiled(&rule(json!({"any": many})), &names()).1;
    assert_eq!(problems.len(), 1, "{problems:?}");
}
