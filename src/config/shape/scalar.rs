//! Text and numbers, and values of the wrong kind.

use serde_json::Value as Json;

use super::branch::tag;
use super::{Parts, Walk, keyword, limit, object, types};
use crate::config::suggest;
use crate::config::tree::{Node, Value};
use crate::config::units::{FORMATS, UnitError};

impl<'s> Walk<'s, '_, '_> {
    pub(super) fn text(&mut self, parts: &Parts<'s>, node: &Node, text: &str) {
        let words = words(parts);
        if !words.is_empty() {
            if !words.contains(&text) {
                self.unknown_word(node, text, &words);
            }
            return;
        }
        if let Some(error) = format(parts).map(|check| check(text)) {
            // The format's own words are better than those of its pattern.
            if let Err(why) = error {
                self.fault("bad-value", node.mark, text, why);
            }
            return;
        }
        let length = text.chars().count() as u64;
        if limit(parts, "minLength").is_some_and(|least| length < least) {
            self.fault(
                "bad-value",
                node.mark,
                "\"\"",
                UnitError::new("the text is too short").hint("write something, or remove the key"),
            );
        } else if let Some(most) = limit(parts, "maxLength").filter(|most| length > *most) {
            self.fault(
                "bad-value",
                node.mark,
                text,
                UnitError::new(format!("longer than {most} characters")),
            );
        } else if let Some(pattern) =
            keyword(parts, "pattern").and_then(Json::as_str).filter(|pattern| !self.matches(pattern, text))
        {
            self.fault(
                "bad-value",
                node.mark,
                text,
                UnitError::new(format!("`{text}` does not match {pattern}")),
            );
        }
    }

    pub(super) fn unknown_word(&mut self, node: &Node, text: &str, words: &[&str]) {
        let mut why = UnitError::new(format!("`{text}` is not one of the values"));
        why.hint = suggest::hint(text, words, "values are");
        self.fault("unknown-value", node.mark, text, why);
    }

