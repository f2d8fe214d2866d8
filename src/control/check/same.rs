//! Routes that take the same requests: the second of them would never see one.
//!
//! Compares what was compiled, so that `/a` and `/%61` are the same; names of parameters and the order of lists
//! are set aside. Overlap is no fault: the more specific route wins.

use std::collections::BTreeMap;

use super::Check;
use crate::config::units::UnitError;
use crate::route::plan::MatchPlan;

/// `plans` are what the routes match, in their order.
pub(super) fn check(check: &mut Check<'_>, plans: &[Option<MatchPlan>]) {
    // A condition that was refused is not in the draft, which makes routes look alike.
    if !check.document.is_whole() {
        return;
    }
    let config = check.config;
    let listeners = config.listeners.iter().filter(|listener| listener.tcp.is_none());
    let every: Vec<&str> = listeners.map(|listener| &*listener.name).collect();
    let mut first: BTreeMap<(&str, String, String), usize> = BTreeMap::new();
    for (index, (route, plan)) in config.routes.iter().zip(plans).enumerate() {
        let Some(plan) = plan else { continue };
        let own: Vec<&str> = route.listeners.iter().map(String::as_str).collect();
        let listeners = if own.is_empty() { &every } else { &own };
        let conditions = conditions(plan);
        let mut earlier = None;
        for listener in listeners {
            for host in hosts(plan) {
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

fn hosts(plan: &MatchPlan) -> Vec<String> {
    if plan.hosts.is_empty() {
        return vec![String::new()];
    }
    plan.hosts.iter().map(ToString::to_string).collect()
}

/// Everything but listeners and hosts, as a text that is the same for the same conditions.
fn conditions(plan: &MatchPlan) -> String {
    let mut methods: Vec<&str> = plan.methods.names().collect();
    methods.sort_unstable();
    let mut headers: Vec<String> = plan.headers.iter().map(|rule| format!("{rule:?}")).collect();
    headers.sort_unstable();
    let (segments, tail) = (&plan.path.segments, plan.path.tail);
    let profile = plan.profile.as_ref().map(|profile| profile.name());
    format!("{segments:?} {tail:?} {methods:?} {headers:?} {:?} {:?} {profile:?}", plan.query, plan.cookies)
}
