//! A snapshot as one worker runs it: routers, chains, clusters, metric handles.
//!
//! Built by each worker from the shared snapshot. An exchange holds the `Rc` it began with, so a long stream
//! keeps its generation at no cost.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::net::tls::plan::Acceptor;
use crate::policy::auth::Authenticators;
use crate::policy::chain::Chain;
use crate::policy::ground::Bench;
use crate::policy::identity::own_keys::OwnKeys;
use crate::policy::live::Live;
use crate::policy::priority::Early;
use crate::proxy::assembly::Assembly;
use crate::proxy::care::RunningCare;
use crate::proxy::l4::ending::NO_CLUSTER;
use crate::proxy::release::splitter::Splitter;
use crate::proxy::snapshot::{RoutePlan, Snapshot};
use crate::route::table::{RouteIndex, Table};
use crate::shared::frozen::Frozen;
use crate::shared::names::NameId;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::{CallerMetrics, DoorMetrics, RouteMetrics, TunnelMetrics};
use crate::telemetry::registry::Registry;
use crate::upstream::cluster::Cluster;

/// A snapshot as one worker runs it.
pub struct Installed {
    /// What it was made of.
    pub snapshot: Frozen<Snapshot>,
    /// A router for each listener. Of this worker alone; frozen so that control drops it when nobody runs it any more.
    pub tables: Frozen<Vec<Table>>,
    /// TLS of the listeners that speak it.
    pub acceptors: Vec<Option<Rc<Acceptor>>>,
    /// Ways to tell who is asking.
    pub authenticators: Authenticators,
    /// Running routes, in the snapshot's order.
    pub routes: Vec<RunningRoute>,
    /// Their names, as exchanges refer to them.
    pub route_names: Rc<[Box<str>]>,
    /// Running clusters, in the snapshot's order.
    pub clusters: Vec<Rc<Cluster>>,
    /// Routes with several variants, in the snapshot's order.
    pub splits: Vec<Splitter>,
    /// What each listener counts besides HTTP.
    pub doors: Vec<RunningDoor>,
    /// Fields that only the gateway may set.
    pub identity_fields: Rc<[Box<[u8]>]>,
    /// The gateway's own keys, where a route publishes them.
    pub own_keys: Option<Live<OwnKeys>>,
    /// Figures of requests that no route took.
    pub unrouted: Slot<RouteMetrics>,
    /// What those that run on it and the worker tell each other.
    pub pins: Pins,
    /// What records call listeners and clusters.
    pub names: InstalledNames,
}

/// What exchanges on a generation and their worker tell each other.
#[derive(Default)]
pub struct Pins {
    /// Bytes of bodies that went to clients.
    pub carried: Cell<u64>,
    /// True once what still runs is to end.
    pub is_expired: Cell<bool>,
}

/// What records call listeners and clusters, in the snapshot's order.
pub struct InstalledNames {
    /// Listeners.
    pub listeners: Vec<NameId>,
    /// Clusters.
    pub clusters: Vec<NameId>,
}

/// A route as one worker runs it: what an exchange needs in one cache line, because where there are many routes none
/// of them is in a cache.
#[repr(align(64))]
pub struct RunningRoute {
    /// The cluster, by index, of one that forwards to it what comes as it comes.
    pub forward: Option<usize>,
    /// Its class, as far as that is known before any policy has run.
    pub early: Early,
    /// Its policies.
    pub chain: Chain,
    /// What it does about services that fail.
    pub care: Option<Box<RunningCare>>,
    /// Its figures.
    pub metrics: Slot<RouteMetrics>,
    /// What records call it.
    pub name: NameId,
}

/// A listener's figures besides those of HTTP, as one worker keeps them.
pub struct RunningDoor {
    /// Of caps on its clients, where it has any.
    pub callers: Option<Slot<CallerMetrics>>,
    /// Of PROXY headers, where it takes any.
    pub header: Option<Slot<DoorMetrics>>,
    /// Of TCP connections by cluster, the one for no cluster first. Empty where it carries none.
    tunnels: Vec<(Option<usize>, Slot<TunnelMetrics>)>,
}

impl RunningDoor {
    /// Figures of TCP connections to this cluster, by index. Only where it carries any.
    pub fn tunnel(&self, cluster: Option<usize>) -> &TunnelMetrics {
        let found = self.tunnels.iter().find(|(one, _)| *one == cluster);
        &found.unwrap_or(&self.tunnels[0]).1
    }
}

