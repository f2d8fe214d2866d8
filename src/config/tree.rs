//! A YAML tree that knows where each of its nodes is written.
//!
//! Made by `parse`, looked at by `shape` and `control`. Keys are text and unique; their order is kept.

use super::source::Mark;

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first character.
    pub mark: Mark,
    /// What it is.
    pub value: Value,
    /// A number, truth value or nothing as it was typed, which its value may not tell: `1.10`, `0x1f`, `~`.
    pub raw: Option<Box<str>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~` or no value at all.
    Null,
    /// `true` or `false`; YAML 1.2 has no others.
    Bool(bool),
    /// A whole number, `i64::MIN` to `u64::MAX`.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Everything else, and everything in quotes.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with their values.
    Mapping(Vec<(Key, Node)>),
}

/// A key and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its first character.
    pub mark: Mark,
}

impl Node {
    /// A node that was not typed as a number, truth value or nothing.
    pub fn new(mark: Mark, value: Value) -> Self {
        Self { mark, value, raw: None }
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// The value under a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Value::Mapping(entries) = &mut self.value else { return None };
        entries.iter_mut().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// Keys and values; none if it is no mapping.
    pub fn entries(&self) -> &[(Key, Node)] {
        if let Value::Mapping(entries) = &self.value { entries } else { &[] }
    }

    /// Its items; none if it is no list.
    pub fn items(&self) -> &[Node] {
        if let Value::Sequence(items) = &self.value { items } else { &[] }
    }

    /// Its text; none if it is not text.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// As it was typed, for showing. Nothing for lists and mappings.
    pub fn shown(&self) -> &str {
        self.raw.as_deref().or(self.text()).unwrap_or("")
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The node at a path such as `routes[2].match.hosts`, or the nearest one above it that exists.
    pub fn nearest(&self, path: &str) -> &Node {
        let mut node = self;
        let mut rest = path;
        while let Some((next, after)) = node.step(rest) {
            (node, rest) = (next.1, after);
        }
        node
    }

    /// Where the path's last step is written: its key in a mapping, its value in a list.
    pub fn mark_at(&self, path: &str) -> Mark {
        self.key_at(path).0
    }

    /// The same with the key; no key for an item of a list.
    pub fn key_at<'a>(&'a self, path: &str) -> (Mark, &'a str) {
        let mut found = (self.mark, "");
        let (mut node, mut rest) = (self, path);
        while let Some(((key, next), after)) = node.step(rest) {
            found = key.map_or((next.mark, ""), |key| (key.mark, &key.text));
            (node, rest) = (next, after);
        }
        found
    }

    /// Removes the value at a path together with its key; an item takes its whole list with it, because without
    /// it the others would have other paths. Says whether this node itself has to go.
    pub fn prune(&mut self, path: &str) -> bool {
        let path = path.strip_prefix('.').unwrap_or(path);
        if path.is_empty() {
            return true;
        }
        match &mut self.value {
            Value::Sequence(items) => {
                let step = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let item =
                    step.and_then(|(index, rest)| Some((items.get_mut(index.parse::<usize>().ok()?)?, rest)));
                item.is_some_and(|(item, rest)| item.prune(rest))
            }
            Value::Mapping(entries) => {
                let longest = entries
                    .iter()
                    .enumerate()
                    .filter_map(|(at, (key, _))| key_step(path, &key.text).map(|rest| (at, rest)))
                    .min_by_key(|(_, rest)| rest.len());
                if let Some((at, rest)) = longest
                    && entries[at].1.prune(rest)
                {
                    entries.remove(at);
                }
                false
            }
            _ => false,
        }
    }

    /// The first step of a path with its key, and the rest of the path. A key may have dots in it: the longest wins.
    fn step<'p>(&self, path: &'p str) -> Option<((Option<&Key>, &Node), &'p str)> {
        let path = path.strip_prefix('.').unwrap_or(path);
        match &self.value {
            Value::Sequence(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some(((None, items.get(index.parse::<usize>().ok()?)?), rest))
            }
            Value::Mapping(entries) => entries
                .iter()
                .filter_map(|(key, node)| {
                    let rest = path.strip_prefix(&*key.text)?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(((Some(key), node), rest))
                })
                .min_by_key(|(_, rest)| rest.len()),
            _ => None,
        }
    }

    /// The same without positions. A number that JSON does not have becomes text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(value) => serde_json::Number::from_i128(*value).map_or(Json::Null, Json::Number),
            Value::Float(value) => serde_json::Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Value::Text(text) => Json::String(text.clone()),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// What is left of a path after a key.
fn key_step<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
