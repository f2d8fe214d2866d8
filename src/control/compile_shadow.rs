//! Copies of a route's requests, from their written form to a plan.

use super::compile::Compiler;
use crate::control::config::RouteConfig;
use crate::proxy::shadow::plan::{ShadowPlan, Whereto};
use crate::shared::frozen::Frozen;

impl Compiler<'_> {
    /// None where nothing is copied.
    pub(super) fn shadow(&mut self, place: &str, route: &RouteConfig) -> Option<Frozen<ShadowPlan>> {
        let config = route.shadow.as_ref()?;
        let place = format!("{place}.shadow");
        let cluster = self.index(&config.cluster, format!("{place}.cluster"))?;
        let written = self.config.clusters.get(&config.cluster);
        let own_host = written.and_then(|cluster| cluster.host.as_deref());
        let whereto =
            Whereto { route: &route.name, cluster, host: route.rewrite.host.as_deref().or(own_host) };
        match ShadowPlan::compile(config, whereto) {
            Ok(plan) => Some(Frozen::new(plan)),
            Err(errors) => {
                self.plan_errors(&place, errors);
                None
            }
        }
    }
}
