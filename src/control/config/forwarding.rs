//! Where the requests of a route go, whichever way that is written.

use super::RouteConfig;

impl RouteConfig {
    /// Names of the clusters that its requests go to.
    pub fn cluster_names(&self) -> impl Iterator<Item = &str> {
        let variants = self.split.iter().flat_map(|split| split.variants.values());
        self.cluster.as_deref().into_iter().chain(variants.map(|variant| &*variant.cluster))
    }

    /// Whether its requests go to a cluster at all.
    pub fn is_forwarding(&self) -> bool {
        self.cluster.is_some() || self.split.is_some()
    }
}
