//! What is different between two configurations, in the words of the configuration.
//!
//! Looks at them as they are written out with all defaults, so that writing a default is no change. Things are found by
//! their names, and where order means nothing it makes no difference. Pure; bounded by [`CHANGES_MAX`] lines of
//! [`TEXT_CHARS_MAX`] characters. Secrets are known by where they are, and fields that carry credentials are hidden.

mod lists;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::Config;
use words::{Step, masked, shown, subject, summary};

/// Most changes that are told one by one; the last line counts the others.
pub const CHANGES_MAX: usize = 200;
/// Longest line, in characters.
pub const TEXT_CHARS_MAX: usize = 300;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where: `routes[orders].match.path`. Empty for the line that counts what is left out.
    pub path: String,
    /// Of what kind.
    pub kind: ChangeKind,
    /// What was there. Absent where nothing was.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// What is there now. Absent where nothing is.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
    /// One line for people.
    pub text: String,
}

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another value.
    Changed,
    /// It has another name, and nothing else is different.
    Renamed,
    /// The same things in another order, where order means something.
    Reordered,
    /// So many more changes are not told.
    More,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What `new` says otherwise than `old`, in the order in which configurations are written.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let value = |config| {
        let mut value = serde_json::to_value(config).unwrap_or_default();
        // What is included is in it; in which file it is written makes no difference.
        value.as_object_mut().and_then(|object| object.shift_remove("include"));
        value
    };
    diff_values(&value(old), &value(new))
}

/// The same of two configurations that are JSON already, with all defaults.
pub fn diff_values(old: &Value, new: &Value) -> Vec<Change> {
    let mut walk = Walk { steps: Vec::new(), changes: Vec::new(), left_out: 0 };
    walk.compare(Some(old), Some(new));
    let Walk { mut changes, left_out, .. } = walk;
    if left_out > 0 {
        let text = format!("and {left_out} more");
        let (before, after) = (Value::Null, Value::Null);
        changes.push(Change { path: String::new(), kind: ChangeKind::More, before, after, text });
    }
    changes
}

/// The texts alone.
pub fn texts(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.text.clone()).collect()
}

/// A walk over two trees at once.
struct Walk {
    steps: Vec<Step>,
    changes: Vec<Change>,
    left_out: usize,
}

