//! A named set of endpoints with one balancer, as one worker sees it.
//!
//! Chooses an endpoint for each attempt and counts what is in flight. The set may be replaced at any time between two
//! events; what has been chosen keeps the one it was chosen from. Timeouts are kept here and applied by the proxy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::net::proxy_header::HeaderVersion;
use crate::net::tls::plan::ClusterTls;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;
use crate::telemetry::registry::Registry;
use crate::upstream::balance::Pick;
use crate::upstream::config::HashKeyConfig;
use crate::upstream::endpoint::{Endpoint, PoolPlan};
use crate::upstream::h2::Http2Plan;
use crate::upstream::running::{ClientTls, RunningSet, Start};
use crate::upstream::set::EndpointSet;

/// What a cluster is, the same for all workers.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints, and how one is chosen. Control replaces them.
    pub live: Published<EndpointSet>,
    /// What is hashed to choose, where a hash is.
    pub hash_key: Option<HashKeyConfig>,
    /// Of everything a connection is opened and kept with: those of a cluster with another one are of no use to this.
    pub identity: u64,
    /// How long each part may take.
    pub timeouts: Timeouts,
    /// How connections are kept.
    pub pool: PoolPlan,
    /// Largest response head accepted, in bytes.
    pub head_bytes: usize,
    /// How endpoints are spoken to, if in TLS.
    pub tls: Option<ClusterTls>,
    /// How HTTP/2 is spoken with them, if it is.
    pub http2: Option<Http2Plan>,
    /// The Host field sent, if it is not the client's.
    pub host: Option<Box<str>>,
    /// The header that begins every connection.
    pub proxy_header: Option<HeaderVersion>,
}

/// How long each part of an exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until connected.
    pub connect: Duration,
    /// Until the response head is complete.
    pub head: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// For everything.
    pub total: Option<Duration>,
}

/// A running cluster of one worker.
pub struct Cluster {
    /// What it was made of.
    pub plan: Frozen<ClusterPlan>,
    worker: usize,
    workers: usize,
    tls: Option<ClientTls>,
    running: RefCell<Rc<RunningSet>>,
    /// Number of the set that runs.
    seen: Cell<u64>,
}

/// A chosen endpoint; counts as in flight until it is dropped.
pub struct Chosen {
    set: Rc<RunningSet>,
    index: usize,
}

impl Cluster {
    /// Starts on worker `worker` of `workers`. From `previous`, the cluster of the same name that ran before, it takes over
    /// the endpoints that are the same, with their connections.
    pub fn start(
        plan: Frozen<ClusterPlan>,
        registry: &Registry,
        worker: usize,
        workers: usize,
        previous: Option<&Rc<Self>>,
    ) -> Rc<Self> {
        let (seen, set) = plan.live.load();
        let reused = previous.filter(|previous| previous.plan.identity == plan.identity);
        let tls = reused.map_or_else(|| client_tls(&plan), |previous| previous.tls.clone());
        let start = Start { plan: &plan, tls: tls.as_ref(), registry, worker, workers };
        let (reused, cursor) = (reused.map(|it| it.running()), previous.map(|it| it.running()));
        let running = RunningSet::start(&set, start, reused.as_deref(), cursor.as_deref());
        let running = RefCell::new(Rc::new(running));
        Rc::new(Self { plan, worker, workers, tls, running, seen: Cell::new(seen) })
    }

    /// Chooses an endpoint that is not among `excluded`.
    pub fn choose(&self, hash: Option<u64>, excluded: &[Rc<Endpoint>]) -> Option<Chosen> {
        let set = self.running();
        let endpoints = set.endpoints();
        let is_excluded = |index: usize| excluded.iter().any(|one| Rc::ptr_eq(one, &endpoints[index]));
        let in_flight = |index: usize| endpoints[index].in_flight.get();
        let pick = Pick { hash, in_flight: &in_flight, is_excluded: &is_excluded };
        let index = set.balancer().pick(&pick)?;
        let count = &endpoints[index].in_flight;
        count.set(count.get() + 1);
        Some(Chosen { set, index })
    }

    /// Takes up the endpoints as they are now. Called every tick: one load where nothing has changed.
    pub fn refresh(&self, registry: &Registry) {
        if self.plan.live.generation() == self.seen.get() {
            return;
        }
        let (generation, set) = self.plan.live.load();
        let (worker, workers) = (self.worker, self.workers);
        let start = Start { plan: &self.plan, tls: self.tls.as_ref(), registry, worker, workers };
        let before = self.running();
        let next = Rc::new(RunningSet::start(&set, start, Some(&before), Some(&before)));
        before.hand_over(Some(&next));
        self.running.replace(next);
        self.seen.set(generation);
    }

    /// Ends the use of endpoints that `next`, which runs from now on, has not taken over.
    pub fn hand_over(&self, next: Option<&Self>) {
        self.running().hand_over(next.map(|next| next.running()).as_deref());
    }

    /// The endpoints as they are now.
    pub fn running(&self) -> Rc<RunningSet> {
        self.running.borrow().clone()
    }
}

/// Sessions to go on from are a worker's own.
fn client_tls(plan: &ClusterPlan) -> Option<ClientTls> {
    let tls = plan.tls.as_ref()?;
    let http1 = tls.for_worker(&[b"http/1.1"]);
    Some((plan.http2.map_or_else(|| http1.clone(), |http2| tls.for_worker(http2.protocols())), http1))
}

impl Chosen {
    /// The endpoint.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.set.endpoints()[self.index]
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        let count = &self.endpoint().in_flight;
        count.set(count.get().saturating_sub(1));
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