/// Name under which requests are counted that no route took.
pub const UNROUTED: &str = "(none)";

impl Installed {
    /// Builds at once what the worker of `bench` runs. `tables` are the routers, one per listener.
    pub fn build(
        snapshot: Frozen<Snapshot>,
        tables: Frozen<Vec<Table>>,
        registry: &Registry,
        bench: Rc<Bench>,
    ) -> Rc<Self> {
        let mut assembly = Assembly::new(snapshot, tables, bench, None);
        while !assembly.step(registry) {}
        assembly.finish(registry)
    }

    /// True if a connection of this listener is HTTP in clear from its first byte on.
    pub fn is_plain_http(&self, listener: usize) -> bool {
        self.acceptors[listener].is_none() && self.snapshot.doors[listener].is_plain_http()
    }

    /// The plan of a route.
    pub fn plan(&self, route: RouteIndex) -> &RoutePlan {
        &self.snapshot.routes[route.0 as usize]
    }

    /// The running split of a route, if it has one.
    pub fn split(&self, route: RouteIndex) -> Option<&Splitter> {
        self.splits.get(self.plan(route).action.split()?.at)
    }

    /// The name of a variant of a route.
    pub fn variant(&self, route: RouteIndex, variant: Option<u8>) -> Option<&str> {
        let variants = &self.plan(route).action.split()?.variants;
        variants.get(usize::from(variant?)).map(|variant| &*variant.name)
    }

    /// The running route.
    pub fn route(&self, route: RouteIndex) -> &RunningRoute {
        &self.routes[route.0 as usize]
    }

    /// Closes idle upstream connections that are too old or were closed by the other side.
    pub fn sweep(&self, now_ms: u64) {
        for cluster in &self.clusters {
            cluster.running().endpoints().iter().for_each(|endpoint| endpoint.sweep(now_ms));
        }
    }

    /// Takes up endpoints that have come or gone. Called every tick: a load for each cluster.
    pub fn refresh_clusters(&self, registry: &Registry) {
        self.clusters.iter().for_each(|cluster| cluster.refresh(registry));
    }

    /// Looks at limits of clusters. Called every tick: a look at each cluster.
    pub fn tick(&self, now_ms: u64) {
        self.clusters.iter().for_each(|cluster| cluster.tick(now_ms));
    }

    /// Ends the use of endpoints that `next`, which runs from now on, has not taken over: their idle connections close.
    pub fn hand_over(&self, next: &Self) {
        for cluster in &self.clusters {
            cluster.hand_over(next.cluster(&cluster.plan.name).map(|next| &**next));
        }
    }

    /// The cluster of this name. Clusters are in the order of their names.
    pub fn cluster(&self, name: &str) -> Option<&Rc<Cluster>> {
        let found = self.clusters.binary_search_by(|cluster| (*cluster.plan.name).cmp(name));
        found.ok().map(|at| &self.clusters[at])
    }

    /// Closes idle upstream connections that other workers have to go without.
    pub fn yield_idle(&self) {
        for cluster in &self.clusters {
            cluster.running().endpoints().iter().for_each(|endpoint| endpoint.yield_idle());
        }
    }

    /// Closes all idle upstream connections.
    pub fn close_idle(&self) {
        for cluster in &self.clusters {
            cluster.running().endpoints().iter().for_each(|endpoint| endpoint.close_idle());
        }
    }
}

pub(super) fn start_door(snapshot: &Snapshot, at: usize, registry: &Registry, worker: usize) -> RunningDoor {
    let (name, plan) = (&snapshot.listeners[at], &snapshot.doors[at]);
    let mut tunnels = Vec::new();
    if let Some(tcp) = &plan.tcp {
        tunnels.push((None, registry.tunnel(name, NO_CLUSTER, worker)));
        let clusters: BTreeSet<usize> = tcp.clusters().collect();
        tunnels.extend(
            clusters
                .into_iter()
                .map(|index| (Some(index), registry.tunnel(name, &snapshot.clusters[index].name, worker))),
        );
    }
    RunningDoor {
        callers: plan.callers.as_ref().map(|_| registry.callers(name, worker)),
        header: plan.header.as_ref().map(|_| registry.door(name, worker)),
        tunnels,
    }
}
