//! Routes: what they match, where they go, how they change a request.
//!
//! What a pattern, a host or a template may be is not decided here: the written forms are compiled by `route` and
//! `policy`, as they will be for the snapshot, and what those refuse is put where it is written.

use super::{Check, advice, care, splits, values};
use crate::config::units::UnitError;
use crate::control::compile::path_rules;
use crate::control::config::RouteConfig;
use crate::http::is_token;
use crate::policy::PoliciesConfig;
use crate::policy::authorize::RuleConfig;
use crate::policy::scope::Surroundings;
use crate::policy::switch::Switch;
use crate::route::config::{MatchConfig, RedirectConfig, RespondConfig, RewriteConfig};
use crate::route::path::PathRules;
use crate::route::plan::{MatchPlan, PlanError};
use crate::route::rewrite::{RedirectPlan, RewritePlan};

/// Checks all routes. Gives back what each matches; none for a route whose conditions are wrong.
pub(super) fn check(check: &mut Check<'_>) -> Vec<Option<MatchPlan>> {
    policies(check, "defaults.policies", &check.config.defaults.policies, None);
    upgrades(check, "defaults.upgrades", &check.config.defaults.upgrades);
    care::defaults(check);
    let rules = path_rules(check.config.paths);
    let profiles = splits::profiles(check);
    let mut plans = Vec::with_capacity(check.config.routes.len());
    for (index, route) in check.config.routes.iter().enumerate() {
        let at = format!("routes[{index}]");
        destination(check, &at, route);
        let place = format!("{at}.match");
        let plan = MatchPlan::compile_among(&route.matches, &rules, &profiles)
            .map_err(|errors| faults(check, &place, errors, |at| advice::matches(&route.matches, at)))
            .ok();
        literal_star(check, &place, &route.matches);
        let names = names(check, &place, route, plan.as_ref(), &rules);
        rewrite(check, &at, route, names.as_deref(), &rules);
        if let Some(split) = &route.split {
            splits::check(check, &at, (route, split), names.as_deref(), &rules);
        }
        if let Some(config) = &route.redirect {
            redirect(check, &format!("{at}.redirect"), config, names.as_deref());
        }
        if let Some(config) = &route.respond {
            respond(check, &format!("{at}.respond"), config);
        }
        policies(check, &format!("{at}.policies"), &route.policies, names.as_deref());
        asks_nobody(check, &at, route);
        care::check(check, &at, route);
        if let Some(protocols) = &route.upgrades {
            upgrades(check, &format!("{at}.upgrades"), protocols);
            if !route.is_forwarding() && !protocols.is_empty() {
                let why = UnitError::new("only a cluster can switch protocols").hint("remove `upgrades`");
                check.warning("no-effect", &format!("{at}.upgrades"), why);
            }
        }
        plans.push(plan);
    }
    plans
}

/// Puts what `route` refuses where it is written. `better` gives a hint for a place, where it knows one that says
/// what to write.
pub(super) fn faults(
    check: &mut Check<'_>,
    place: &str,
    errors: Vec<PlanError>,
    better: impl Fn(&str) -> Option<String>,
) {
    for error in errors {
        let hint = better(&error.at).or(Some(error.hint)).filter(|hint| !hint.is_empty());
        let code = advice::code(place, &error.at);
        let why = UnitError { reason: error.reason, hint: hint.or_else(|| advice::usual(code)) };
        check.error(code, &format!("{place}.{}", error.at), why);
    }
}

/// What a route's path captures. None if that cannot be told.
fn names(
    check: &Check<'_>,
    place: &str,
    route: &RouteConfig,
    plan: Option<&MatchPlan>,
    rules: &PathRules,
) -> Option<Vec<String>> {
    if check.document.has_refused(place) {
        return None;
    }
    if let Some(plan) = plan {
        return Some(plan.names().to_vec());
    }
    // Something else of the conditions may be wrong and the path right.
    let MatchConfig { path, prefix, .. } = route.matches.clone();
    let alone = MatchConfig { path, prefix, ..MatchConfig::default() };
    MatchPlan::compile(&alone, rules).ok().map(|plan| plan.names().to_vec())
}

/// `/files/*` is a path with a star in it, which is hardly ever what was meant.
fn literal_star(check: &mut Check<'_>, place: &str, config: &MatchConfig) {
    for (key, written) in [("path", &config.path), ("prefix", &config.prefix)] {
        let stars = written.as_deref().into_iter().flat_map(|path| path.split('/'));
        if let Some(star) = stars.into_iter().find(|segment| matches!(*segment, "*" | "**")) {
            let why = UnitError::new(format!("`{star}` is just a character here"))
                .hint("write {*rest} for whatever follows, or use `prefix`");
            check.warning("literal-star", &format!("{place}.{key}"), why);
        }
    }
}

