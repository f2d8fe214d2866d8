//! Alternatives: which of several shapes a value was meant to have.
//!
//! Chosen by the kind of the value, by its word, or by the key that tells the alternatives apart, so that what
//! is reported is the fault of the one that was meant.

use serde_json::Value as Json;

use super::object::{known, properties};
use super::scalar::words;
use super::{Parts, Walk, admits, alternatives, keyword, types};
use crate::config::suggest;
use crate::config::tree::{Key, Node, Value};
use crate::config::units::UnitError;

impl<'s> Walk<'s, '_, '_> {
    /// The branch that was meant. None if it cannot be told, which is reported then.
    pub(super) fn choose(&mut self, alternatives: &'s [Json], node: &Node) -> Option<Parts<'s>> {
        let mut branches = Vec::new();
        self.leaves(alternatives, &mut branches, super::REFERENCES_MAX);
        match &node.value {
            Value::Text(text) => self.by_word(branches, node, text),
            Value::Mapping(entries) => self.by_key(branches, node, entries),
            _ => match branches.iter().position(|branch| admits(branch, node)) {
                Some(at) => Some(branches.swap_remove(at)),
                None => {
                    self.wrong_kind(&branches, node);
                    None
                }
            },
        }
    }

    /// Alternatives within alternatives are alternatives.
    fn leaves(&self, among: &'s [Json], branches: &mut Vec<Parts<'s>>, depth: usize) {
        for alternative in among {
            let mut parts = Parts::new();
            self.collect(alternative, &mut parts, super::REFERENCES_MAX);
            match parts.iter().find_map(|part| alternatives(part)).filter(|_| depth > 0) {
                Some(inner) => self.leaves(inner, branches, depth - 1),
                None => branches.push(parts),
            }
        }
    }

    fn by_word(&mut self, mut branches: Vec<Parts<'s>>, node: &Node, text: &str) -> Option<Parts<'s>> {
        if let Some(at) = branches.iter().position(|branch| words(branch).contains(&text)) {
            return Some(branches.swap_remove(at));
        }
        if let Some(at) = branches.iter().position(|branch| admits(branch, node) && words(branch).is_empty())
        {
            return Some(branches.swap_remove(at));
        }
        if branches.iter().any(|branch| tag(branch) == Some(text)) {
            let why = UnitError::new(format!("`{text}` needs a value"))
                .hint(format!("write `{text}: ...` as a mapping"));
            self.fault("no-value", node.mark, text, why);
            return None;
        }
        let words: Vec<&str> =
            branches.iter().flat_map(words).chain(branches.iter().filter_map(tag)).collect();
        if words.is_empty() || !branches.iter().any(|branch| admits(branch, node)) {
            self.wrong_kind(&branches, node);
        } else {
            self.unknown_word_or_key(&branches, node, text, &words);
        }
        None
    }

    /// Neither a word that may stand alone nor, where settings may stand instead, a mapping of them.
    fn unknown_word_or_key(&mut self, branches: &[Parts<'s>], node: &Node, text: &str, words: &[&str]) {
        let settings =
            branches.iter().filter(|branch| types(branch).contains(&"object") && tag(branch).is_none());
        let keys: Vec<&str> = settings.flat_map(known).collect();
        if keys.is_empty() || suggest::nearest(text, words.iter().copied()).is_some() {
            return self.unknown_word(node, text, words);
        }
        let why = UnitError::new(format!("`{text}` is neither {} nor a mapping", suggest::listed(words)));
        let hint =
            format!("write {} alone, or keys below it: {}", words.join(" or "), suggest::listed(&keys));
        self.fault("unknown-value", node.mark, text, why.hint(hint));
    }

    fn by_key(
        &mut self,
        branches: Vec<Parts<'s>>,
        node: &Node,
        entries: &[(Key, Node)],
    ) -> Option<Parts<'s>> {
        let (mut mappings, others): (Vec<_>, Vec<_>) =
            branches.into_iter().partition(|branch| types(branch).contains(&"object"));
        if mappings.is_empty() {
            self.wrong_kind(&others, node);
            return None;
        }
        if mappings.iter().all(|branch| tag(branch).is_some()) {
            return self.by_tag(mappings, &others, node, entries);
        }
        if mappings.len() == 1 {
            return mappings.pop();
        }
        if let Some(name) = discriminant(&mappings) {
            return self.by_discriminant(mappings, node, name);
        }
        // Nothing tells them apart: the one that knows most of the keys and misses least.
        mappings.into_iter().max_by_key(|branch| {
            let known = entries.iter().filter(|(key, _)| known(branch).any(|name| name == key.text)).count();
            let needed = keyword(branch, "required").and_then(Json::as_array).map_or(0, |names| {
                names.iter().filter_map(Json::as_str).filter(|name| node.get(name).is_none()).count()
            });
            (known, std::cmp::Reverse(needed))
        })
    }

    /// `{exact: ...}` or `{regex: ...}`: the only key says which.
    fn by_tag(
        &mut self,
        mut mappings: Vec<Parts<'s>>,
        others: &[Parts<'s>],
        node: &Node,
        entries: &[(Key, Node)],
    ) -> Option<Parts<'s>> {
        let tags: Vec<&str> = mappings.iter().filter_map(tag).collect();
        let [(key, _)] = entries else {
            let why = UnitError::new(if entries.is_empty() {
                "the mapping is empty"
            } else {
                "only one of these keys can be here"
            });
            let mark = entries.get(1).map_or(node.mark, |(key, _)| key.mark);
            let text = entries.get(1).map_or("", |(key, _)| &*key.text);
            self.fault(
                "one-key",
                mark,
                text,
                why.hint(format!("write exactly one of {}", suggest::listed(&tags))),
            );
            return None;
        };
        if let Some(at) = mappings.iter().position(|branch| tag(branch) == Some(&*key.text)) {
            return Some(mappings.swap_remove(at));
        }
        let alone = others.iter().flat_map(words).find(|word| *word == key.text);
        let (code, mut why) = match alone {
            Some(word) => (
                "wrong-type",
                UnitError::new(format!("`{word}` takes no value")).hint(format!("write {word} alone")),
            ),
            None => ("unknown-key", UnitError::new(format!("unknown key `{}`", key.text))),
        };
        why.hint = why.hint.or_else(|| suggest::hint(&key.text, &tags, "other keys are"));
        self.within(&key.text, |walk| walk.fault(code, key.mark, &key.text, why));
        None
    }

    /// `{kind: a, ...}` or `{kind: b, ...}`: the value of one key says which.
    fn by_discriminant(
        &mut self,
        mut mappings: Vec<Parts<'s>>,
        node: &Node,
        name: &str,
    ) -> Option<Parts<'s>> {
        let word = |branch: &Parts<'s>| constant(branch, name);
        let values: Vec<&str> = mappings.iter().filter_map(word).collect();
        let Some(chosen) = node.get(name) else {
            let why = UnitError::new(format!("`{name}` is missing"))
                .hint(format!("it is one of {}", suggest::listed(&values)));
            self.within(name, |walk| walk.fault("missing-key", node.mark, "", why));
            return None;
        };
        match mappings.iter().position(|branch| word(branch).is_some() && word(branch) == chosen.text()) {
            Some(at) => Some(mappings.swap_remove(at)),
            None => {
                let text = chosen.shown().to_owned();
                self.within(name, |walk| walk.unknown_word(chosen, &text, &values));
                None
            }
        }
    }
}

/// The only key of a branch that has only one and needs it.
pub(super) fn tag<'s>(branch: &Parts<'s>) -> Option<&'s str> {
    let mut names = known(branch);
    let only = names.next().filter(|_| names.next().is_none())?;
    let required = keyword(branch, "required")?.as_array()?;
    // A single key whose value is fixed is a discriminant, not a tag.
    (required.len() == 1 && required[0] == *only && constant(branch, only).is_none()).then_some(only)
}

/// The key whose fixed value differs from branch to branch.
fn discriminant<'s>(branches: &[Parts<'s>]) -> Option<&'s str> {
    let first = branches.first()?;
    known(first).find(|name| branches.iter().all(|branch| constant(branch, name).is_some()))
}

fn constant<'s>(branch: &Parts<'s>, name: &str) -> Option<&'s str> {
    let schema = branch.iter().find_map(|part| properties(part)?.get(name))?;
    let single = || schema.get("enum")?.as_array().filter(|values| values.len() == 1)?.first();
    schema.get("const").or_else(single)?.as_str()
}
