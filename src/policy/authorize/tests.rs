//! Rules as tables, and held against a second evaluation that is made quite differently.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::rule::Truth;
use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::principal::Principal;
use crate::policy::scope::{Problem, Surroundings};
use crate::route::plan::MatchPlan;
use crate::route::table::{RouteIndex, Table};

fn compiled(rule: &RuleConfig, params: &[String]) -> (AuthorizePlan, Vec<Problem>) {
    let secrets = |_: &str| None;
    let mut scope = Scope::new(&secrets);
    scope.around = Surroundings { params: Some(params), ..scope.around };
    let plan = Authorize::compile(rule, &mut scope);
    (plan, scope.problems)
}

fn rule(written: Value) -> RuleConfig {
    serde_json::from_value(written).expect("a valid rule")
}

fn principal(claims: &Value) -> Principal {
    let mut principal = Principal::new("tokens", Method::Jwt, "ann");
    principal.claims = claims.as_object().cloned().unwrap_or_default();
    principal
}

/// A GET of `/t/{t}?q=...`.
fn exchange(path: &str, query: &str) -> Exchange {
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

fn names() -> Vec<String> {
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

// The second evaluation: the set of truths that a rule may have, on the written form, with numbers as floats.

#[derive(Clone, Copy, PartialEq, Debug)]
struct May {
    hold: bool,
    fail: bool,
}

impl May {
    fn of(truth: Option<bool>) -> Self {
        Self { hold: truth != Some(false), fail: truth != Some(true) }
    }
    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::of(Some(true)), |sum, one| Self {
            hold: sum.hold && one.hold,
            fail: sum.fail || one.fail,
        })
    }
    fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::of(Some(false)), |sum, one| Self {
            hold: sum.hold || one.hold,
            fail: sum.fail && one.fail,
        })
    }
    fn not(self) -> Self {
        Self { hold: self.fail, fail: self.hold }
    }
    fn truth(self) -> Truth {
        if self.hold && self.fail { None } else { Some(self.hold) }
    }
}

/// What there is to compare with: a value, and whether it is text that the request brought.
fn reference_operand(scalar: &Scalar, path: &str, who: &Map<String, Value>) -> Option<(Value, bool)> {
    Some(match scalar {
        Scalar::Text(text) if text == "${path.t}" => (json!(path.replace("%61", "a")), true),
        Scalar::Text(text) if text == "${claim.b}" => {
            (who.get("b").filter(|it| !it.is_null())?.clone(), false)
        }
        Scalar::Text(text) => (json!(text), false),
        Scalar::Number(number) => (json!(number), false),
        Scalar::Bool(truth) => (json!(truth), false),
    })
}

fn reference_equal(claim: &Value, operand: Option<(Value, bool)>) -> Option<bool> {
    let (operand, is_request) = operand?;
    match (claim, &operand) {
        (Value::String(one), Value::String(other)) => Some(one == other),
        (Value::Number(one), Value::Number(other)) => Some(one.as_f64() == other.as_f64()),
        (Value::Number(one), Value::String(other)) if is_request && one.as_i64().is_some() => {
            Some(one.to_string() == *other)
        }
        (Value::Bool(one), Value::Bool(other)) => Some(one == other),
        _ => None,
    }
}