impl Walk {
    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (old, new) if old == new => {}
            // One choice for another, such as `{exact: a}` for `{prefix: a}`.
            (Some(Value::Object(a)), Some(Value::Object(b))) if is_choice(a, b) && !self.holds_names() => {
                self.leaf(old, new);
            }
            (Some(Value::Object(old)), Some(Value::Object(new))) => self.objects(old, new),
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.lists(old, new),
            // A list that is absent is empty.
            (None, Some(Value::Array(new))) => self.lists(&[], new),
            (Some(Value::Array(old)), None) => self.lists(old, &[]),
            // A map that holds names is compared name by name even where it begins or ends.
            (None, Some(Value::Object(new))) if self.holds_names() => self.objects(&Map::new(), new),
            (Some(Value::Object(old)), None) if self.holds_names() => self.objects(old, &Map::new()),
            (old, new) => self.leaf(old, new),
        }
    }

    /// Whether here is a map from names to things, rather than a thing.
    fn holds_names(&self) -> bool {
        let [Step::Key(key)] = &self.steps[..] else {
            return matches!(self.steps.last(), Some(Step::Key(key)) if key == "policies");
        };
        matches!(key.as_str(), "clusters" | "secrets")
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        if self.holds_names() && !matches!(self.steps.last(), Some(Step::Key(key)) if key == "policies") {
            return self.named(&entries(old), &entries(new), Step::Key);
        }
        for (key, value) in old {
            self.at(Step::Key(key.clone()), |walk| walk.compare(Some(value), new.get(key)));
        }
        for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            self.at(Step::Key(key.clone()), |walk| walk.compare(None, Some(value)));
        }
    }

    /// Things by name, with names that occur once.
    fn named(&mut self, old: &[(String, &Value)], new: &[(String, &Value)], step: impl Fn(String) -> Step) {
        let renamed = lists::renamed(old, new);
        let new_names: BTreeSet<&String> = renamed.values().collect();
        let (by_old, by_new) = (lists::lookup(old), lists::lookup(new));
        for (name, value) in old {
            self.at(step(name.clone()), |walk| match renamed.get(name) {
                Some(to) => walk.renamed(name, to),
                None => walk.compare(Some(value), by_new.get(name.as_str()).copied()),
            });
        }
        for (name, value) in new {
            if !by_old.contains_key(name.as_str()) && !new_names.contains(name) {
                self.at(step(name.clone()), |walk| walk.compare(None, Some(value)));
            }
        }
    }

    fn lists(&mut self, old: &[Value], new: &[Value]) {
        let key = match self.steps.last() {
            Some(Step::Key(key)) => key.clone(),
            _ => String::new(),
        };
        match (lists::by_name(&key, old), lists::by_name(&key, new)) {
            (Some(named_old), Some(named_new)) => {
                let before = self.changes.len() + self.left_out;
                let (old_named, new_named) = (lists::borrowed(&named_old), lists::borrowed(&named_new));
                if key == "endpoints" {
                    self.endpoints(&old_named, &new_named);
                } else {
                    self.named(&old_named, &new_named, Step::Item);
                }
                if before == self.changes.len() + self.left_out && lists::order_matters(&key) {
                    self.reordered(old, new);
                }
            }
            _ => self.items(&key, old, new),
        }
    }

    /// Endpoints that come and go are one line a cluster; what else is said of one is a line of its own.
    fn endpoints(&mut self, old: &[(String, &Value)], new: &[(String, &Value)]) {
        let (by_old, by_new) = (lists::lookup(old), lists::lookup(new));
        let only = |these: &[(String, &Value)], those: &BTreeMap<&str, &Value>| -> Vec<Value> {
            let these = these.iter().filter(|(name, _)| !those.contains_key(name.as_str()));
            these.map(|(_, value)| lists::plain(value)).collect()
        };
        self.came_and_went(&only(old, &by_new), &only(new, &by_old));
        for (name, value) in old {
            if let Some(other) = by_new.get(name.as_str()) {
                self.at(Step::Item(name.clone()), |walk| walk.compare(Some(value), Some(other)));
            }
        }
    }

    /// Things without names: what is on one side only.
    fn items(&mut self, key: &str, old: &[Value], new: &[Value]) {
        let (gone, come) = lists::difference(old, new);
        if gone.is_empty() && come.is_empty() {
            if lists::order_matters(key) {
                self.reordered(old, new);
            }
            return;
        }
        if let ([(_, Value::Object(old))], [(at, Value::Object(new))]) = (&gone[..], &come[..]) {
            return self.at(Step::Item(at.to_string()), |walk| walk.objects(old, new));
        }
        let values = |items: Vec<(usize, Value)>| items.into_iter().map(|(_, item)| item).collect::<Vec<_>>();
        self.came_and_went(&values(gone), &values(come));
    }

    fn came_and_went(&mut self, gone: &[Value], come: &[Value]) {
        if gone.is_empty() && come.is_empty() {
            return;
        }
        let mark = |sign: char, items: &[Value]| -> Vec<String> {
            items.iter().map(|item| format!("{sign} {}", shown(&self.steps, item))).collect()
        };
        let said = [mark('+', come), mark('-', gone)].concat().join(", ");
        let kind = match (gone.is_empty(), come.is_empty()) {
            (true, _) => ChangeKind::Added,
            (_, true) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let list = |items: &[Value]| if items.is_empty() { Value::Null } else { items.to_vec().into() };
        self.say(kind, Some(&list(gone)), Some(&list(come)), &format!(" {said}"));
    }

    fn reordered(&mut self, old: &[Value], new: &[Value]) {
        let line = |items: &[Value]| {
            let items: Vec<_> = items.iter().map(|item| lists::name_or_text(&self.steps, item)).collect();
            items.join(", ")
        };
        let text = format!(" in another order: {} -> {}", line(old), line(new));
        self.say(ChangeKind::Reordered, Some(&old.to_vec().into()), Some(&new.to_vec().into()), &text);
    }

    fn renamed(&mut self, from: &str, to: &str) {
        let text = format!(" renamed to {}", words::quoted(to));
        self.say(ChangeKind::Renamed, Some(&from.into()), Some(&to.into()), &text);
    }

    /// A value that is not looked into any further.
    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let is_thing = words::is_thing(&self.steps) || old.or(new).is_some_and(Value::is_object);
        let (kind, text) = match (old, new) {
            (None, Some(new)) if is_thing => {
                (ChangeKind::Added, format!(" added: {}", summary(&self.steps, new)))
            }
            (Some(old), None) if is_thing => {
                (ChangeKind::Removed, format!(" removed: {}", summary(&self.steps, old)))
            }
            (old, new) => {
                let side = |value: Option<&Value>| {
                    value.map_or_else(|| "none".to_owned(), |value| shown(&self.steps, value))
                };
                let kind = match (old, new) {
                    (None, _) => ChangeKind::Added,
                    (_, None) => ChangeKind::Removed,
                    _ => ChangeKind::Changed,
                };
                (kind, format!("{} {} -> {}", words::colon(&self.steps), side(old), side(new)))
            }
        };
        self.say(kind, old, new, &text);
    }

    fn say(&mut self, kind: ChangeKind, before: Option<&Value>, after: Option<&Value>, text: &str) {
        if self.changes.len() >= CHANGES_MAX {
            self.left_out += 1;
            return;
        }
        let value = |value: Option<&Value>| value.map_or(Value::Null, |value| masked(&self.steps, value));
        self.changes.push(Change {
            path: words::path(&self.steps),
            kind,
            before: value(before),
            after: value(after),
            text: words::shortened(&format!("{}{text}", subject(&self.steps)), TEXT_CHARS_MAX),
        });
    }

    fn at(&mut self, step: Step, look: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        look(self);
        self.steps.pop();
    }
}

fn entries(map: &Map<String, Value>) -> Vec<(String, &Value)> {
    map.iter().map(|(name, value)| (name.clone(), value)).collect()
}

fn is_choice(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    old.len() == 1 && new.len() == 1 && old.keys().ne(new.keys())
}
