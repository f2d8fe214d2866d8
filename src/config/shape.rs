//! A tree against a JSON Schema: every wrong key, missing key and wrong value of a file in one pass.
//!
//! Knows the part of JSON Schema that schemars derives from Rust types, and says what is wrong in the words of
//! the file, not of the schema. Of several alternatives it finds the one that was meant and speaks of that.
//! Knows nothing of what a configuration means; the schema comes as an argument.

mod branch;
mod object;
mod scalar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::diagnostic::Report;
use super::source::Mark;
use super::tree::{Node, Value};
use super::units::UnitError;

/// Reports everything in which `tree` departs from `schema`. Gives back the paths of what was refused.
pub fn check(tree: &Node, schema: &Json, report: &mut Report<'_>) -> Vec<String> {
    let mut walk =
        Walk { root: schema, report, path: String::new(), refused: Vec::new(), patterns: BTreeMap::new() };
    walk.node(schema, tree);
    walk.refused
}

/// A walk over the tree and the schema at once.
struct Walk<'s, 'r, 'a> {
    root: &'s Json,
    report: &'r mut Report<'a>,
    path: String,
    refused: Vec<String>,
    patterns: BTreeMap<&'s str, Option<Regex>>,
}

/// The schema objects that all apply to one value: itself, what it refers to, its `allOf`, the branch meant.
type Parts<'s> = Vec<&'s Map<String, Json>>;

impl<'s> Walk<'s, '_, '_> {
    fn node(&mut self, schema: &'s Json, node: &Node) {
        let mut parts = Parts::new();
        self.collect(schema, &mut parts, REFERENCES_MAX);
        let mut next = 0;
        // The branch that is chosen may have branches of its own: they are looked at when their turn comes.
        while let Some(part) = parts.get(next) {
            next += 1;
            if let Some(alternatives) = alternatives(part) {
                match self.choose(alternatives, node) {
                    Some(branch) => parts.extend(branch),
                    None => return,
                }
            }
        }
        self.value(&parts, node);
    }

    fn value(&mut self, parts: &Parts<'s>, node: &Node) {
        if !admits(parts, node) {
            return self.wrong_kind(std::slice::from_ref(parts), node);
        }
        match &node.value {
            Value::Mapping(entries) => self.object(parts, node, entries),
            Value::Sequence(items) => self.list(parts, node, items),
            Value::Text(text) => self.text(parts, node, text),
            Value::Integer(_) | Value::Float(_) => self.number(parts, node),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn list(&mut self, parts: &Parts<'s>, node: &Node, items: &[Node]) {
        if let Some(least) = limit(parts, "minItems").filter(|least| (items.len() as u64) < *least) {
            let why = UnitError::new(if least == 1 {
                "the list is empty".to_owned()
            } else {
                format!("the list has fewer than {least} items")
            });
            self.fault("too-few-items", node.mark, "[]", why.hint(format!("write at least {least}")));
        }
        if let Some(most) = limit(parts, "maxItems").filter(|most| items.len() as u64 > *most) {
            let why = UnitError::new(format!("the list has more than {most} items"));
            self.fault("too-many-items", node.mark, "", why);
        }
        if parts.iter().any(|part| part.get("uniqueItems") == Some(&Json::Bool(true))) {
            self.repeated(items);
        }
        let Some(schema) = keyword(parts, "items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.within(&format!("[{index}]"), |walk| walk.node(schema, item));
        }
    }

    fn repeated(&mut self, items: &[Node]) {
        let mut seen = std::collections::BTreeSet::new();
        for item in items.iter().filter(|item| !item.shown().is_empty()) {
            if !seen.insert(item.shown()) {
                let why = UnitError::new(format!("`{}` is listed twice", item.shown())).hint("remove one");
                self.fault("repeated-item", item.mark, item.shown(), why);
            }
        }
    }

    /// Adds `schema`, what it refers to and its `allOf`.
    fn collect(&self, schema: &'s Json, parts: &mut Parts<'s>, depth: usize) {
        let Json::Object(object) = schema else { return };
        parts.push(object);
        if depth == 0 {
            return;
        }
        if let Some(target) = object.get("$ref").and_then(Json::as_str).and_then(|to| self.refer(to)) {
            self.collect(target, parts, depth - 1);
        }
        for part in object.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            self.collect(part, parts, depth - 1);
        }
    }

    fn refer(&self, reference: &str) -> Option<&'s Json> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// Runs `check` one step further down the path.
    fn within(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        let dot = if self.path.is_empty() || step.starts_with('[') { "" } else { "." };
        let _ = write!(self.path, "{dot}{step}");
        check(self);
        self.path.truncate(len);
    }

    fn fault(&mut self, code: &'static str, mark: Mark, text: &str, why: UnitError) {
        self.report.error(code, mark, &self.path, text, why);
        // Beyond the bound nobody is helped by more; whoever goes on with what is left sees that it is not all.
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(self.path.clone());
        }
    }

    fn matches(&mut self, pattern: &'s str, text: &str) -> bool {
        let compiled = self.patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).ok());
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

fn alternatives(part: &Map<String, Json>) -> Option<&Vec<Json>> {
    part.get("oneOf").or_else(|| part.get("anyOf")).and_then(Json::as_array)
}

/// The first of the parts that has a keyword.
fn keyword<'s>(parts: &Parts<'s>, name: &str) -> Option<&'s Json> {
    parts.iter().find_map(|part| part.get(name))
}

fn limit(parts: &Parts<'_>, name: &str) -> Option<u64> {
    keyword(parts, name).and_then(Json::as_u64)
}

/// The types that the parts admit; none if they do not say.
fn types<'s>(parts: &Parts<'s>) -> Vec<&'s str> {
    let mut all = Vec::new();
    for part in parts {
        match part.get("type") {
            Some(Json::String(one)) => all.push(one.as_str()),
            Some(Json::Array(several)) => all.extend(several.iter().filter_map(Json::as_str)),
            _ if part.get("const").is_some_and(Json::is_string) => all.push("string"),
            _ if part.contains_key("properties") => all.push("object"),
            _ => {}
        }
    }
    all
}

/// Whether the parts admit a value of the node's kind.
fn admits(parts: &Parts<'_>, node: &Node) -> bool {
    let types = types(parts);
    let one_of = |names: &[&str]| types.iter().any(|known| names.contains(known));
    types.is_empty()
        || match node.value {
            // A key without a value says nothing: `ip_filter:` must not mean that there is no filter.
            Value::Null => false,
            Value::Bool(_) => one_of(&["boolean"]),
            Value::Integer(_) => one_of(&["integer", "number"]),
            Value::Float(_) => one_of(&["number"]),
            Value::Text(_) => one_of(&["string"]),
            Value::Sequence(_) => one_of(&["array"]),
            Value::Mapping(_) => one_of(&["object"]),
        }
}

/// References in a row. schemars makes two at most; a schema that refers to itself ends here.
const REFERENCES_MAX: usize = 8;
/// Refused paths that are remembered.
const REFUSED_MAX: usize = 1000;
