//! What was probably meant: hints for what `route` has refused.
//!
//! Refuses nothing itself. It is asked only about a value that is wrong, and answers only where it can say what
//! to write; else the hint of whoever refused it stands.

use crate::config::suggest;
use crate::route::config::{MatchConfig, RedirectConfig, RewriteConfig};

/// The code of a fault at this place.
pub(super) fn code(place: &str, at: &str) -> &'static str {
    let first = at.split(['.', '[']).next().unwrap_or(at);
    match first {
        "hosts" | "host" => "bad-host",
        "methods" => "bad-method",
        "headers" | "query" | "cookies" if at.ends_with(".regex") => "bad-regex",
        "headers" | "query" | "cookies" => "bad-field",
        "status" => "bad-status",
        "to" => "bad-redirect",
        _ if place.ends_with(".rewrite") => "bad-rewrite",
        _ => "bad-path",
    }
}

/// What can always be said of a fault whose finder has no hint.
pub(super) fn usual(code: &str) -> Option<String> {
    let hint = match code {
        "bad-field" => "a name has letters, digits and `-`",
        "bad-rewrite" | "bad-redirect" => "write {name}; braces elsewhere are %7B and %7D",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A hint about a value of `match`.
pub(super) fn matches(config: &MatchConfig, at: &str) -> Option<String> {
    let item = |list: &[String]| {
        let index: usize = at.split_once('[')?.1.strip_suffix(']')?.parse().ok()?;
        list.get(index).cloned()
    };
    match at {
        "path" => path(config.path.as_deref()?),
        "prefix" if config.path.is_none() => path(config.prefix.as_deref()?),
        _ if at.starts_with("hosts[") => host(&item(&config.hosts)?),
        _ if at.starts_with("methods[") => method(&item(&config.methods)?),
        _ => field(at),
    }
}

/// A hint about a value of `rewrite`. `names` are what the route's path captures.
pub(super) fn rewrite(config: &RewriteConfig, names: &[String], at: &str) -> Option<String> {
    match at {
        "path" if config.strip_prefix.is_none() && config.add_prefix.is_none() => {
            let written = config.path.as_deref()?;
            path(written).or_else(|| parameter(written, &[], names))
        }
        "strip_prefix" => path(config.strip_prefix.as_deref()?),
        "add_prefix" => path(config.add_prefix.as_deref()?),
        _ => None,
    }
}

/// A hint about a value of `redirect`.
pub(super) fn redirect(config: &RedirectConfig, names: &[String], at: &str) -> Option<String> {
    let written = config.to.as_str();
    if at != "to" {
        return None;
    }
    if !written.starts_with(['/', '{']) && !written.contains("://") {
        return Some(format!("write /{written} for a path here, or https://{written} for another host"));
    }
    parameter(written, &["scheme", "host", "path", "query"], names)
}

/// The name that a misspelt `{name}` was meant to be.
fn parameter(written: &str, words: &[&str], names: &[String]) -> Option<String> {
    let known: Vec<&str> = words.iter().copied().chain(names.iter().map(String::as_str)).collect();
    let used = written.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let mut unknown = used.map(|(name, _)| name.trim_start_matches('*')).filter(|name| !known.contains(name));
    let first = unknown.next()?;
    if known.is_empty() {
        return Some(format!("capture it: write {{{first}}} in `match.path`"));
    }
    suggest::nearest(first, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

fn path(written: &str) -> Option<String> {
    if let Some((_, rest)) = written.split_once("://") {
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        return Some(format!("write {path} alone, and the host under `hosts`"));
    }
    if !written.starts_with('/') {
        return Some(format!("write /{written}"));
    }
    if written.contains('?') {
        return Some("match query parameters with `query`".to_owned());
    }
    if written.contains('#') {
        return Some("a fragment is never sent; remove it".to_owned());
    }
    if written.contains(|c: char| c == ' ' || !c.is_ascii()) {
        return Some("write it percent-encoded: a space is %20".to_owned());
    }
    let mut encoded = written.split('%').skip(1);
    let is_hex =
        |after: &str| after.as_bytes().iter().take(2).filter(|byte| byte.is_ascii_hexdigit()).count() == 2;
    encoded.any(|after| !is_hex(after)).then(|| "write %25 for a percent sign".to_owned())
}

fn host(written: &str) -> Option<String> {
    if written == "*" {
        return Some("leave `hosts` out to match every host".to_owned());
    }
    if let Some((_, rest)) = written.split_once("://") {
        return Some(format!("write {} alone", rest.split(['/', ':']).next().unwrap_or(rest)));
    }
    let (host, port) = written.rsplit_once(':')?;
    port.parse::<u16>().is_ok().then(|| format!("write {host} without the port"))
}

fn method(written: &str) -> Option<String> {
    let capitals = written.trim().to_ascii_uppercase();
    let is_name =
        !capitals.is_empty() && capitals.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    is_name.then(|| format!("write {capitals}"))
}

/// `headers.x-a:` has the colon of the wire in it.
fn field(at: &str) -> Option<String> {
    let (kind, name) = at.split_once('.')?;
    let bare = name.strip_suffix(':').filter(|_| kind == "headers")?;
    Some(format!("write {bare} without the colon"))
}
