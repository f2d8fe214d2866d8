//! From names to counters.
//!
//! Owns every series, so that a change of configuration continues them; those of endpoints that are gone for good end.
//! Control creates, or a worker while it installs a generation; an exchange uses the [`Slot`] it was given and never
//! looks up a name. Bounded by [`SERIES_MAX`] names a kind: further ones share one set of counters.

use crate::shared::{Catalogue, NameId, Names, Sharded, Slot};

use super::metrics::{
    AuthMetrics, CallerMetrics, ClusterMetrics, DoorMetrics, EndpointMetrics, PolicyMetrics, RateMetrics,
    RouteMetrics, TunnelMetrics, WorkerMetrics,
};
use super::shadow::ShadowMetrics;
use super::variant::VariantMetrics;

/// Names of each kind. 10,000 routes at 1 KiB a worker are 10 MiB a worker; more would also be more than a
/// scraper takes.
pub const SERIES_MAX: usize = 10_000;

/// Names of listeners, routes and clusters that records can tell, of all generations together.
pub const NAMES_MAX: usize = 65_536;

/// The label under which names beyond [`SERIES_MAX`] are counted together.
pub const OVERFLOW_NAME: &str = "(other)";

/// The name of a route.
pub type RouteName = String;

/// Cluster and endpoint.
pub type EndpointName = (String, String);

/// Route and policy.
pub type PolicyName = (String, String);

/// Route and variant.
pub type VariantName = (String, String);

/// Listener and cluster.
pub type TunnelName = (String, String);

/// All series of the process.
#[derive(Debug)]
pub struct Registry {
    workers: Sharded<WorkerMetrics>,
    routes: Catalogue<RouteName, Sharded<RouteMetrics>>,
    endpoints: Catalogue<EndpointName, Sharded<EndpointMetrics>>,
    policies: Catalogue<PolicyName, Sharded<PolicyMetrics>>,
    authenticators: Catalogue<String, Sharded<AuthMetrics>>,
    rates: Catalogue<String, Sharded<RateMetrics>>,
    shadows: Catalogue<RouteName, Sharded<ShadowMetrics>>,
    doors: Catalogue<String, Sharded<DoorMetrics>>,
    callers: Catalogue<String, Sharded<CallerMetrics>>,
    tunnels: Catalogue<TunnelName, Sharded<TunnelMetrics>>,
    clusters: Catalogue<String, Sharded<ClusterMetrics>>,
    variants: Catalogue<VariantName, Sharded<VariantMetrics>>,
    names: Names,
}

impl Registry {
    /// A registry for this many workers.
    pub fn new(workers: usize) -> Self {
        Self::with_series_max(workers, SERIES_MAX)
    }

    fn with_series_max(workers: usize, series_max: usize) -> Self {
        Self {
            workers: Sharded::new(workers, |_| WorkerMetrics::default()),
            routes: Catalogue::new(series_max),
            endpoints: Catalogue::new(series_max),
            policies: Catalogue::new(series_max),
            authenticators: Catalogue::new(series_max),
            rates: Catalogue::new(series_max),
            shadows: Catalogue::new(series_max),
            doors: Catalogue::new(series_max),
            callers: Catalogue::new(series_max),
            tunnels: Catalogue::new(series_max),
            clusters: Catalogue::new(series_max),
            variants: Catalogue::new(series_max),
            names: Names::new(NAMES_MAX, OVERFLOW_NAME),
        }
    }

    /// Number of workers.
    pub fn worker_count(&self) -> usize {
        self.workers.workers()
    }

    /// What worker `index` counts about itself.
    pub fn worker(&self, index: usize) -> Slot<WorkerMetrics> {
        self.workers.slot(index)
    }

    /// What worker `index` counts about the route `name`; created when new.
    pub fn route(&self, name: &str, index: usize) -> Slot<RouteMetrics> {
        self.route_shards(name).slot(index)
    }

    /// The route's counters of all workers; created when new.
    pub fn route_shards(&self, name: &str) -> Sharded<RouteMetrics> {
        self.routes.get_or_create(&name.to_owned(), || self.shards())
    }

    /// What worker `index` counts about an endpoint; created when new.
    pub fn endpoint(&self, cluster: &str, endpoint: &str, index: usize) -> Slot<EndpointMetrics> {
        self.endpoint_shards(cluster, endpoint).slot(index)
    }

