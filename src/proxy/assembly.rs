//! Putting together what a worker runs, a piece at a time.
//!
//! Ten thousand routes take a worker many milliseconds to start, and to drop. Between two pieces it serves its clients. What
//! can go on from the generation before does: policies with their state, clusters with their connections.

use std::rc::Rc;

use crate::net::tls::plan::Acceptor;
use crate::policy::auth::{AuthenticatorPlan, Authenticators};
use crate::policy::chain::Chain;
use crate::policy::ground::{Bench, Ground};
use crate::policy::live::Live;
use crate::proxy::care::{CarePlan, RunningCare};
use crate::proxy::installed::{Installed, InstalledNames, Pins, RunningRoute, UNROUTED, start_door};
use crate::proxy::release::plan::SplitPlan;
use crate::proxy::release::splitter::Splitter;
use crate::proxy::shadow::running::Running;
use crate::proxy::snapshot::{Action, RoutePlan, Snapshot};
use crate::route::table::{RouteIndex, Table};
use crate::shared::frozen::Frozen;
use crate::telemetry::registry::Registry;
use crate::upstream::cluster::Cluster;

/// Routes that are started, or dropped, in one piece: some tens of microseconds.
const ROUTES_PER_STEP: usize = 32;
/// Clusters of one piece; one with TLS takes a few microseconds.
const CLUSTERS_PER_STEP: usize = 8;

/// A generation that is being put together.
pub struct Assembly {
    snapshot: Frozen<Snapshot>,
    tables: Frozen<Vec<Table>>,
    bench: Rc<Bench>,
    previous: Option<Rc<Installed>>,
    authenticators: Authenticators,
    routes: Vec<RunningRoute>,
    names: Vec<Box<str>>,
    clusters: Vec<Rc<Cluster>>,
    splits: Vec<Splitter>,
}

impl Assembly {
    /// Begins. `tables` are the routers, one per listener; `previous` is what the worker runs now.
    pub fn new(
        snapshot: Frozen<Snapshot>,
        tables: Frozen<Vec<Table>>,
        bench: Rc<Bench>,
        previous: Option<Rc<Installed>>,
    ) -> Self {
        let (routes, names, clusters) =
            (snapshot.routes.len(), snapshot.routes.len(), snapshot.clusters.len());
        Self {
            snapshot,
            tables,
            bench,
            previous,
            authenticators: Authenticators::default(),
            routes: Vec::with_capacity(routes),
            names: Vec::with_capacity(names),
            clusters: Vec::with_capacity(clusters),
            splits: Vec::new(),
        }
    }

    /// The next piece. True when there is none left.
    pub fn step(&mut self, registry: &Registry) -> bool {
        let snapshot = self.snapshot.clone();
        let clusters = snapshot.clusters.iter().skip(self.clusters.len()).take(CLUSTERS_PER_STEP);
        let before = self.clusters.len();
        for plan in clusters {
            let former = self.previous.as_ref().and_then(|previous| previous.cluster(&plan.name));
            self.clusters.push(Cluster::start(
                plan.clone(),
                registry,
                self.bench.worker,
                self.bench.workers,
                former,
            ));
        }
        if self.clusters.len() > before {
            return false;
        }
        if let Some((name, plan)) = snapshot.authenticators.get(self.authenticators.len()) {
            self.start_authenticator(name, plan, registry);
            return false;
        }
        for plan in snapshot.routes.iter().skip(self.routes.len()).take(ROUTES_PER_STEP) {
            self.routes.push(self.start_route(plan, registry));
            self.splits.extend(plan.action.split().map(|split| self.start_split(plan, split, registry)));
            self.names.push(plan.name.clone());
        }
        self.routes.len() == snapshot.routes.len()
    }

