//! How places and values of a configuration are called in a line for people.
//!
//! One line whatever a value contains: control characters are escaped, long texts shortened, and the values of fields
//! that carry credentials never shown.

use std::sync::LazyLock;

use serde_json::Value;

use crate::telemetry::redaction::Redaction;

/// Longest value, in characters.
const VALUE_CHARS_MAX: usize = 80;
/// Instead of a value that carries credentials.
const HIDDEN: &str = "(hidden)";

static REDACTION: LazyLock<Redaction> = LazyLock::new(|| Redaction::compile::<&str>(&[], &[]));

/// A step down a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Under a key.
    Key(String),
    /// To the item with this name, or at this position.
    Item(String),
}

impl Step {
    fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Item(text) => text,
        }
    }
}

/// `routes[orders].match.path`.
pub(super) fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Item(name) => path.extend(["[", name, "]"]),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
        }
    }
    path
}

/// What a line is about: ``route `orders`: match.path``.
pub(super) fn subject(steps: &[Step]) -> String {
    let Some((thing, rest)) = thing(steps) else { return inner(steps) };
    let rest = inner(rest);
    if rest.is_empty() { thing } else { format!("{thing}: {rest}") }
}

/// What stands between a thing and what is said of it as a whole.
pub(super) fn colon(steps: &[Step]) -> &'static str {
    if thing(steps).is_some_and(|(_, rest)| rest.is_empty()) { ":" } else { "" }
}

/// Whether these steps lead to a thing that has a name: a route, a listener, a cluster, a secret, a policy.
pub(super) fn is_thing(steps: &[Step]) -> bool {
    thing(steps).is_some_and(|(_, rest)| rest.is_empty()) || policy(steps)
}

fn policy(steps: &[Step]) -> bool {
    matches!(steps, [.., Step::Key(key), Step::Key(_)] if key == "policies")
}

fn thing(steps: &[Step]) -> Option<(String, &[Step])> {
    let [Step::Key(kind), name, rest @ ..] = steps else { return None };
    let word = match (kind.as_str(), name) {
        ("routes", Step::Item(_)) => "route",
        ("listeners", Step::Item(_)) => "listener",
        ("clusters", Step::Key(_)) => "cluster",
        ("secrets", Step::Key(_)) => "secret",
        ("defaults", Step::Key(_)) => return Some(("defaults".to_owned(), &steps[1..])),
        (_, Step::Key(_)) => return Some((kind.clone(), &steps[1..])),
        _ => return None,
    };
    Some((format!("{word} {}", quoted(name.text())), rest))
}

/// Within a thing: `timeouts.head`, `policy ip_filter deny`, ``endpoint `10.0.0.1:80` weight``.
fn inner(steps: &[Step]) -> String {
    match steps {
        [Step::Key(key), Step::Key(policy), rest @ ..] if key == "policies" => {
            join(&format!("policy `{policy}`"), &inner(rest))
        }
        [Step::Key(key), Step::Item(name), rest @ ..] if key == "endpoints" => {
            join(&format!("endpoint {}", quoted(name)), &inner(rest))
        }
        _ => path(steps),
    }
}

fn join(first: &str, rest: &str) -> String {
    if rest.is_empty() { first.to_owned() } else { format!("{first} {rest}") }
}

/// A name between backticks, on one line.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", shortened(&name.escape_debug().to_string(), VALUE_CHARS_MAX))
}

