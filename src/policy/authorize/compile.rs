//! From a written rule to one that can be evaluated, and what is wrong with it.

use std::cmp::Ordering;

use regex::RegexBuilder;

use super::config::{ClaimConfig, RuleConfig, Scalar, TestConfig};
use super::number::Number;
use super::operand::{Operand, Who};
use super::rule::{Condition, Leaf, Rule, Test};
use crate::config::units::Span;
use crate::http::is_token;
use crate::policy::scope::Scope;

/// Rules within rules. Nobody understands more.
const DEPTH_MAX: usize = 8;
/// Conditions and compositions of one route's rule; each costs some tens of nanoseconds.
const PARTS_MAX: usize = 256;
/// Values of one list.
const VALUES_MAX: usize = 1_000;
/// A compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 64 * 1024;

const VARIABLES: &str = "path.NAME, query.NAME, field.NAME, request.host, claim.PATH, identity.subject, identity.tenant, identity.plan";

/// A condition of these names.
type ConditionOf = fn(Box<[Box<str>]>) -> Condition;

/// Compiles one route's rule.
pub struct Compiler<'s, 'a> {
    scope: &'s mut Scope<'a>,
    parts: usize,
    /// True if a rule asks what time it is.
    pub asks_time: bool,
}

impl<'s, 'a> Compiler<'s, 'a> {
    /// Problems go to `scope`.
    pub fn new(scope: &'s mut Scope<'a>) -> Self {
        Self { scope, parts: 0, asks_time: false }
    }

    /// The rule that stands at `path`.
    pub fn rule(&mut self, config: &RuleConfig, path: &str, depth: usize) -> Rule {
        let mut parts = Vec::new();
        if depth >= DEPTH_MAX {
            self.problem(
                path,
                format!("rules are nested deeper than {DEPTH_MAX}"),
                "split the route, or say it flatter",
            );
            return Rule::Any(Box::default());
        }
        if *config == RuleConfig::default() {
            self.problem(
                path,
                "the rule says nothing".to_owned(),
                "write what is asked for, such as `scopes: [orders:read]`",
            );
        }
        self.names(config, path, &mut parts);
        for (claim, tests) in &config.claims {
            self.claim(claim, tests, &join(path, &format!("claims.{claim}")), &mut parts);
        }
        for (key, list) in [("all", &config.all), ("any", &config.any)] {
            let Some(list) = list else { continue };
            let rules = (0..)
                .zip(list)
                .map(|(at, rule)| self.rule(rule, &format!("{}[{at}]", join(path, key)), depth + 1));
            let rules = rules.collect();
            parts.push(if key == "all" { Rule::All(rules) } else { Rule::Any(rules) });
        }
        if let Some(not) = &config.not {
            parts.push(Rule::Not(Box::new(self.rule(not, &join(path, "not"), depth + 1))));
        }
        self.parts += parts.len();
        if self.parts > PARTS_MAX && self.parts - parts.len() <= PARTS_MAX {
            self.problem(
                path,
                format!("the rule has more than {PARTS_MAX} conditions"),
                "put values into lists",
            );
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Rule::All(parts.into()),
        }
    }

    fn names(&mut self, config: &RuleConfig, path: &str, parts: &mut Vec<Rule>) {
        let lists: [(&str, &[String], ConditionOf); 4] = [
            ("scopes", &config.scopes, Condition::Scopes),
            ("any_scope", &config.any_scope, Condition::AnyScope),
            ("roles", &config.roles, Condition::Roles),
            ("methods", &config.methods, Condition::Methods),
        ];
        for (key, list, condition) in lists {
            if list.is_empty() {
                continue;
            }
            let place = join(path, key);
            self.bound(list.len(), &place);
            for (at, name) in list.iter().enumerate() {
                self.literal(key, name, &format!("{place}[{at}]"));
            }
            let names = list.iter().map(|name| name.as_str().into()).collect();
            parts.push(leaf(format!("{key} [{}]", list.join(", ")), condition(names)));
        }
        for (key, list, who) in [
            ("tenants", &config.tenants, Who::Tenant),
            ("plans", &config.plans, Who::Plan),
            ("subjects", &config.subjects, Who::Subject),
        ] {
            if list.is_empty() {
                continue;
            }
            let place = join(path, key);
            self.bound(list.len(), &place);
            let operands =
                (0..).zip(list).map(|(at, text)| self.text(text, &format!("{place}[{at}]"))).collect();
            parts.push(leaf(format!("{key} [{}]", list.join(", ")), Condition::Who(who, operands)));
        }
    }

