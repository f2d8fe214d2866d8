//! Routes: what they match, where they go, how they change a request.

use std::collections::BTreeMap;

use regex::bytes::RegexBuilder;

use super::{Check, patterns, values};
use crate::config::units::UnitError;
use crate::control::config::RouteConfig;
use crate::policy::PoliciesConfig;
use crate::route::config::{MatchConfig, RedirectConfig, RespondConfig, RewriteConfig, ValueMatchConfig};

pub(super) fn check(check: &mut Check<'_>) {
    policies(check, "defaults.policies", &check.config.defaults.policies);
    for (index, route) in check.config.routes.iter().enumerate() {
        let at = format!("routes[{index}]");
        destination(check, &at, route);
        let names = matches(check, &format!("{at}.match"), &route.matches);
        rewrite(check, &at, route, &names);
        if let Some(redirect) = &route.redirect {
            self::redirect(check, &format!("{at}.redirect"), redirect, &names);
        }
        if let Some(respond) = &route.respond {
            self::respond(check, &format!("{at}.respond"), respond);
        }
        policies(check, &format!("{at}.policies"), &route.policies);
    }
}

fn policies(check: &mut Check<'_>, at: &str, policies: &PoliciesConfig) {
    policies.check(&mut |path, reason, hint| {
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        check.error("bad-policy", &format!("{at}{dot}{path}"), UnitError { reason, hint });
    });
}

fn destination(check: &mut Check<'_>, at: &str, route: &RouteConfig) {
    let present = [
        ("cluster", route.cluster.is_some()),
        ("redirect", route.redirect.is_some()),
        ("respond", route.respond.is_some()),
    ];
    let mut given = present.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name);
    let Some(first) = given.next() else {
        let why = UnitError::new(format!("route `{}` goes nowhere", route.name));
        return check.error("no-destination", at, why.hint("add one of `cluster`, `redirect` and `respond`"));
    };
    for other in given {
        let why =
            UnitError::new(format!("`{other}` and `{first}` exclude each other")).hint("keep one of them");
        check.error("two-destinations", &format!("{at}.{other}"), why);
    }
}

/// Checks the conditions; gives back what the path captures. None if that cannot be told.
fn matches(check: &mut Check<'_>, at: &str, config: &MatchConfig) -> Option<Vec<String>> {
    for (index, host) in config.hosts.iter().enumerate() {
        check.value("bad-host", &format!("{at}.hosts[{index}]"), values::host_pattern(host));
    }
    for (index, method) in config.methods.iter().enumerate() {
        check.value("bad-method", &format!("{at}.methods[{index}]"), values::method(method));
    }
    conditions(check, &format!("{at}.headers"), &config.headers, true);
    conditions(check, &format!("{at}.query"), &config.query, false);
    conditions(check, &format!("{at}.cookies"), &config.cookies, true);
    let (key, written) = match (&config.path, &config.prefix) {
        (Some(_), Some(_)) => {
            let why = UnitError::new("`path` and `prefix` exclude each other").hint("keep one of them");
            check.error("path-and-prefix", &format!("{at}.prefix"), why);
            return None;
        }
        (Some(path), None) => ("path", path),
        (None, Some(prefix)) => ("prefix", prefix),
        (None, None) => return Some(Vec::new()),
    };
    match patterns::captured(written, key == "prefix") {
        Ok(names) => Some(names.into_iter().map(str::to_owned).collect()),
        Err(why) => {
            check.error("bad-path", &format!("{at}.{key}"), why);
            None
        }
    }
}

fn conditions(
    check: &mut Check<'_>,
    at: &str,
    conditions: &BTreeMap<String, ValueMatchConfig>,
    is_token: bool,
) {
    for (name, condition) in conditions {
        let path = format!("{at}.{name}");
        if is_token {
            check.value("bad-field", &path, values::field_name(name));
        } else if name.is_empty() {
            check.error(
                "bad-field",
                &path,
                UnitError::new("a parameter without a name").hint("write its name"),
            );
        }
        if let ValueMatchConfig::Regex(pattern) = condition {
            check.value("bad-regex", &format!("{path}.regex"), regex(pattern));
        }
    }
}

