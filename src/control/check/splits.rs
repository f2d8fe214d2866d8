//! Splits and client profiles: what of them cannot be meant, and what has no effect.

use super::{Check, names};
use crate::config::units::UnitError;
use crate::control::config::RouteConfig;
use crate::policy::switch::Switch;
use crate::proxy::release::config::{SplitConfig, StickyConfig};
use crate::route::path::PathRules;
use crate::route::profile::Profiles;
use crate::route::rewrite::RewritePlan;
use crate::shared::frozen::Frozen;

/// The kinds of clients, as far as they are sound.
pub(super) fn profiles(check: &mut Check<'_>) -> Frozen<Profiles> {
    let profiles = Profiles::compile(&check.config.profiles).unwrap_or_else(|errors| {
        for error in errors {
            let why =
                UnitError { reason: error.reason, hint: Some(error.hint).filter(|hint| !hint.is_empty()) };
            check.error("bad-profile", &format!("profiles{}", error.at), why);
        }
        Profiles::default()
    });
    Frozen::new(profiles)
}

/// The split of a route whose path captures `names`.
pub(super) fn check(
    check: &mut Check<'_>,
    at: &str,
    (route, split): (&RouteConfig, &SplitConfig),
    captured: Option<&[String]>,
    rules: &PathRules,
) {
    let place = format!("{at}.split");
    for (path, why) in split.problems() {
        check.error("bad-split", &format!("{place}.{path}"), why);
    }
    let clusters = names::written_clusters(check);
    let clusters: Vec<&str> = clusters.iter().map(String::as_str).collect();
    for (name, variant) in &split.variants {
        let place = format!("{place}.variants.{name}");
        if clusters.binary_search(&&*variant.cluster).is_err() {
            let why = names::unknown("cluster", &variant.cluster, &clusters);
            check.error("unknown-cluster", &format!("{place}.cluster"), why);
        }
        let rewrite = variant.rewrite.as_ref();
        if let Some(Err(errors)) =
            rewrite.map(|it| RewritePlan::compile(it, captured.unwrap_or_default(), rules))
        {
            // Without the path of the route nobody knows what may be used in another.
            for error in errors.into_iter().filter(|error| captured.is_some() || error.at != "path") {
                let why = UnitError {
                    reason: error.reason,
                    hint: Some(error.hint).filter(|hint| !hint.is_empty()),
                };
                check.error("bad-rewrite", &format!("{place}.rewrite.{}", error.at), why);
            }
        }
    }
    let profiles: Vec<&str> = check.config.profiles.iter().map(|profile| &*profile.name).collect();
    for name in split.by_profile.keys().filter(|name| !profiles.contains(&name.as_str())) {
        let why = names::unknown("profile", name, &profiles);
        check.error("unknown-profile", &format!("{place}.by_profile.{name}"), why);
    }
    if split.sticky == Some(StickyConfig::Identity) && !asks_who(check, route) {
        let why = UnitError::new(format!("route `{}` asks nobody who they are, so nobody stays", route.name))
            .hint("add `authenticate: {any_of: [NAME]}`, or stick to a header or a cookie");
        check.warning("nobody-known", &format!("{place}.sticky"), why);
    }
    let looks_at_copies = split.ramp.as_ref().is_some_and(|ramp| ramp.gate.mismatches.is_some());
    if looks_at_copies && route.shadow.is_none() {
        let why =
            UnitError::new(format!("route `{}` has no `shadow`, so there is nothing to compare", route.name))
                .hint("add `shadow: {cluster: NAME, compare: {}}`, or remove `mismatches`");
        check.error("bad-split", &format!("{place}.ramp.gate.mismatches"), why);
    }
    let decides = split.ramp.is_some() || split.blue_green.is_some();
    if !decides && split.variants.len() == 1 {
        let why =
            UnitError::new("one variant is no split").hint("write `cluster` instead, or add another variant");
        check.warning("no-effect", &format!("{place}.variants"), why);
    }
}

fn asks_who(check: &Check<'_>, route: &RouteConfig) -> bool {
    let policies = check.config.policies_of(route);
    policies.authenticate.as_ref().and_then(Switch::settings).is_some()
}

#[cfg(test)]
mod tests {
    use crate::control::check::tests::{found, with};

    #[test]
    fn says_what_is_wrong_with_splits_and_profiles() {
        let codes = |split: &str| -> Vec<&str> {
            let profiles = "profiles: [{name: web, when: [{user_agent: Mozilla}]}]";
            let clusters = "clusters: {a: {endpoints: ['127.0.0.1:1']}, b: {endpoints: ['127.0.0.1:2']}}";
            let routes =
                format!("routes: [{{name: r, split: {split}}}, {{name: s, match: {{path: /}}, cluster: b}}]");
            found(&with(&format!("{profiles}\n{clusters}\n{routes}"))).iter().map(|one| one.code).collect()
        };
        let both = "variants: {a: {cluster: a}, b: {cluster: b}}";
        assert_eq!(codes(&format!("{{{both}, by_profile: {{web: a}}}}")), [""; 0]);
        assert_eq!(codes("{variants: {a: {cluster: a}, b: {cluster: c}}}"), ["unknown-cluster"]);
        assert_eq!(codes(&format!("{{{both}, by_profile: {{mobile: a}}}}")), ["unknown-profile"]);
        assert_eq!(codes(&format!("{{{both}, sticky: identity}}")), ["nobody-known"]);
        assert_eq!(codes(&format!("{{{both}, blue_green: {{active: c}}}}")), ["bad-split"]);
        assert_eq!(codes("{variants: {a: {cluster: a}}}"), ["no-effect"]);
        let gate = "ramp: {variant: b, gate: {mismatches: 1%}}";
        assert_eq!(codes(&format!("{{{both}, {gate}}}")), ["bad-split"]);
    }

    #[test]
    fn a_route_is_not_for_a_profile_that_is_known_too_late() {
        let codes = |profiles: &str| -> Vec<&str> {
            let routes = "routes: [{name: r, match: {profile: web}, cluster: api}]";
            found(&with(&format!("profiles: {profiles}\n{routes}"))).iter().map(|one| one.code).collect()
        };
        let (web, partner) =
            ("{name: web, when: [{user_agent: a}]}", "{name: p, when: [{claims: {azp: {exact: b}}}]}");
        assert_eq!(codes(&format!("[{web}, {partner}]")), [""; 0]);
        assert_eq!(codes(&format!("[{partner}, {web}]")).len(), 1);
        assert_eq!(codes(&format!("[{partner}]")).len(), 1);
        assert_eq!(codes(&format!("[{web}, {web}]")).first(), Some(&"bad-profile"));
    }
}