fn reference_test(claim: Option<&Value>, tests: &TestConfig, path: &str, who: &Map<String, Value>) -> May {
    let claim = claim.filter(|claim| !claim.is_null());
    let mut parts = Vec::new();
    let operand = |scalar: &Scalar| reference_operand(scalar, path, who);
    let equal = |scalar: &Scalar| claim.and_then(|claim| reference_equal(claim, operand(scalar)));
    let one_of = |list: &[Scalar]| match claim {
        Some(_) => May::any(list.iter().map(|one| May::of(equal(one)))),
        None => May::of(None),
    };
    parts.extend(tests.equals.iter().map(|one| May::of(equal(one))));
    parts.extend(tests.one_of.iter().map(|list| one_of(list)));
    parts.extend(tests.not_in.iter().map(|list| one_of(list).not()));
    let order = |scalar: &Scalar, holds: fn(f64, f64) -> bool| {
        let number = |value: Value, is_request: bool| match value {
            Value::String(text) if is_request => text.parse::<f64>().ok(),
            Value::String(text) => text.parse::<f64>().ok().filter(|_| matches!(scalar, Scalar::Text(_))),
            other => other.as_f64(),
        };
        let both =
            claim.and_then(Value::as_f64).zip(operand(scalar).and_then(|(value, is)| number(value, is)));
        May::of(both.map(|(one, other)| holds(one, other)))
    };
    parts.extend(tests.at_least.iter().map(|one| order(one, |a, b| a >= b)));
    parts.extend(tests.at_most.iter().map(|one| order(one, |a, b| a <= b)));
    parts.extend(tests.less.iter().map(|one| order(one, |a, b| a < b)));
    parts.extend(tests.more.iter().map(|one| order(one, |a, b| a > b)));
    parts.extend(tests.contains_any.iter().map(|list| {
        let Some(Value::Array(elements)) = claim else { return May::of(None) };
        May::any(list.iter().map(|one| match operand(one) {
            None | Some((Value::Array(_) | Value::Object(_), _)) => May::of(None),
            operand => {
                May::of(Some(elements.iter().any(|it| reference_equal(it, operand.clone()) == Some(true))))
            }
        }))
    }));
    parts.extend(tests.present.iter().map(|is| May::of(Some(claim.is_some() == *is))));
    May::all(parts)
}

fn reference(rule: &RuleConfig, path: &str, who: &Principal) -> May {
    let has = |all: &[Box<str>], name: &String| all.iter().any(|one| **one == **name);
    let mut parts = Vec::new();
    if !rule.scopes.is_empty() {
        parts.push(May::of(Some(rule.scopes.iter().all(|name| has(&who.scopes, name)))));
    }
    if !rule.roles.is_empty() {
        parts.push(May::of(Some(rule.roles.iter().any(|name| has(&who.roles, name)))));
    }
    if !rule.tenants.is_empty() {
        parts.push(match &who.tenant {
            None => May::of(None),
            Some(tenant) => May::any(rule.tenants.iter().map(|text| {
                let operand = reference_operand(&Scalar::Text(text.clone()), path, &who.claims);
                let operand = operand.filter(|(value, _)| value.is_string());
                May::of(reference_equal(&json!(tenant), operand))
            })),
        });
    }
    for (name, config) in &rule.claims {
        let ClaimConfig::Test(tests) = config else { unreachable!("the strategy makes no others") };
        parts.push(reference_test(who.claim(name), tests, path, &who.claims));
    }
    parts.extend(rule.all.iter().map(|rules| May::all(rules.iter().map(|rule| reference(rule, path, who)))));
    parts.extend(rule.any.iter().map(|rules| May::any(rules.iter().map(|rule| reference(rule, path, who)))));
    parts.extend(rule.not.iter().map(|rule| reference(rule, path, who).not()));
    May::all(parts)
}

fn a_scalar() -> impl Strategy<Value = Scalar> {
    const TEXTS: &[&str] = &["a", "b", "1", "${path.t}", "${claim.b}"];
    prop_oneof![
        proptest::sample::select(TEXTS).prop_map(|text| Scalar::Text(text.to_owned())),
        (0..3_i32).prop_map(|number| Scalar::Number(number.into())),
        Just(Scalar::Number(serde_json::Number::from_f64(1.5).expect("finite"))),
        any::<bool>().prop_map(Scalar::Bool),
    ]
}

fn a_limit() -> impl Strategy<Value = Scalar> {
    a_scalar().prop_filter("a limit is a number or a variable", |scalar| match scalar {
        Scalar::Text(text) => text.starts_with("${"),
        Scalar::Number(_) => true,
        Scalar::Bool(_) => false,
    })
}