/// Bytes, not characters, and at most a mebibyte once compiled, as `route` compiles it.
fn regex(pattern: &str) -> Result<(), UnitError> {
    let built = RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    built.map(drop).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("not a regular expression").trim_start_matches("error: ");
        UnitError::new(format!("`{pattern}` is not a regular expression: {reason}"))
            .hint("look-around and back-references do not exist here; a plain character may need a `\\`")
    })
}

fn rewrite(check: &mut Check<'_>, at: &str, route: &RouteConfig, names: &Option<Vec<String>>) {
    let config = &route.rewrite;
    if *config != RewriteConfig::default()
        && route.cluster.is_none()
        && (route.redirect.is_some() || route.respond.is_some())
    {
        let why =
            UnitError::new("a request that goes to no cluster is not rewritten").hint("remove `rewrite`");
        check.warning("no-effect", &format!("{at}.rewrite"), why);
    }
    let at = format!("{at}.rewrite");
    if let Some(path) = &config.path {
        let template = patterns::absolute(path)
            .and_then(|()| names.as_ref().map_or(Ok(()), |names| patterns::template(path, &refs(names))));
        check.value("bad-rewrite", &format!("{at}.path"), template);
        if config.strip_prefix.is_some() {
            let why = UnitError::new("`path` and `strip_prefix` exclude each other").hint("keep one of them");
            check.error("path-and-strip", &format!("{at}.strip_prefix"), why);
        }
    }
    for (key, prefix) in [("strip_prefix", &config.strip_prefix), ("add_prefix", &config.add_prefix)] {
        if let Some(prefix) = prefix {
            check.value("bad-rewrite", &format!("{at}.{key}"), patterns::absolute(prefix));
        }
    }
    if let Some(host) = &config.host {
        check.value("bad-host", &format!("{at}.host"), values::authority(host));
    }
}

fn redirect(check: &mut Check<'_>, at: &str, config: &RedirectConfig, names: &Option<Vec<String>>) {
    if ![301, 302, 303, 307, 308].contains(&config.status) {
        let why = UnitError::new(format!("{} is not the status of a redirect", config.status))
            .hint("write 301, 302, 303, 307 or 308");
        check.error("bad-status", &format!("{at}.status"), why);
    }
    let path = format!("{at}.to");
    let is_target = config.to.starts_with(['/', '{'])
        || config.to.starts_with("https://")
        || config.to.starts_with("http://");
    if !is_target {
        let why = UnitError::new(format!("`{}` is neither a URL nor a path", config.to));
        return check.error(
            "bad-redirect",
            &path,
            why.hint("write https://example.com{path}{query} or /new{query}"),
        );
    }
    check.value("bad-redirect", &path, values::field_value(&config.to));
    if let Some(names) = names {
        let known: Vec<&str> = patterns::RESERVED.iter().copied().chain(refs(names)).collect();
        check.value("bad-redirect", &path, patterns::template(&config.to, &known));
    }
}

fn respond(check: &mut Check<'_>, at: &str, config: &RespondConfig) {
    if !(200..=599).contains(&config.status) {
        let why = UnitError::new(format!("{} is not a final status", config.status)).hint("write 200 to 599");
        check.error("bad-status", &format!("{at}.status"), why);
    }
    // RFC 9110 6.4.1: these have no content.
    if [204, 205, 304].contains(&config.status) && !config.body.is_empty() {
        let why = UnitError::new(format!("an answer with status {} has no body", config.status))
            .hint("remove the body or write 200");
        check.error("bad-body", &format!("{at}.body"), why);
    }
    check.value("bad-field", &format!("{at}.content_type"), values::field_value(&config.content_type));
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

const REGEX_BYTES_MAX: usize = 1 << 20;