    /// Names of these lists stand for themselves.
    fn literal(&mut self, key: &str, name: &str, place: &str) {
        let is_scope = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        let is_right = match key {
            "methods" => is_token(name.as_bytes()) && name.to_ascii_uppercase() == name,
            // RFC 6749 3.3; they may come to stand in a field.
            "scopes" | "any_scope" => is_scope(name),
            _ => !name.is_empty(),
        };
        if !is_right || name.contains("${") {
            self.problem(place, format!("`{name}` cannot stand in `{key}`"), "write one plain name an entry");
        }
    }

    fn claim(&mut self, claim: &str, config: &ClaimConfig, place: &str, parts: &mut Vec<Rule>) {
        let tests = match config {
            ClaimConfig::Equals(value) => TestConfig { equals: Some(value.clone()), ..TestConfig::default() },
            ClaimConfig::In(values) => TestConfig { one_of: Some(values.clone()), ..TestConfig::default() },
            ClaimConfig::Test(tests) => (**tests).clone(),
        };
        if tests == TestConfig::default() {
            self.problem(
                place,
                "nothing is asked of the claim".to_owned(),
                "write `present: true`, if that is enough",
            );
        }
        let mut push = |key: &str, value: String, test: Test| {
            let written = format!("claims.{claim} {key} {value}");
            parts.push(leaf(written, Condition::Claim(claim.into(), test)));
        };
        if let Some(value) = &tests.equals {
            push("equals", shown(value), Test::Equals(self.value(value, &join(place, "equals"))));
        }
        if let Some(values) = &tests.one_of {
            push("in", shown_all(values), Test::In(self.values(values, &join(place, "in"))));
        }
        if let Some(values) = &tests.not_in {
            push("not_in", shown_all(values), Test::NotIn(self.values(values, &join(place, "not_in"))));
        }
        for (key, relations, value) in [
            ("at_least", AT_LEAST, &tests.at_least),
            ("at_most", AT_MOST, &tests.at_most),
            ("less", LESS, &tests.less),
            ("more", MORE, &tests.more),
        ] {
            if let Some(value) = value {
                push(key, shown(value), Test::Order(relations, self.limit(value, &join(place, key))));
            }
        }
        if let Some(pattern) = &tests.matches
            && let Some(test) = self.pattern(pattern, &join(place, "matches"))
        {
            push("matches", pattern.clone(), test);
        }
        if let Some(value) = &tests.contains {
            let operands = Box::new([self.value(value, &join(place, "contains"))]);
            push("contains", shown(value), Test::Contains(operands));
        }
        if let Some(values) = &tests.contains_any {
            let operands = self.values(values, &join(place, "contains_any"));
            push("contains_any", shown_all(values), Test::Contains(operands));
        }
        if let Some(is_there) = tests.present {
            push("present", is_there.to_string(), Test::Present(is_there));
        }
    }

