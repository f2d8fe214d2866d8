//! Lists in a configuration: which of their items are the same thing, and whether their order means anything.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::words::{Step, shown};

/// Lists whose order means something: the first certificate is for clients that ask for none, and CPUs are given to
/// workers in turn. Everywhere else a list is a set.
const ORDERED: &[&str] = &["certificates", "cpus", "steps"];

/// Whether the order of the list under this key means something.
pub(super) fn order_matters(key: &str) -> bool {
    ORDERED.contains(&key)
}

/// The items by their names, if all of them have one and no two the same.
pub(super) fn by_name<'v>(key: &str, items: &'v [Value]) -> Option<Vec<(String, Cow<'v, Value>)>> {
    let named: Vec<_> = items.iter().map(|item| named(key, item)).collect::<Option<_>>()?;
    let names: BTreeSet<&String> = named.iter().map(|(name, _)| name).collect();
    (names.len() == named.len()).then_some(named)
}

fn named<'v>(key: &str, item: &'v Value) -> Option<(String, Cow<'v, Value>)> {
    // An endpoint may be written as its address alone, which is the same as with a weight of 1.
    if let ("endpoints", Value::String(address)) = (key, item) {
        return Some((address.clone(), Cow::Owned(json!({"address": address, "weight": 1}))));
    }
    let name = ["name", "address", "cert"].iter().find_map(|key| item.get(key)?.as_str())?;
    Some((name.to_owned(), Cow::Borrowed(item)))
}

/// The same, lent.
pub(super) fn borrowed<'v>(items: &'v [(String, Cow<'_, Value>)]) -> Vec<(String, &'v Value)> {
    items.iter().map(|(name, value)| (name.clone(), &**value)).collect()
}

/// Values by name.
pub(super) fn lookup<'v>(items: &'v [(String, &'v Value)]) -> BTreeMap<&'v str, &'v Value> {
    items.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

/// An endpoint as its address alone, where there is nothing else to say.
pub(super) fn plain(endpoint: &Value) -> Value {
    match (endpoint.get("address"), endpoint.get("weight").and_then(Value::as_u64)) {
        (Some(address), Some(1)) if endpoint.as_object().is_some_and(|object| object.len() == 2) => {
            address.clone()
        }
        _ => endpoint.clone(),
    }
}

/// What an item is called.
pub(super) fn name_or_text(steps: &[Step], item: &Value) -> String {
    named("", item).map_or_else(|| shown(steps, item), |(name, _)| name)
}

/// What is on one side only, with its position; of equal items as many as there are more of.
#[allow(clippy::type_complexity)]
pub(super) fn difference(old: &[Value], new: &[Value]) -> (Vec<(usize, Value)>, Vec<(usize, Value)>) {
    (surplus(old, new), surplus(new, old))
}

fn surplus(these: &[Value], those: &[Value]) -> Vec<(usize, Value)> {
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for item in those {
        *there.entry(item.to_string()).or_default() += 1;
    }
    let mut surplus = Vec::new();
    for (at, item) in these.iter().enumerate() {
        match there.get_mut(&item.to_string()) {
            Some(count @ 1..) => *count -= 1,
            _ => surplus.push((at, item.clone())),
        }
    }
    surplus
}

/// Names that are gone with names that are new, where all that is behind them is the same and nothing else is like it.
pub(super) fn renamed(old: &[(String, &Value)], new: &[(String, &Value)]) -> BTreeMap<String, String> {
    let only = |these: &[(String, &Value)], those: &[(String, &Value)]| {
        let there: BTreeSet<&String> = those.iter().map(|(name, _)| name).collect();
        let mut by_content: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in these.iter().filter(|(name, _)| !there.contains(name)) {
            by_content.entry(nameless(value)).or_default().push(name.clone());
        }
        by_content
    };
    let come = only(new, old);
    let pairs = only(old, new).into_iter().filter_map(|(content, from)| {
        match (&from[..], come.get(&content).map(Vec::as_slice)) {
            ([from], Some([to])) => Some((from.clone(), to.clone())),
            _ => None,
        }
    });
    pairs.collect()
}

fn nameless(value: &Value) -> String {
    let mut value = value.clone();
    if let Value::Object(object) = &mut value {
        object.remove("name");
    }
    value.to_string()
}
