//! What a route does about services that fail: retries, second attempts, other answers.

use super::routes::respond;
use super::{Check, limits, names, values};
use crate::config::units::{Span, UnitError};
use crate::control::config::RouteConfig;
use crate::control::config::care::{FallbackConfig, HedgeConfig, RetriesConfig};
use crate::policy::switch::Switch;
use crate::route::methods::MethodSet;

/// Largest body that is taken whole before it is sent, so that head and body fit one buffer.
const BODY_BYTES_MAX: u64 = 160 * 1024;

/// Those of `defaults`.
pub(super) fn defaults(check: &mut Check<'_>) {
    let defaults = &check.config.defaults;
    retries(check, "defaults.retries", defaults.retries.as_ref().and_then(Switch::settings));
    hedge(check, "defaults.hedge", defaults.hedge.as_ref().and_then(Switch::settings));
}

/// Those of a route.
pub(super) fn check(check: &mut Check<'_>, at: &str, route: &RouteConfig) {
    retries(check, &format!("{at}.retries"), route.retries.as_ref().and_then(Switch::settings));
    hedge(check, &format!("{at}.hedge"), route.hedge.as_ref().and_then(Switch::settings));
    if let Some(config) = &route.fallback {
        fallback(check, &format!("{at}.fallback"), config, route);
    }
    let answers_itself = route.redirect.is_some() || route.respond.is_some() || route.jwks.is_some();
    let written = [
        ("retries", route.retries.is_some()),
        ("hedge", route.hedge.is_some()),
        ("fallback", route.fallback.is_some()),
    ];
    for (name, _) in written.iter().filter(|(_, is_written)| answers_itself && *is_written) {
        let why = UnitError::new("this route asks no service").hint(format!("remove `{name}`"));
        check.warning("no-effect", &format!("{at}.{name}"), why);
    }
}

fn retries(check: &mut Check<'_>, at: &str, config: Option<&RetriesConfig>) {
    let Some(config) = config else { return };
    statuses(check, &format!("{at}.statuses"), &config.statuses);
    if let Err(error) = MethodSet::compile(&config.methods) {
        let why = UnitError::new(error.reason).hint(error.hint);
        check.error("bad-method", &format!("{at}.{}", error.at), why);
    }
    some_time(check, &format!("{at}.per_try_timeout"), config.per_try_timeout);
    some_time(check, &format!("{at}.backoff.base"), Some(config.backoff.base));
    if config.backoff.max < config.backoff.base {
        let why =
            UnitError::new("the largest bound is smaller than the first").hint("write more than `base`");
        check.error("out-of-range", &format!("{at}.backoff.max"), why);
    }
    if config.body_bytes.bytes() > BODY_BYTES_MAX {
        let why = UnitError::new("bodies are kept in one buffer").hint("write at most 160KiB");
        check.error("out-of-range", &format!("{at}.body_bytes"), why);
    }
}

fn hedge(check: &mut Check<'_>, at: &str, config: Option<&HedgeConfig>) {
    let Some(config) = config else { return };
    some_time(check, &format!("{at}.after"), config.after);
    some_time(check, &format!("{at}.at_least"), Some(config.at_least));
}

fn fallback(check: &mut Check<'_>, at: &str, config: &FallbackConfig, route: &RouteConfig) {
    if config.cluster.is_none() && config.respond.is_none() {
        let why = UnitError::new("this says neither who else is asked nor what is answered");
        check.error("no-fallback", at, why.hint("add `cluster` or `respond`"));
    }
    if let Some(name) = &config.cluster {
        let known = names::written_clusters(check);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if !known.contains(&name.as_str()) {
            check.error("unknown-cluster", &format!("{at}.cluster"), names::unknown("cluster", name, &known));
        }
        if route.cluster.as_ref() == Some(name) {
            let why = UnitError::new("this is the cluster that has failed").hint("name another one");
            check.error("same-cluster", &format!("{at}.cluster"), why);
        }
    }
    if let Some(config) = &config.respond {
        respond(check, &format!("{at}.respond"), config);
    }
    statuses(check, &format!("{at}.statuses"), &config.statuses);
}

fn statuses(check: &mut Check<'_>, at: &str, statuses: &[u16]) {
    for (index, status) in statuses.iter().enumerate() {
        if !(400..=599).contains(status) {
            let why = UnitError::new(format!("{status} is no failure")).hint("write 400 to 599");
            check.error("bad-status", &format!("{at}[{index}]"), why);
        }
    }
}

fn some_time(check: &mut Check<'_>, at: &str, span: Option<Span>) {
    if let Some(span) = span {
        check.value("zero-timeout", at, limits::some_time(span));
    }
}

/// The name of the field that tells a deadline.
pub(super) fn deadline_header(check: &mut Check<'_>, at: &str, name: Option<&String>) {
    if let Some(name) = name {
        check.value("bad-field", at, values::field_name(name));
    }
}