fn policies(check: &mut Check<'_>, at: &str, policies: &PoliciesConfig, params: Option<&[String]>) {
    let around = Surroundings {
        authenticators: Some(&check.config.authenticators),
        params,
        rate_limits: Some(&check.config.rate_limits),
        quotas: Some(&check.config.quotas),
        clusters: Some(&check.config.clusters),
        ..Surroundings::default()
    };
    policies.check(around, &mut |path, reason, hint| {
        check.error("bad-policy", &format!("{at}.{path}"), UnitError { reason, hint });
    });
}

/// A rule about who is asking, on a route that asks nobody.
fn asks_nobody(check: &mut Check<'_>, at: &str, route: &RouteConfig) {
    let policies = check.config.policies_of(route);
    let is_on = policies.authenticate.as_ref().and_then(Switch::settings).is_some();
    let rule = policies.authorize.as_ref().and_then(Switch::settings);
    if !is_on && rule.is_some_and(RuleConfig::asks_who) {
        let why = UnitError::new(format!(
            "route `{}` asks nobody who they are, so its rule admits nobody",
            route.name
        ))
        .hint("add `authenticate: {any_of: [NAME]}`");
        check.warning("nobody-known", &format!("{at}.policies.authorize"), why);
    }
}

/// Protocols as they stand in Upgrade (RFC 9110 7.8): a name, perhaps with a version.
fn upgrades(check: &mut Check<'_>, at: &str, protocols: &[String]) {
    for (index, protocol) in protocols.iter().enumerate() {
        let lower = protocol.to_ascii_lowercase();
        let why = if !lower.splitn(2, '/').all(|part| is_token(part.as_bytes())) {
            UnitError::new(format!("`{protocol}` is not the name of a protocol")).hint("write websocket")
        } else if ["h2c", "http", "tls"].contains(&lower.split('/').next().unwrap_or_default()) {
            // Behind such a switch requests would go past routes, policies and limits.
            UnitError::new(format!("`{protocol}` is between two neighbours and is not passed on"))
                .hint("remove it")
        } else {
            continue;
        };
        check.error("bad-upgrade", &format!("{at}[{index}]"), why);
    }
}

fn destination(check: &mut Check<'_>, at: &str, route: &RouteConfig) {
    let present = [
        ("cluster", route.cluster.is_some()),
        ("split", route.split.is_some()),
        ("redirect", route.redirect.is_some()),
        ("respond", route.respond.is_some()),
        ("jwks", route.jwks.is_some()),
    ];
    let mut given = present.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name);
    let Some(first) = given.next() else {
        let why = UnitError::new(format!("route `{}` goes nowhere", route.name));
        return check.error(
            "no-destination",
            at,
            why.hint("add one of `cluster`, `split`, `redirect`, `respond` and `jwks`"),
        );
    };
    for other in given {
        let why =
            UnitError::new(format!("`{other}` and `{first}` exclude each other")).hint("keep one of them");
        check.error("two-destinations", &format!("{at}.{other}"), why);
    }
}

fn rewrite(
    check: &mut Check<'_>,
    at: &str,
    route: &RouteConfig,
    names: Option<&[String]>,
    rules: &PathRules,
) {
    let config = &route.rewrite;
    if *config == RewriteConfig::default() {
        return;
    }
    if !route.is_forwarding() && (route.redirect.is_some() || route.respond.is_some() || route.jwks.is_some())
    {
        let why =
            UnitError::new("a request that goes to no cluster is not rewritten").hint("remove `rewrite`");
        check.warning("no-effect", &format!("{at}.rewrite"), why);
    }
    if let Err(mut errors) = RewritePlan::compile(config, names.unwrap_or_default(), rules) {
        // Without the path of the route nobody knows what may be used in another.
        errors.retain(|error| names.is_some() || error.at != "path");
        faults(check, &format!("{at}.rewrite"), errors, |at| {
            advice::rewrite(config, names.unwrap_or_default(), at)
        });
    }
}

fn redirect(check: &mut Check<'_>, at: &str, config: &RedirectConfig, names: Option<&[String]>) {
    if let Err(mut errors) = RedirectPlan::compile(config, names.unwrap_or_default()) {
        errors.retain(|error| names.is_some() || error.at != "to");
        faults(check, at, errors, |at| advice::redirect(config, names.unwrap_or_default(), at));
    }
}

/// An answer of the gateway's own.
pub(super) fn respond(check: &mut Check<'_>, at: &str, config: &RespondConfig) {
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
