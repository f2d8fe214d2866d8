//! A compiled rule, and whether it holds.
//!
//! There are three answers: it holds, it does not, and that it cannot be said, because a claim is missing or is of another
//! kind than what it is compared with (S. C. Kleene's strong logic). The third admits as little as the second, also
//! behind `not`: whoever leaves a claim out gains nothing by it. Evaluating neither allocates nor fails.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::operand::{Operand, Seen, View, Who, claim};

/// Whether something holds. None where it cannot be said.
pub type Truth = Option<bool>;

/// A compiled rule.
#[derive(Debug, Clone)]
pub enum Rule {
    /// All of these hold.
    All(Box<[Rule]>),
    /// One of these holds.
    Any(Box<[Rule]>),
    /// This is known not to hold.
    Not(Box<Rule>),
    /// One condition.
    Leaf(Leaf),
}

/// One condition, and how it is written.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// `claims.org.id equals acme`.
    pub written: Box<str>,
    /// The condition.
    pub condition: Condition,
}

/// One condition.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these scopes are there.
    Scopes(Box<[Box<str>]>),
    /// One of these scopes is there.
    AnyScope(Box<[Box<str>]>),
    /// One of these roles is there.
    Roles(Box<[Box<str>]>),
    /// A name is one of these.
    Who(Who, Box<[Operand]>),
    /// The request's method is one of these.
    Methods(Box<[Box<str>]>),
    /// A claim, by path, is as it has to be.
    Claim(Box<str>, Test),
}

/// What a claim has to be.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equal to this.
    Equals(Operand),
    /// Equal to one of these.
    In(Box<[Operand]>),
    /// Equal to none of these.
    NotIn(Box<[Operand]>),
    /// As a number, in one of these relations to this.
    Order(&'static [Ordering], Operand),
    /// A text that this matches as a whole.
    Matches(Regex),
    /// A list with one of these.
    Contains(Box<[Operand]>),
    /// There, or not there.
    Present(bool),
}

/// Whether rules about scopes are taken to hold, to see whether it is them alone that keep somebody out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scopes {
    /// As they are.
    Held,
    /// As if everything that is asked for was there.
    Granted,
}

impl Rule {
    /// Whether it holds.
    pub fn holds(&self, view: &View<'_>, scopes: Scopes) -> Truth {
        match self {
            Self::All(rules) => all(rules.iter().map(|rule| rule.holds(view, scopes))),
            Self::Any(rules) => any(rules.iter().map(|rule| rule.holds(view, scopes))),
            // What must not be there is never granted.
            Self::Not(rule) => rule.holds(view, Scopes::Held).map(|truth| !truth),
            Self::Leaf(leaf) => leaf.condition.holds(view, scopes),
        }
    }

    /// Scopes that would let somebody in, who lacks nothing else; of alternatives the first.
    pub fn lacking<'a>(&'a self, view: &View<'_>, lacking: &mut Vec<&'a str>) {
        if self.holds(view, Scopes::Held) == Some(true) {
            return;
        }
        match self {
            Self::All(rules) => rules.iter().for_each(|rule| rule.lacking(view, lacking)),
            Self::Any(rules) => {
                let mut granted = rules.iter().filter(|rule| rule.holds(view, Scopes::Granted) == Some(true));
                if let Some(rule) = granted.next() {
                    rule.lacking(view, lacking);
                }
            }
            Self::Not(_) => {}
            Self::Leaf(leaf) => match &leaf.condition {
                // RFC 6750 3.1: the scopes that are needed, not only those that are missing.
                Condition::Scopes(names) => lacking.extend(names.iter().map(|name| &**name)),
                Condition::AnyScope(names) => lacking.extend(names.first().map(|name| &**name)),
                _ => {}
            },
        }
    }
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, view: &View<'_>, scopes: Scopes) -> Truth {
        let exchange = view.exchange;
        if let Self::Methods(methods) = self {
            return Some(methods.iter().any(|method| method.as_bytes() == exchange.request.method_text()));
        }
        if exchange.principals.is_empty() {
            return None;
        }
        let has_scope = |name: &str| {
            exchange.principals.iter().any(|one| one.scopes.iter().any(|scope| **scope == *name))
        };
        let has_role =
            |name: &str| exchange.principals.iter().any(|one| one.roles.iter().any(|role| **role == *name));
        match self {
            Self::Scopes(_) | Self::AnyScope(_) if scopes == Scopes::Granted => Some(true),
            Self::Scopes(names) => Some(names.iter().all(|name| has_scope(name))),
            Self::AnyScope(names) => Some(names.iter().any(|name| has_scope(name))),
            Self::Roles(names) => Some(names.iter().any(|name| has_role(name))),
            Self::Who(who, operands) => {
                let names = exchange.principals.iter().filter_map(|one| who.of(one));
                let mut names = names.peekable();
                names.peek()?;
                any(names.flat_map(|name| operands.iter().map(move |one| one.seen(view).is_text(name))))
            }
            Self::Methods(_) => None,
            Self::Claim(path, test) => test.holds(claim(exchange, path), view),
        }
    }
}

impl Test {
    /// Whether this value, or its absence, passes.
    fn holds(&self, value: Option<&Value>, view: &View<'_>) -> Truth {
        // RFC 7519 says nothing of null; whoever writes it says that there is nothing.
        let value = value.filter(|value| !value.is_null());
        if let Self::Present(expected) = self {
            return Some(value.is_some() == *expected);
        }
        let value = value?;
        let is_one_of = |value: &Value, operands: &[Operand]| {
            any(operands.iter().map(|one| one.seen(view).is_value(value)))
        };
        match self {
            Self::Present(_) => None,
            Self::Equals(operand) => operand.seen(view).is_value(value),
            Self::In(operands) => is_one_of(value, operands),
            Self::NotIn(operands) => is_one_of(value, operands).map(|truth| !truth),
            Self::Order(relations, operand) => {
                let (number, other) = operand.seen(view).numbers(value)?;
                Some(relations.contains(&number.compare(other)))
            }
            Self::Matches(regex) => Some(regex.is_match(value.as_str()?)),
            Self::Contains(operands) => {
                let elements = value.as_array()?;
                let has = |seen: Seen<'_>| {
                    if matches!(seen, Seen::Missing | Seen::Other) {
                        return None;
                    }
                    // An element of another kind is not the one that is looked for.
                    Some(elements.iter().any(|element| seen.is_value(element) == Some(true)))
                };
                any(operands.iter().map(|operand| has(operand.seen(view))))
            }
        }
    }
}

fn all(truths: impl Iterator<Item = Truth>) -> Truth {
    any(truths.map(|truth| truth.map(|truth| !truth))).map(|truth| !truth)
}

fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut sum = Some(false);
    for truth in truths {
        match truth {
            Some(true) => return truth,
            Some(false) => {}
            None => sum = None,
        }
    }
    sum
}
