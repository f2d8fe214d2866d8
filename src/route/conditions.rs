//! Conditions on single values: fields, query parameters, cookies.
//!
//! Compiled once; holding a request against them does not format, and allocates only to decode a query parameter
//! that is in fact encoded. Of a field with several lines it is enough that one holds; of a query parameter or
//! cookie given twice, the first counts.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};

use crate::http::is_token;

use super::config::ValueMatchConfig;
use super::plan::PlanError;

/// Largest compiled expression. Everyday expressions take a few KiB; this stops `(a{1000}){1000}`.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A condition on the value of one name.
#[derive(Debug, Clone)]
pub struct ValueMatch {
    /// The name; of a field in lower case.
    pub name: String,
    /// What its value must be.
    pub rule: ValueRule,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub enum ValueRule {
    /// Equal, byte for byte.
    Exact(Box<[u8]>),
    /// Begins with.
    Prefix(Box<[u8]>),
    /// Matches as a whole.
    Regex(Regex),
    /// Is there, or is not.
    Present(bool),
}

impl ValueRule {
    /// Whether this value satisfies the rule. A rule for absence is satisfied by no value.
    pub fn admits(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => **wanted == *value,
            Self::Prefix(wanted) => value.starts_with(wanted),
            Self::Regex(regex) => regex.is_match(value),
            Self::Present(wanted) => *wanted,
        }
    }

    /// Whether the values of a name, none or more, satisfy the rule.
    pub fn holds<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        match self {
            Self::Present(wanted) => values.next().is_some() == *wanted,
            _ => values.any(|value| self.admits(value)),
        }
    }
}

/// Compiles the conditions of one kind (`headers`, `query`, `cookies`), reporting every fault.
pub fn compile(
    kind: &str,
    written: &BTreeMap<String, ValueMatchConfig>,
    errors: &mut Vec<PlanError>,
) -> Vec<ValueMatch> {
    let mut compiled = Vec::with_capacity(written.len());
    for (name, rule) in written {
        let at = format!("{kind}.{name}");
        let name = if kind == "headers" { name.to_ascii_lowercase() } else { name.clone() };
        if let Err(error) = check_name(kind, &name, &at) {
            errors.push(error);
        }
        match compile_rule(rule, &at) {
            Ok(rule) => compiled.push(ValueMatch { name, rule }),
            Err(error) => errors.push(error),
        }
    }
    compiled
}

fn check_name(kind: &str, name: &str, at: &str) -> Result<(), PlanError> {
    let fits = if kind == "query" { !name.is_empty() } else { is_token(name.as_bytes()) };
    if fits { Ok(()) } else { Err(PlanError::new(at, format!("`{name}` can not be a name here"), "")) }
}

fn compile_rule(rule: &ValueMatchConfig, at: &str) -> Result<ValueRule, PlanError> {
    Ok(match rule {
        ValueMatchConfig::Exact(value) => ValueRule::Exact(value.as_bytes().into()),
        ValueMatchConfig::Prefix(value) => ValueRule::Prefix(value.as_bytes().into()),
        ValueMatchConfig::Present(present) => ValueRule::Present(*present),
        ValueMatchConfig::Regex(pattern) => ValueRule::Regex(whole(pattern).map_err(|error| {
            let hint = "it must match the whole value; look-around and back-references do not exist here";
            PlanError::new(&format!("{at}.regex"), error.to_string(), hint)
        })?),
    })
}

fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    let build = |pattern: &str| RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    // By itself first: `a)|(b` is refused here and would be accepted inside the group below.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(config: ValueMatchConfig) -> ValueRule {
        compile_rule(&config, "headers.x").unwrap()
    }

    fn holds(rule: &ValueRule, values: &[&str]) -> bool {
        rule.holds(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn a_regex_matches_the_whole_value() {
        let either = rule(ValueMatchConfig::Regex("a|b+".to_owned()));
        assert!(holds(&either, &["a"]));
        assert!(holds(&either, &["bbb"]));
        assert!(!holds(&either, &["ab"]));
        assert!(!holds(&either, &["b\n"]));
    }

    #[test]
    fn one_of_several_values_is_enough() {
        let exact = rule(ValueMatchConfig::Exact("b".to_owned()));
        assert!(holds(&exact, &["a", "b"]));
        assert!(!holds(&exact, &["a", "B"]));
        assert!(!holds(&exact, &[]));
    }

    #[test]
    fn presence_and_absence_ask_for_the_name_alone() {
        assert!(holds(&rule(ValueMatchConfig::Present(true)), &[""]));
        assert!(!holds(&rule(ValueMatchConfig::Present(true)), &[]));
        assert!(holds(&rule(ValueMatchConfig::Present(false)), &[]));
        assert!(!holds(&rule(ValueMatchConfig::Present(false)), &["x"]));
    }

    #[test]
    fn refuses_expressions_that_are_broken_or_huge() {
        for pattern in ["(", "a)|(b", "(?x)a#", "((a{999}){999}){999}"] {
            assert!(compile_rule(&ValueMatchConfig::Regex(pattern.to_owned()), "x").is_err(), "{pattern}");
        }
    }
}