fn a_list() -> impl Strategy<Value = Vec<Scalar>> {
    proptest::collection::vec(a_scalar(), 1..3)
}

fn a_test() -> impl Strategy<Value = TestConfig> {
    let none = TestConfig::default;
    prop_oneof![
        a_scalar().prop_map(move |one| TestConfig { equals: Some(one), ..none() }),
        a_list().prop_map(move |list| TestConfig { one_of: Some(list), ..none() }),
        a_list().prop_map(move |list| TestConfig { not_in: Some(list), ..none() }),
        (a_limit(), a_limit()).prop_map(move |(low, high)| TestConfig {
            at_least: Some(low),
            less: Some(high),
            ..none()
        }),
        (a_limit(), a_limit()).prop_map(move |(low, high)| TestConfig {
            more: Some(low),
            at_most: Some(high),
            ..none()
        }),
        a_list().prop_map(move |list| TestConfig { contains_any: Some(list), ..none() }),
        any::<bool>().prop_map(move |is| TestConfig { present: Some(is), ..none() }),
    ]
}

fn some_names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ab]", 0..3)
}

fn a_rule() -> impl Strategy<Value = RuleConfig> {
    let tenants =
        proptest::sample::select(&["a", "b", "${path.t}", "${claim.b}"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        some_names().prop_map(|scopes| RuleConfig { scopes, ..RuleConfig::default() }),
        some_names().prop_map(|roles| RuleConfig { roles, ..RuleConfig::default() }),
        proptest::collection::vec(tenants, 0..3)
            .prop_map(|tenants| RuleConfig { tenants, ..RuleConfig::default() }),
        proptest::collection::btree_map(
            proptest::sample::select(&["a", "b", "o.a", "none"][..]).prop_map(str::to_owned),
            a_test().prop_map(|test| ClaimConfig::Test(Box::new(test))),
            1..3
        )
        .prop_map(|claims| RuleConfig { claims, ..RuleConfig::default() }),
    ];
    leaf.prop_recursive(4, 24, 3, |rule| {
        let rules = proptest::collection::vec(rule.clone(), 0..3);
        prop_oneof![
            rules.clone().prop_map(|all| RuleConfig { all: Some(all), ..RuleConfig::default() }),
            (rules, some_names()).prop_map(|(any, roles)| RuleConfig {
                any: Some(any),
                roles,
                ..RuleConfig::default()
            }),
            rule.prop_map(|not| RuleConfig { not: Some(Box::new(not)), ..RuleConfig::default() }),
        ]
    })
}

fn a_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        proptest::sample::select(&["a", "b", "1"][..]).prop_map(|text| json!(text)),
        (0..3).prop_map(|number| json!(number)),
        Just(json!(1.5)),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(Value::Null),
    ];
    prop_oneof![
        3 => leaf.clone(),
        1 => proptest::collection::vec(leaf.clone(), 0..3).prop_map(|list| json!(list)),
        1 => leaf.prop_map(|value| json!({ "a": value })),
    ]
}

fn names_of(list: Vec<String>) -> Vec<Box<str>> {
    list.into_iter().map(Into::into).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_rule_is_what_the_reference_says(
        rule in a_rule(),
        path in proptest::sample::select(&["a", "b", "1", "%61"][..]),
        claims in proptest::collection::btree_map("[abo]", a_value(), 0..4),
        tenant in proptest::option::of("[ab1]"),
        (scopes, roles) in (some_names(), some_names()),
    ) {
        let mut who = principal(&json!(claims));
        who.tenant = tenant.map(Into::into);
        (who.scopes, who.roles) = (names_of(scopes), names_of(roles));
        let expected = reference(&rule, path, &who).truth();
        let mut exchange = exchange(&format!("/t/{path}"), "");
        exchange.principals.push(Rc::new(who));
        let (plan, _) = compiled(&rule, &names());
        prop_assert_eq!(plan.rule.holds(&plan.view(&exchange), Scopes::Held), expected);
    }
}
