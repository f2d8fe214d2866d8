//! How a rule came out, part by part, for `explain`.

use std::fmt::Write;

use serde_json::Value;

use super::operand::{Operand, View, Who, claim};
use super::rule::{Condition, Leaf, Rule, Scopes, Test, Truth};
use crate::policy::exchange::Exchange;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 120;

/// Writes a line for each part, indented by `depth`.
pub fn tell(rule: &Rule, view: &View<'_>, depth: usize, out: &mut String) {
    let truth = word(rule.holds(view, Scopes::Held));
    let indent = "  ".repeat(depth);
    let (label, parts) = match rule {
        Rule::All(rules) => ("all", &rules[..]),
        Rule::Any(rules) => ("any", &rules[..]),
        Rule::Not(rule) => ("not", std::slice::from_ref(&**rule)),
        Rule::Leaf(leaf) => {
            let _ = writeln!(out, "  {truth:<8}{indent}{}: {}", leaf.written, seen(leaf, view));
            return;
        }
    };
    let _ = writeln!(out, "  {truth:<8}{indent}{label}");
    parts.iter().for_each(|part| tell(part, view, depth + 1, out));
}

fn word(truth: Truth) -> &'static str {
    match truth {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

/// What was seen of what a condition asks about.
fn seen(leaf: &Leaf, view: &View<'_>) -> String {
    let exchange = view.exchange;
    if let Condition::Methods(_) = &leaf.condition {
        return format!("it is {}", String::from_utf8_lossy(exchange.request.method_text()));
    }
    if exchange.principals.is_empty() {
        return "nobody is known to be asking".to_owned();
    }
    match &leaf.condition {
        Condition::Scopes(_) | Condition::AnyScope(_) => {
            held(exchange.principals.iter().flat_map(|one| &one.scopes))
        }
        Condition::Roles(_) => held(exchange.principals.iter().flat_map(|one| &one.roles)),
        Condition::Who(who, operands) => format!("{}{}", names(exchange, *who), told(operands, view)),
        Condition::Claim(path, test) => {
            let value = match claim(exchange, path) {
                Some(value) => format!("it is {}", shown(value)),
                None => "it is missing".to_owned(),
            };
            let operands = match test {
                Test::Equals(operand) | Test::Order(_, operand) => std::slice::from_ref(operand),
                Test::In(operands) | Test::NotIn(operands) | Test::Contains(operands) => operands,
                Test::Matches(_) | Test::Present(_) => &[],
            };
            format!("{value}{}", told(operands, view))
        }
        Condition::Methods(_) => String::new(),
    }
}

fn held<'a>(names: impl Iterator<Item = &'a Box<str>>) -> String {
    let names: Vec<&str> = names.map(|name| &**name).collect();
    if names.is_empty() {
        "there are none".to_owned()
    } else {
        short(&format!("there are {}", names.join(", ")))
    }
}

fn names(exchange: &Exchange, who: Who) -> String {
    let names: Vec<_> =
        exchange.principals.iter().filter_map(|one| who.of(one)).map(|name| format!("{name:?}")).collect();
    if names.is_empty() { "it is missing".to_owned() } else { format!("it is {}", names.join(" and ")) }
}

fn told(operands: &[Operand], view: &View<'_>) -> String {
    operands
        .iter()
        .filter_map(|operand| operand.told(view))
        .map(|told| format!(", compared with {}", short(&told)))
        .collect()
}

fn shown(value: &Value) -> String {
    short(&value.to_string())
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