    pub(super) fn number(&mut self, parts: &Parts<'s>, node: &Node) {
        let range = Range::of(parts);
        let value = match node.value {
            Value::Integer(value) => value as f64,
            Value::Float(value) => value,
            _ => return,
        };
        let shown = node.shown();
        let hint = match (range.least, range.most) {
            (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
            (Some(least), None) => format!("write {least} or more"),
            (None, Some(most)) => format!("write {most} or less"),
            (None, None) => "write a number".to_owned(),
        };
        // 64 bits beyond 2^53 are compared inexactly; serde compares them exactly afterwards.
        let why = if !value.is_finite() {
            UnitError::new(format!("`{shown}` is not a finite number"))
        } else if let Some(least) = range.least.filter(|least| value < *least) {
            UnitError::new(format!("{shown} is less than {least}"))
        } else if let Some(most) = range.most.filter(|most| value > *most) {
            UnitError::new(format!("{shown} is more than {most}"))
        } else {
            return;
        };
        self.fault("out-of-range", node.mark, shown, why.hint(hint));
    }

    /// Reports a value that none of the branches admits, whatever it says.
    pub(super) fn wrong_kind(&mut self, branches: &[Parts<'s>], node: &Node) {
        let shown = node.shown().to_owned();
        let is_number = matches!(node.value, Value::Integer(_) | Value::Float(_));
        // `timeout: 5`: the format knows which unit is missing.
        if let Some(Err(why)) =
            branches.iter().find_map(format).filter(|_| is_number).map(|check| check(&shown))
        {
            return self.fault("bad-value", node.mark, &shown, why);
        }
        let mut expected: Vec<&str> =
            branches.iter().flat_map(types).filter(|kind| *kind != "null").collect();
        expected.dedup();
        // Where only certain words are text that is admitted, they say more than "text".
        let words: Vec<&str> = branches.iter().flat_map(words).collect();
        let is_words = |branch: &&Parts<'_>| types(branch).contains(&"string");
        let only_words = branches.iter().filter(is_words).all(|branch| !self::words(branch).is_empty());
        let listed = suggest::listed(&words);
        let name = |kind: &&'s str| if *kind == "string" && only_words { &*listed } else { in_words(kind) };
        let mut names: Vec<&str> = expected.iter().map(name).collect();
        names.dedup();
        let mut why = UnitError::new(format!("expected {}, found {}", names.join(" or "), node.kind()));
        why.hint = match node.value {
            Value::Bool(false) if words.contains(&"off") => Some("write off".to_owned()),
            _ => remedy(&expected, node, branches, only_words),
        };
        why.hint = why.hint.or_else(|| Some(format!("write {}", names.join(" or "))));
        let code = if node.value == Value::Null { "no-value" } else { "wrong-type" };
        self.fault(code, node.mark, &shown, why);
    }
}

/// What to write instead of a value of the wrong kind.
fn remedy(expected: &[&str], node: &Node, branches: &[Parts<'_>], only_words: bool) -> Option<String> {
    let wants = |kind: &str| expected.contains(&kind);
    let shown = node.shown();
    match &node.value {
        Value::Null if wants("object") => {
            Some("write its keys indented below it, or remove the key".to_owned())
        }
        Value::Null => Some("write a value, or remove the key".to_owned()),
        Value::Text(text) if wants("boolean") => truth(text).map(|truth| format!("write {truth}")),
        Value::Text(text) if (wants("integer") || wants("number")) && text.parse::<f64>().is_ok() => {
            Some(format!("write {text} without quotes"))
        }
        Value::Mapping(_) if wants("array") => Some("begin each item with `- `".to_owned()),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) if wants("array") => {
            Some(format!("write [{shown}]"))
        }
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) if wants("string") && !only_words => {
            Some(format!("write \"{shown}\" in quotes"))
        }
        Value::Float(_) if wants("integer") => Some("write a whole number".to_owned()),
        Value::Sequence(items) if items.len() == 1 && !wants("object") => {
            Some(format!("write {} alone", items[0].shown()))
        }
        Value::Text(_) | Value::Integer(_) | Value::Bool(_)
            if wants("object") && tags(branches).len() > 1 =>
        {
            let tags = tags(branches);
            Some(format!("write {{{}: {shown}}}; its keys are {}", tags[0], suggest::listed(&tags)))
        }
        Value::Sequence(items) if wants("object") && items.iter().all(|item| !item.entries().is_empty()) => {
            Some("write its keys without `- ` before them".to_owned())
        }
        _ if wants("object") => {
            let keys: Vec<&str> = branches.iter().flat_map(object::known).collect();
            (!keys.is_empty()).then(|| format!("its keys are {}", suggest::listed(&keys)))
        }
        _ => None,
    }
}

/// The keys of which exactly one is written; none if the branches are not told apart by theirs.
fn tags<'s>(branches: &[Parts<'s>]) -> Vec<&'s str> {
    let tags: Vec<&str> = branches.iter().filter_map(tag).collect();
    if tags.len() == branches.len() { tags } else { Vec::new() }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => Some(true),
        "no" | "n" | "off" | "false" => Some(false),
        _ => None,
    }
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// The texts that are admitted, if not every text is.
pub(super) fn words<'s>(parts: &Parts<'s>) -> Vec<&'s str> {
    let listed = |part: &&'s serde_json::Map<String, Json>| {
        let several = part.get("enum").and_then(Json::as_array).into_iter().flatten();
        several.chain(part.get("const")).filter_map(Json::as_str)
    };
    parts.iter().flat_map(listed).collect()
}

fn format(parts: &Parts<'_>) -> Option<crate::config::units::FormatCheck> {
    let name = keyword(parts, "format")?.as_str()?;
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// The numbers that are admitted.
struct Range {
    least: Option<f64>,
    most: Option<f64>,
}

impl Range {
    /// From `minimum` and `maximum`, and from the formats that schemars gives Rust's integers.
    fn of(parts: &Parts<'_>) -> Self {
        let (least, most) = match keyword(parts, "format").and_then(Json::as_str) {
            Some("uint8") => (Some(0.0), Some(f64::from(u8::MAX))),
            Some("uint16") => (Some(0.0), Some(f64::from(u16::MAX))),
            Some("uint32") => (Some(0.0), Some(f64::from(u32::MAX))),
            Some("uint64" | "uint") => (Some(0.0), Some(u64::MAX as f64)),
            Some("int8") => (Some(f64::from(i8::MIN)), Some(f64::from(i8::MAX))),
            Some("int16") => (Some(f64::from(i16::MIN)), Some(f64::from(i16::MAX))),
            Some("int32") => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
            // A byte size that is written as a bare number.
            Some("byte-size") => (Some(0.0), None),
            _ => (None, None),
        };
        let number = |name| keyword(parts, name).and_then(Json::as_f64);
        Self { least: number("minimum").or(least), most: number("maximum").or(most) }
    }
}
