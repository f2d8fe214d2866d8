//! Routes that take the same requests: the second of them would never see one.
//!
//! Only what is the same word for word counts, once names of parameters and the order of lists are set aside.
//! Overlap is no fault: the more specific route wins.

use std::collections::BTreeMap;

use super::Check;
use crate::config::units::UnitError;
use crate::control::config::RouteConfig;

pub(super) fn check(check: &mut Check<'_>) {
    // A condition that was refused is not in the draft, which makes routes look alike.
    if !check.document.is_whole() {
        return;
    }
    let config = check.config;
    let every: Vec<&str> = config.listeners.iter().map(|listener| &*listener.name).collect();
    let mut first: BTreeMap<(&str, String, String), usize> = BTreeMap::new();
    for (index, route) in config.routes.iter().enumerate() {
        let own: Vec<&str> = route.listeners.iter().map(String::as_str).collect();
        let listeners = if own.is_empty() { &every } else { &own };
        let conditions = conditions(route);
        let mut earlier = None;
        for listener in listeners {
            for host in hosts(route) {
                let taken = *first.entry((listener, host, conditions.clone())).or_insert(index);
                earlier = earlier.or((taken != index).then_some(taken));
            }
        }
        if let Some(earlier) = earlier {
            let other = check.place(&format!("routes[{earlier}]"));
            let name = &config.routes[earlier].name;
            let why =
                UnitError::new(format!("route `{}` takes the same requests as route `{name}`", route.name));
            let path = if check.document.tree().nearest(&format!("routes[{index}]")).get("match").is_some() {
                "match"
            } else {
                "name"
            };
            check.error(
                "same-match",
                &format!("routes[{index}].{path}"),
                why.hint(format!("change or remove one; the other is at {other}")),
            );
        }
    }
}

fn hosts(route: &RouteConfig) -> Vec<String> {
    if route.matches.hosts.is_empty() {
        return vec![String::new()];
    }
    let mut hosts: Vec<String> = route.matches.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Everything but listeners and hosts, as a text that is the same for the same conditions.
fn conditions(route: &RouteConfig) -> String {
    let config = &route.matches;
    let mut methods: Vec<&str> = config.methods.iter().map(String::as_str).collect();
    methods.sort_unstable();
    methods.dedup();
    let path = config.path.as_deref().map(nameless);
    let prefix = if config.path.is_none() { config.prefix.as_deref().unwrap_or("/") } else { "" };
    let headers: BTreeMap<String, _> =
        config.headers.iter().map(|(name, rule)| (name.to_ascii_lowercase(), rule)).collect();
    format!(
        "{path:?} {:?} {methods:?} {headers:?} {:?} {:?}",
        nameless(prefix.trim_end_matches('/')),
        config.query,
        config.cookies
    )
}

/// `/users/{id}` and `/users/{name}` are the same.
fn nameless(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix('{') {
        Some(rest) if rest.starts_with('*') => "{*}".to_owned(),
        Some(_) => "{}".to_owned(),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}