/// A value that stands for itself.
pub(super) fn shown(steps: &[Step], value: &Value) -> String {
    if is_hidden(steps) {
        return HIDDEN.to_owned();
    }
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => word(text),
        Value::Object(object) if object.len() == 1 && is_secret(steps) => source(value),
        Value::Object(object) => {
            let parts = object.iter().map(|(key, value)| {
                let below = [steps, &[Step::Key(key.clone())]].concat();
                format!("{key} {}", shown(&below, value))
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown(steps, item)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    };
    shortened(&text, VALUE_CHARS_MAX)
}

/// A text as it is, or between quotes where it could be taken for something else.
fn word(text: &str) -> String {
    let is_plain =
        !text.is_empty() && text != "none" && !text.contains(|c: char| c.is_whitespace() || c == ',');
    let escaped = text.escape_debug().to_string().replace("\\'", "'");
    if is_plain && escaped == text { escaped } else { format!("\"{escaped}\"") }
}

fn is_secret(steps: &[Step]) -> bool {
    matches!(steps, [Step::Key(first), ..] if first == "secrets")
        || matches!(steps.last(), Some(Step::Key(key)) if key == "token")
}

/// Where a secret is.
fn source(value: &Value) -> String {
    serde_json::from_value::<crate::config::secret::SecretSource>(value.clone())
        .map_or_else(|_| HIDDEN.to_owned(), |source| source.to_string())
}

/// What a thing does, for the line that says it has come or gone.
pub(super) fn summary(steps: &[Step], value: &Value) -> String {
    match steps {
        [Step::Key(kind), Step::Item(_)] if kind == "routes" => route(steps, value),
        [Step::Key(kind), Step::Item(_)] if kind == "listeners" => listener(value),
        [Step::Key(kind), Step::Key(_)] if kind == "clusters" => cluster(value),
        _ => shown(steps, value),
    }
}

fn route(steps: &[Step], value: &Value) -> String {
    let list = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let matches = &value["match"];
    let methods = list(matches.get("methods"));
    let methods = if methods.is_empty() { "any method".to_owned() } else { methods.join("|") };
    let hosts = list(matches.get("hosts"));
    let path = match (matches["path"].as_str(), matches["prefix"].as_str()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(prefix)) => format!("{}/*", prefix.trim_end_matches('/')),
        _ => "/*".to_owned(),
    };
    let does =
        ["cluster", "redirect", "respond", "jwks"].iter().find_map(|key| Some((*key, value.get(key)?)));
    let does = match does {
        Some(("cluster", cluster)) => format!("cluster {}", quoted(cluster.as_str().unwrap_or_default())),
        Some(("redirect", to)) => format!("redirect to {}", shown(steps, &to["to"])),
        Some(("jwks", _)) => "publish the gateway's keys".to_owned(),
        Some((_, answer)) => format!("respond with {}", answer["status"]),
        None => "nothing".to_owned(),
    };
    let matched =
        shortened(&format!("{}{path}", hosts.join("|")).escape_debug().to_string(), VALUE_CHARS_MAX);
    format!("{methods} {matched} -> {does}")
}

fn listener(value: &Value) -> String {
    let kind = match (value.get("tcp").is_some(), value.get("tls").is_some()) {
        (true, _) => "tcp",
        (_, true) => "https",
        _ => "http",
    };
    format!("{kind} on {}", value["address"].as_str().unwrap_or("no address").escape_debug())
}

fn cluster(value: &Value) -> String {
    let endpoints = value["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = endpoints.iter().filter_map(|item| item.as_str().or_else(|| item["address"].as_str()));
    let names: Vec<_> = names.map(|name| name.escape_debug().to_string()).collect();
    if names.is_empty() { shown(&[], value) } else { shortened(&names.join(", "), VALUE_CHARS_MAX) }
}

/// The value with everything hidden that carries credentials.
pub(super) fn masked(steps: &[Step], value: &Value) -> Value {
    if is_hidden(steps) {
        return HIDDEN.into();
    }
    match value {
        Value::Object(object) => {
            let below = |key: &String| [steps, &[Step::Key(key.clone())]].concat();
            let masked = object.iter().map(|(key, value)| (key.clone(), masked(&below(key), value)));
            Value::Object(masked.collect())
        }
        Value::Array(items) => items.iter().map(|item| masked(steps, item)).collect(),
        other => other.clone(),
    }
}

/// Whether here is what is sent or expected in a field such as Authorization.
fn is_hidden(steps: &[Step]) -> bool {
    steps.windows(2).any(|pair| {
        matches!(pair[0].text(), "set" | "add" | "headers")
            && REDACTION.hides_header(pair[1].text().as_bytes())
    })
}

/// At most so many characters.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(3)).chain("...".chars()).collect()
}