    fn start_authenticator(&mut self, name: &str, plan: &AuthenticatorPlan, registry: &Registry) {
        let mut authenticators = std::mem::take(&mut self.authenticators);
        let former = self.previous.as_ref().map(|previous| &previous.authenticators);
        authenticators.start(name, plan, former, &self.ground(registry));
        self.authenticators = authenticators;
    }

    fn ground<'a>(&'a self, registry: &'a Registry) -> Ground<'a> {
        Ground {
            bench: &self.bench,
            authenticators: &self.authenticators,
            clusters: &self.clusters,
            registry,
        }
    }

    fn start_route(&self, plan: &RoutePlan, registry: &Registry) -> RunningRoute {
        let worker = self.bench.worker;
        let former = self.previous.as_ref().and_then(|previous| {
            let at = *previous.snapshot.routes_by_name.get(&plan.name)?;
            Some(&previous.routes[at as usize].chain)
        });
        RunningRoute {
            forward: match &plan.action {
                Action::Forward { to, rewrite: None, host: None } if plan.care.is_none() => to.only(),
                _ => None,
            },
            care: plan.care.as_deref().map(|care| Box::new(self.start_care(&plan.name, care, registry))),
            early: plan.early(),
            chain: Chain::start(&plan.policies, former, &self.ground(registry), |key| {
                registry.policy(&plan.name, key, worker)
            }),
            metrics: registry.route(&plan.name, worker),
            name: registry.name_id(&plan.name),
        }
    }

    fn start_split(&self, plan: &RoutePlan, split: &SplitPlan, registry: &Registry) -> Splitter {
        let former = self.previous.as_ref().and_then(|previous| {
            let at = *previous.snapshot.routes_by_name.get(&plan.name)?;
            previous.split(RouteIndex(at))
        });
        Splitter::start(split, &plan.name, (self.bench.worker, self.bench.workers), registry, former)
    }

    fn start_care(&self, name: &str, plan: &CarePlan, registry: &Registry) -> RunningCare {
        let Bench { worker, workers, .. } = *self.bench;
        RunningCare::start(
            plan,
            || registry.route_shards(name),
            |shadow| {
                let cluster = self.clusters[shadow.cluster].clone();
                Running::start(shadow.clone(), cluster, registry, worker, workers)
            },
        )
    }

    /// The generation, when no piece is left.
    pub fn finish(self, registry: &Registry) -> Rc<Installed> {
        let Self { snapshot, tables, bench, authenticators, routes, names, clusters, splits, .. } = self;
        let worker = bench.worker;
        let acceptors = snapshot.tls.iter().map(|tls| tls.clone().map(Acceptor::new).map(Rc::new)).collect();
        let doors = (0..snapshot.doors.len()).map(|at| start_door(&snapshot, at, registry, worker)).collect();
        let identity_fields = snapshot.identity_fields.iter().cloned().collect();
        let recorded = InstalledNames {
            listeners: snapshot.listeners.iter().map(|name| registry.name_id(name)).collect(),
            clusters: snapshot.clusters.iter().map(|plan| registry.name_id(&plan.name)).collect(),
        };
        Rc::new(Installed {
            own_keys: snapshot.own_keys.clone().map(Live::new),
            names: recorded,
            snapshot,
            tables,
            acceptors,
            authenticators,
            routes,
            route_names: names.into(),
            clusters,
            splits,
            doors,
            identity_fields,
            unrouted: registry.route(UNROUTED, worker),
            pins: Pins::default(),
        })
    }
}

/// A generation that nothing runs on any more, on its way out.
pub struct Dismantling(Installed);

impl Dismantling {
    /// Begins, unless something runs on it still.
    pub fn of(installed: Rc<Installed>) -> Result<Self, Rc<Installed>> {
        Rc::try_unwrap(installed).map(Self)
    }

    /// Drops a piece. True when there is none left worth a step of its own.
    pub fn step(&mut self) -> bool {
        let rest = self.0.routes.len().saturating_sub(ROUTES_PER_STEP);
        self.0.routes.truncate(rest);
        rest == 0
    }
}