    /// The endpoint's counters of all workers; created when new.
    pub fn endpoint_shards(&self, cluster: &str, endpoint: &str) -> Sharded<EndpointMetrics> {
        self.endpoints.get_or_create(&(cluster.to_owned(), endpoint.to_owned()), || self.shards())
    }

    /// Forgets an endpoint that nobody sends to any more.
    pub fn retire_endpoint(&self, name: &EndpointName) {
        self.endpoints.remove(name);
    }

    /// What worker `index` counts about a policy of a route; created when new.
    pub fn policy(&self, route: &str, policy: &str, index: usize) -> Slot<PolicyMetrics> {
        self.policy_shards(route, policy).slot(index)
    }

    /// The policy's counters of all workers; created when new.
    pub fn policy_shards(&self, route: &str, policy: &str) -> Sharded<PolicyMetrics> {
        self.policies.get_or_create(&(route.to_owned(), policy.to_owned()), || self.shards())
    }

    /// What worker `index` counts about a limit on how often; created when new.
    pub fn rate(&self, limit: &str, index: usize) -> Slot<RateMetrics> {
        self.rates.get_or_create(&limit.to_owned(), || self.shards()).slot(index)
    }

    /// All limits on how often, and [`OVERFLOW_NAME`] when names were refused.
    pub fn rates(&self) -> Vec<(String, Sharded<RateMetrics>)> {
        all(&self.rates, OVERFLOW_NAME.to_owned())
    }

    /// What worker `index` counts about copies of a route's requests; created when new.
    pub fn shadow(&self, route: &str, index: usize) -> Slot<ShadowMetrics> {
        self.shadows.get_or_create(&route.to_owned(), || self.shards()).slot(index)
    }

    /// All routes whose requests are copied, and [`OVERFLOW_NAME`] when names were refused.
    pub fn shadows(&self) -> Vec<(RouteName, Sharded<ShadowMetrics>)> {
        all(&self.shadows, OVERFLOW_NAME.to_owned())
    }

    /// What worker `index` counts about an authenticator; created when new.
    pub fn authenticator(&self, name: &str, index: usize) -> Slot<AuthMetrics> {
        self.authenticators.get_or_create(&name.to_owned(), || self.shards()).slot(index)
    }

    /// What worker `index` counts about caps on clients of a listener; created when new.
    pub fn callers(&self, listener: &str, index: usize) -> Slot<CallerMetrics> {
        self.callers.get_or_create(&listener.to_owned(), || self.shards()).slot(index)
    }

    /// What worker `index` counts about PROXY headers on a listener; created when new.
    pub fn door(&self, listener: &str, index: usize) -> Slot<DoorMetrics> {
        self.doors.get_or_create(&listener.to_owned(), || self.shards()).slot(index)
    }

    /// What worker `index` counts about a listener's connections to a cluster; created when new.
    pub fn tunnel(&self, listener: &str, cluster: &str, index: usize) -> Slot<TunnelMetrics> {
        let name = (listener.to_owned(), cluster.to_owned());
        self.tunnels.get_or_create(&name, || self.shards()).slot(index)
    }

    /// What all workers count about a cluster; created when new.
    pub fn cluster_shards(&self, name: &str) -> Sharded<ClusterMetrics> {
        self.clusters.get_or_create(&name.to_owned(), || self.shards())
    }

    /// All clusters, and [`OVERFLOW_NAME`] when names were refused.
    pub fn clusters(&self) -> Vec<(String, Sharded<ClusterMetrics>)> {
        all(&self.clusters, OVERFLOW_NAME.to_owned())
    }

    /// What worker `index` counts about a variant of a route; created when new.
    pub fn variant(&self, route: &str, variant: &str, index: usize) -> Slot<VariantMetrics> {
        self.variants.get_or_create(&(route.to_owned(), variant.to_owned()), || self.shards()).slot(index)
    }

    /// All variants, and [`OVERFLOW_NAME`] when names were refused.
    pub fn variants(&self) -> Vec<(VariantName, Sharded<VariantMetrics>)> {
        all(&self.variants, (OVERFLOW_NAME.to_owned(), OVERFLOW_NAME.to_owned()))
    }

    /// The number by which records tell a name.
    pub fn name_id(&self, name: &str) -> NameId {
        self.names.id(name)
    }

