//! `off` where there is nothing to switch off: a default that was renamed or removed, or a policy misunderstood.

use super::Check;
use crate::config::tree::Node;
use crate::config::units::UnitError;

pub(super) fn check(check: &mut Check<'_>) {
    let tree = check.document.tree();
    let defaults = tree.get("defaults").and_then(|defaults| defaults.get("policies"));
    for name in defaults.into_iter().flat_map(switched_off) {
        let why = UnitError::new(format!("the defaults have no `{name}` anyway"))
            .hint("remove it; on a route `off` switches a default off");
        check.warning("no-effect", &format!("defaults.policies.{name}"), why);
    }
    let routes = tree.get("routes").map(Node::items).unwrap_or_default();
    for (index, route) in routes.iter().enumerate() {
        for name in route.get("policies").into_iter().flat_map(switched_off) {
            // There, it says that nobody needs to be known.
            let is_meant = name == "authorize" && check.config.deny_by_default;
            if !is_meant && defaults.is_none_or(|defaults| defaults.get(name).is_none()) {
                let why = UnitError::new(format!("there is no default `{name}` to switch off"))
                    .hint("remove it, or configure it under `defaults.policies`");
                check.warning("no-effect", &format!("routes[{index}].policies.{name}"), why);
            }
        }
    }
}

fn switched_off(policies: &Node) -> impl Iterator<Item = &str> {
    policies.entries().iter().filter(|(_, value)| value.text() == Some("off")).map(|(key, _)| &*key.text)
}