    fn pattern(&mut self, pattern: &str, place: &str) -> Option<Test> {
        // As a whole: a pattern that is found somewhere within admits what nobody thought of. The written one has to be
        // a pattern by itself, so that no bracket of its own closes ours.
        let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
        match build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))) {
            Ok(regex) => Some(Test::Matches(regex)),
            Err(error) => {
                self.problem(place, format!("`{pattern}` is no regular expression: {error}"), "");
                None
            }
        }
    }

    fn values(&mut self, values: &[Scalar], place: &str) -> Box<[Operand]> {
        self.bound(values.len(), place);
        if values.is_empty() {
            self.problem(place, "the list is empty".to_owned(), "write at least one value");
        }
        (0..).zip(values).map(|(at, value)| self.value(value, &format!("{place}[{at}]"))).collect()
    }

    fn value(&mut self, value: &Scalar, place: &str) -> Operand {
        match value {
            Scalar::Bool(truth) => Operand::Bool(*truth),
            Scalar::Number(number) => match Number::of(number) {
                Some(number) => Operand::Number(number),
                None => Operand::Text(number.to_string().into()),
            },
            Scalar::Text(text) => self.text(text, place),
        }
    }

    /// A value that others are greater or less than.
    fn limit(&mut self, value: &Scalar, place: &str) -> Operand {
        let operand = self.value(value, place);
        match &operand {
            Operand::Text(text) => {
                if let Some(offset) = from_now(text) {
                    self.asks_time = true;
                    return Operand::Now(offset);
                }
                if let Some(moment) = Number::parse_date(text) {
                    return Operand::Moment(moment);
                }
            }
            Operand::Bool(_) => {}
            _ => return operand,
        }
        let reason = format!("`{}` is neither a number nor a date", shown(value));
        self.problem(
            place,
            reason,
            "write a number, 2026-11-22, 2026-11-22T12:00:00Z, `now`, `now-15m` or `now+1h`",
        );
        operand
    }

    fn text(&mut self, text: &str, place: &str) -> Operand {
        if !text.contains("${") {
            return Operand::Text(text.into());
        }
        let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|name| !name.contains(['{', '}'])) else {
            let reason = format!("`{text}` is more than a variable");
            self.problem(place, reason, "a value is either text or one variable as a whole");
            return Operand::Text(text.into());
        };
        if let Some(operand) = self.variable(name, place) {
            return operand;
        }
        Operand::Text(text.into())
    }

    fn variable(&mut self, name: &str, place: &str) -> Option<Operand> {
        match name {
            "request.host" => return Some(Operand::Host),
            "identity.subject" => return Some(Operand::Who(Who::Subject)),
            "identity.tenant" => return Some(Operand::Who(Who::Tenant)),
            "identity.plan" => return Some(Operand::Who(Who::Plan)),
            _ => {}
        }
        match name.split_once('.') {
            Some(("path", name)) => return self.path_parameter(name, place),
            Some(("query", name)) if !name.is_empty() => return Some(Operand::Query(name.as_bytes().into())),
            Some(("field", name)) if is_token(name.as_bytes()) => {
                return Some(Operand::Field(name.as_bytes().into()));
            }
            Some(("claim", path)) if !path.is_empty() => return Some(Operand::Claim(path.into())),
            _ => {}
        }
        self.problem(
            place,
            format!("there is no variable `{name}`"),
            &format!("the variables are {VARIABLES}"),
        );
        None
    }

    fn path_parameter(&mut self, name: &str, place: &str) -> Option<Operand> {
        // Where no route is known, as under `defaults`, every name may be one.
        let Some(names) = self.scope.around.params else { return Some(Operand::Path(0)) };
        let at = names.iter().position(|known| known == name);
        if at.is_none() {
            let hint = match names {
                [] => "write it into `match.path`: `/tenants/{tenant}`".to_owned(),
                names => format!("it captures {}", names.join(", ")),
            };
            self.problem(place, format!("the route's path captures no `{name}`"), &hint);
        }
        at.map(Operand::Path)
    }

    fn bound(&mut self, len: usize, place: &str) {
        if len > VALUES_MAX {
            let reason = format!("{len} values are more than {VALUES_MAX}");
            self.problem(place, reason, "say it by a role or a claim that the issuer gives");
        }
    }

    fn problem(&mut self, path: &str, reason: String, hint: &str) {
        self.scope.problem(path, reason, hint);
    }
}

const AT_LEAST: &[Ordering] = &[Ordering::Greater, Ordering::Equal];
const AT_MOST: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const LESS: &[Ordering] = &[Ordering::Less];
const MORE: &[Ordering] = &[Ordering::Greater];

fn leaf(written: String, condition: Condition) -> Rule {
    Rule::Leaf(Leaf { written: written.into(), condition })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `now`, `now-15m`, `now+1h` as seconds from now.
fn from_now(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("now")?;
    if rest.is_empty() {
        return Some(0);
    }
    let span: Span = rest.get(1..)?.parse().ok()?;
    let seconds = i64::try_from(span.duration().as_secs()).ok()?;
    match rest.as_bytes()[0] {
        b'-' => Some(-seconds),
        b'+' => Some(seconds),
        _ => None,
    }
}

fn shown(value: &Scalar) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

fn shown_all(values: &[Scalar]) -> String {
    format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", "))
}
