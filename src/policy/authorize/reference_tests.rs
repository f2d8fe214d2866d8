//! Rules held against a second evaluation that is made quite differently: the set of truths that a rule may have, on the
//! written form, with numbers as floats.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::rule::Truth;
use super::tests::{compiled, exchange, names, principal};
use super::*;
use crate::policy::principal::Principal;

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
