//! Names: of the right form, unique, and known where they are used.

use std::collections::BTreeMap;

use super::Check;
use crate::config::suggest;
use crate::config::units::UnitError;

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    unique(check, "listeners", "listener", config.listeners.iter().map(|listener| &*listener.name));
    unique(check, "routes", "route", config.routes.iter().map(|route| &*route.name));
    for name in config.clusters.keys() {
        check.value("bad-name", &format!("clusters.{name}"), form(name));
    }
    for name in config.secrets.keys() {
        check.value("bad-name", &format!("secrets.{name}"), form(name));
    }
    let listeners: Vec<&str> = config.listeners.iter().map(|listener| &*listener.name).collect();
    let clusters = written_clusters(check);
    let clusters: Vec<&str> = clusters.iter().map(String::as_str).collect();
    for (index, route) in config.routes.iter().enumerate() {
        for (at, name) in
            route.listeners.iter().enumerate().filter(|(_, name)| !listeners.contains(&&***name))
        {
            check.error(
                "unknown-listener",
                &format!("routes[{index}].listeners[{at}]"),
                unknown("listener", name, &listeners),
            );
        }
        if let Some(name) = route.cluster.as_deref().filter(|name| clusters.binary_search(name).is_err()) {
            check.error(
                "unknown-cluster",
                &format!("routes[{index}].cluster"),
                unknown("cluster", name, &clusters),
            );
        }
    }
}

/// All clusters, sorted. From the tree: a cluster that is itself refused is still known by its name.
pub(super) fn written_clusters(check: &Check<'_>) -> Vec<String> {
    let written = check.document.tree().get("clusters").map(|node| node.entries()).unwrap_or_default();
    let mut clusters: Vec<String> = written.iter().map(|(key, _)| key.text.to_string()).collect();
    clusters.sort_unstable();
    clusters
}

pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> UnitError {
    let mut why = UnitError::new(format!("there is no {what} `{name}`"));
    why.hint = suggest::hint(name, known, "there are");
    if why.hint.is_none() {
        why.hint = Some(format!("add it under {what}s"));
    }
    why
}

fn unique<'n>(check: &mut Check<'_>, list: &str, what: &str, names: impl Iterator<Item = &'n str>) {
    let mut first = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let path = format!("{list}[{index}].name");
        check.value("bad-name", &path, form(name));
        if let Some(earlier) = first.get(name) {
            let other = check.place(&format!("{list}[{earlier}].name"));
            let why = UnitError::new(format!("two {what}s are called `{name}`"));
            check.error("duplicate-name", &path, why.hint(format!("rename one; the other is at {other}")));
        } else {
            first.insert(name, index);
        }
    }
}

/// `[a-z0-9][a-z0-9_.-]{0,62}`: names are labels of metrics and parts of paths.
pub(super) fn form(name: &str) -> Result<(), UnitError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.starts_with(fits) && name.chars().all(|c| fits(c) || matches!(c, '_' | '.' | '-'));
    if good && name.len() <= NAME_LEN_MAX {
        return Ok(());
    }
    let mended: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if fits(c) || matches!(c, '_' | '.' | '-') { c } else { '-' })
        .skip_while(|c| !fits(*c))
        .take(NAME_LEN_MAX)
        .collect();
    let rule =
        "names have a-z, 0-9, `_`, `.` and `-`, begin with a letter or digit and have at most 63 characters";
    let hint = if mended.is_empty() { rule.to_owned() } else { format!("write `{mended}`; {rule}") };
    Err(UnitError::new(format!("`{name}` cannot be a name")).hint(hint))
}

const NAME_LEN_MAX: usize = 63;