    /// The name that a record tells by its number.
    pub fn name(&self, id: NameId) -> String {
        self.names.name(id).to_string()
    }

    /// All workers in order.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerMetrics> {
        self.workers.iter()
    }

    /// All routes, and [`OVERFLOW_NAME`] when names were refused.
    pub fn routes(&self) -> Vec<(RouteName, Sharded<RouteMetrics>)> {
        all(&self.routes, OVERFLOW_NAME.to_owned())
    }

    /// All endpoints, and [`OVERFLOW_NAME`] when names were refused.
    pub fn endpoints(&self) -> Vec<(EndpointName, Sharded<EndpointMetrics>)> {
        all(&self.endpoints, (OVERFLOW_NAME.to_owned(), OVERFLOW_NAME.to_owned()))
    }

    /// All policies, and [`OVERFLOW_NAME`] when names were refused.
    pub fn policies(&self) -> Vec<(PolicyName, Sharded<PolicyMetrics>)> {
        all(&self.policies, (OVERFLOW_NAME.to_owned(), OVERFLOW_NAME.to_owned()))
    }

    /// All authenticators, and [`OVERFLOW_NAME`] when names were refused.
    pub fn authenticators(&self) -> Vec<(String, Sharded<AuthMetrics>)> {
        all(&self.authenticators, OVERFLOW_NAME.to_owned())
    }

    /// All listeners with caps on each client, and [`OVERFLOW_NAME`] when names were refused.
    pub fn all_callers(&self) -> Vec<(String, Sharded<CallerMetrics>)> {
        all(&self.callers, OVERFLOW_NAME.to_owned())
    }

    /// All listeners that take PROXY headers, and [`OVERFLOW_NAME`] when names were refused.
    pub fn doors(&self) -> Vec<(String, Sharded<DoorMetrics>)> {
        all(&self.doors, OVERFLOW_NAME.to_owned())
    }

    /// All pairs of TCP listener and cluster, and [`OVERFLOW_NAME`] when names were refused.
    pub fn tunnels(&self) -> Vec<(TunnelName, Sharded<TunnelMetrics>)> {
        all(&self.tunnels, (OVERFLOW_NAME.to_owned(), OVERFLOW_NAME.to_owned()))
    }

    /// How often a new name was refused a series of its own.
    pub fn series_refused(&self) -> u64 {
        let tunnels = self.doors.refused() + self.tunnels.refused();
        self.routes.refused() + self.endpoints.refused() + self.policies.refused() + tunnels
    }

    fn shards<T: Default + Send + Sync>(&self) -> Sharded<T> {
        Sharded::new(self.worker_count(), |_| T::default())
    }
}

fn all<K: Ord + Clone, V: Clone>(catalogue: &Catalogue<K, V>, overflow_name: K) -> Vec<(K, V)> {
    let mut entries = catalogue.entries();
    entries.extend(catalogue.overflow().map(|value| (overflow_name, value)));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_survives_being_asked_for_again() {
        let registry = Registry::new(2);
        registry.route("a", 0).count_request(0, 200);
        registry.route("a", 1).count_request(0, 200);
        registry.route("a", 1).count_request(0, 200);
        let routes = registry.routes();
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].1.iter().map(|shard| shard.requests[0][1].get()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let registry = Registry::with_series_max(1, 1);
        registry.endpoint("c", "e1", 0).attempts.add(1);
        registry.endpoint("c", "e2", 0).attempts.add(2);
        registry.endpoint("c", "e3", 0).attempts.add(3);
        let endpoints = registry.endpoints();
        assert_eq!(endpoints.len(), 2);
        assert_eq!(endpoints[1].0.0, OVERFLOW_NAME);
        assert_eq!(endpoints[1].1.slot(0).attempts.get(), 5);
        assert_eq!(registry.series_refused(), 2);
    }

    #[test]
    fn kinds_do_not_mix() {
        let registry = Registry::new(1);
        registry.policy("r", "jwt", 0).refused.add(1);
        registry.worker(0).requests.add(4);
        assert_eq!(registry.policies().len(), 1);
        assert!(registry.routes().is_empty() && registry.endpoints().is_empty());
        assert_eq!(registry.workers().map(|worker| worker.requests.get()).sum::<u64>(), 4);
    }
}
