//! Copies of requests: a cluster that there is, a route that sends something on, and what can be compared.

use super::names::{unknown, written_clusters};
use super::{Check, routes};
use crate::config::units::UnitError;
use crate::proxy::shadow::plan::{ShadowPlan, Whereto};

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    for (index, route) in config.routes.iter().enumerate() {
        let Some(shadow) = &route.shadow else { continue };
        let at = format!("routes[{index}].shadow");
        let clusters = written_clusters(check);
        let clusters: Vec<&str> = clusters.iter().map(String::as_str).collect();
        if clusters.binary_search(&shadow.cluster.as_str()).is_err() {
            let why = unknown("cluster", &shadow.cluster, &clusters);
            check.error("unknown-cluster", &format!("{at}.cluster"), why);
        }
        let written = config.clusters.get(&shadow.cluster);
        if written.is_some_and(|cluster| cluster.proxy_protocol.is_some()) {
            let why = UnitError::new("a copy speaks for no client, and has no PROXY header to begin with");
            let why = why.hint("name a cluster without `proxy_protocol`");
            check.error("bad-shadow", &format!("{at}.cluster"), why);
        }
        if route.cluster.as_ref() == Some(&shadow.cluster) {
            let why = UnitError::new("copies go where the originals go").hint("name another cluster");
            check.warning("no-effect", &format!("{at}.cluster"), why);
        }
        let whereto = Whereto { route: &route.name, cluster: 0, host: None };
        if let Err(errors) = ShadowPlan::compile(shadow, whereto) {
            routes::faults(check, &at, errors, |_| None);
        }
        if route.redirect.is_some() || route.respond.is_some() || route.jwks.is_some() {
            let why =
                UnitError::new("a request that goes to no cluster is not copied").hint("remove `shadow`");
            check.warning("no-effect", &at, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::check::load_text;

    /// What is wrong, or to be warned of.
    fn found(shadow: &str, route: &str) -> String {
        let text = format!(
            "listeners: [{{name: a, address: '127.0.0.1:0'}}]\n\
             clusters:\n  api: {{endpoints: ['127.0.0.1:1']}}\n  next: {{endpoints: ['127.0.0.1:2']}}\n\
             \x20 proxied: {{endpoints: ['127.0.0.1:3'], proxy_protocol: v2}}\n\
             routes:\n  - {{name: all, {route}, shadow: {{{shadow}}}}}\n\
             \x20 - {{name: b, match: {{path: /b}}, cluster: proxied}}\n  - {{name: c, match: {{path: /c}}, cluster: next}}\n"
        );
        match load_text("test", &text) {
            Ok(loaded) => format!("{:?}", loaded.warnings),
            Err(diagnostics) => format!("{diagnostics:?}"),
        }
    }

    #[test]
    fn a_shadow_in_order_has_nothing_wrong() {
        let said = found("cluster: next, share: 1%, compare: {ignore: ['/**/at']}", "cluster: api");
        assert!(!said.contains("shadow"), "{said}");
    }

    #[test]
    fn what_cannot_be_copied_or_compared_is_told() {
        for (shadow, route, says) in [
            ("cluster: nxt", "cluster: api", "there is no cluster `nxt`"),
            ("cluster: proxied", "cluster: api", "PROXY header"),
            ("cluster: api", "cluster: api", "where the originals go"),
            ("cluster: next", "respond: {status: 200}", "is not copied"),
            ("cluster: next, compare: {ignore: [a]}", "cluster: api", "does not begin with `/`"),
        ] {
            let said = found(shadow, route);
            assert!(said.contains(says), "{shadow}: {said}");
        }
    }
}
