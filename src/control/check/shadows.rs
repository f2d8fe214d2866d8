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
