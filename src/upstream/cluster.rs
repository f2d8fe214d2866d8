//! A named set of endpoints with one balancer, as one worker sees it.
//!
//! Chooses an endpoint for each attempt and counts what is in flight. The set may be replaced at any time between two
//! events; what has been chosen keeps the one it was chosen from. Timeouts are kept here and applied by the proxy.

use std::cell::{Cell, LazyCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::net::proxy_header::HeaderVersion;
use crate::net::tls::plan::ClusterTls;
use crate::rt::clock;
use crate::shared::budget::{Budget, Earning};
use crate::shared::frozen::Frozen;
use crate::shared::probe::Probe;
use crate::shared::published::Published;
use crate::shared::sharded::{Sharded, Slot};
use crate::telemetry::metrics::ClusterMetrics;
use crate::telemetry::registry::Registry;
use crate::upstream::admission::connections::Shared;
use crate::upstream::admission::{Admission, AdmissionPlan};
use crate::upstream::balance::Pick;
use crate::upstream::config::HashKeyConfig;
use crate::upstream::endpoint::{Endpoint, PoolPlan};
use crate::upstream::entry::{Class, HEDGES, RETRIES};
use crate::upstream::h2::Http2Plan;
use crate::upstream::running::{ClientTls, RunningSet, Start};
use crate::upstream::set::EndpointSet;
use crate::upstream::spread::Spread;
use crate::upstream::verdict::{Breaker, Outcome, Verdicts};

/// How long an endpoint is passed over that has refused a connection.
const SUSPECTED_MS: u64 = 1_000;

/// What a cluster is, the same for all workers.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints, and how one is chosen. Control replaces them.
    pub live: Published<EndpointSet>,
    /// What decides between them besides.
    pub spread: Spread,
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
    /// What is believed of it and its endpoints. Control replaces it.
    pub verdicts: Published<Verdicts>,
    /// What takes longer than this to answer is slow; [`u64::MAX`] where nothing is.
    pub slow_nanos: u64,
    /// How many exchanges it has at once, where that is limited.
    pub admission: Option<AdmissionPlan>,
    /// How many each of its endpoints has at once, where that is limited.
    pub endpoint_requests: Option<u64>,
    /// Open connections with all of its endpoints, where they are limited.
    pub connections: Shared,
    /// What may be done again, or twice.
    pub budgets: Budgets,
    /// The field that tells an endpoint how many milliseconds are left, where one is wanted.
    pub deadline_field: Option<Box<[u8]>>,
}

/// What may be done again, or twice: one number for all workers and generations.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Of attempts that are made again.
    pub retries: Budget,
    /// How it is earned.
    pub retry_earning: Earning,
    /// Of second attempts beside the first.
    pub hedges: Budget,
    /// How it is earned.
    pub hedge_earning: Earning,
}

impl Default for Budgets {
    fn default() -> Self {
        let (retries, hedges) = (Budget::default(), Budget::default());
        Self { retries, retry_earning: RETRIES, hedges, hedge_earning: HEDGES }
    }
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
    /// Number of the verdicts that hold.
    judged: Cell<u64>,
    verdicts: RefCell<Frozen<Verdicts>>,
    is_closed: Cell<bool>,
    /// Until when some endpoints are passed over; 0 for none.
    suspected_until_ms: Cell<u64>,
    /// How many exchanges it has at once, where that is limited.
    pub(super) admission: Option<Rc<Admission>>,
    /// This worker's figures.
    pub metrics: Slot<ClusterMetrics>,
    /// Those of all workers.
    pub(super) shards: Sharded<ClusterMetrics>,
}

/// What a choice depends on.
#[derive(Clone, Copy, Default)]
pub struct Ask<'a> {
    /// Of what the cluster's balancer hashes, if it does.
    pub hash: Option<u64>,
    /// Endpoints that were tried already.
    pub excluded: &'a [Rc<Endpoint>],
}

/// Why no endpoint was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchosen {
    /// There is none, or none that was not tried already.
    None,
    /// There are some, and none of them is to be used.
    AllOut,
    /// Those that could be used have as many exchanges as they may.
    Full,
}

/// A chosen endpoint; counts as in flight until it is dropped.
pub struct Chosen {
    set: Rc<RunningSet>,
    index: usize,
    slow_nanos: u64,
    probe: Cell<Option<Probe>>,
    /// True if it counts towards a limit of the endpoint.
    has_slot: bool,
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
        let (judged, verdicts) = plan.verdicts.load();
        let start = Start { plan: &plan, tls: tls.as_ref(), registry, verdicts: &verdicts, worker, workers };
        let (reused, former) = (reused.map(|it| it.running()), previous.map(|it| it.running()));
        let running = RunningSet::start(set, start, reused.as_deref(), former.as_deref());
        let running = RefCell::new(Rc::new(running));
        let shards = registry.cluster_shards(&plan.name);
        let former = previous.and_then(|previous| previous.admission.as_ref());
        let admit = |plan| Admission::start(plan, workers, former, shards.slot(worker));
        Rc::new(Self {
            admission: plan.admission.as_ref().map(admit),
            is_closed: Cell::new(verdicts.cluster.is_closed()),
            suspected_until_ms: Cell::new(0),
            judged: Cell::new(judged),
            verdicts: RefCell::new(verdicts),
            metrics: shards.slot(worker),
            shards,
            plan,
            worker,
            workers,
            tls,
            running,
            seen: Cell::new(seen),
        })
    }

    /// Chooses an endpoint.
    ///
    /// # Errors
    /// With the reason why there is none.
    pub fn choose(&self, ask: &Ask<'_>) -> Result<Chosen, Unchosen> {
        if self.suspected_until_ms.get() > 0 {
            let now_ms = clock::coarse_ms();
            if now_ms >= self.suspected_until_ms.get() {
                self.suspected_until_ms.set(0);
            } else if let Ok(chosen) = self.choose_among(ask, now_ms) {
                return Ok(chosen);
            }
        }
        self.choose_among(ask, u64::MAX)
    }

    /// Passes over an endpoint that has refused a connection, for a while and while there are others. A hint of this worker's
    /// own, no verdict.
    pub fn suspect(&self, endpoint: &Endpoint) {
        let until_ms = clock::coarse_ms() + SUSPECTED_MS;
        endpoint.suspected_until_ms.set(until_ms);
        self.suspected_until_ms.set(until_ms);
    }

    /// Chooses one that is not suspected at `suspects_at_ms`.
    fn choose_among(&self, ask: &Ask<'_>, suspects_at_ms: u64) -> Result<Chosen, Unchosen> {
        let Ask { hash, excluded } = *ask;
        let set = self.running();
        let endpoints = set.endpoints();
        let full = RefCell::new(SmallVec::<[usize; 4]>::new());
        let is_excluded = |index: usize| {
            excluded.iter().any(|one| Rc::ptr_eq(one, &endpoints[index]))
                || full.borrow().contains(&index)
                || endpoints[index].suspected_until_ms.get() > suspects_at_ms
        };
        let in_flight = |index: usize| endpoints[index].in_flight.get();
        let now_ms = LazyCell::new(clock::coarse_ms);
        let answer_nanos = |index: usize| endpoints[index].answers.at(*now_ms);
        let pick =
            Pick { hash, in_flight: &in_flight, answer_nanos: &answer_nanos, is_excluded: &is_excluded };
        let has_slot = self.plan.endpoint_requests.is_some();
        let (index, probe) = loop {
            let (index, probe) =
                set.pick(&pick).map_err(|why| if full.borrow().is_empty() { why } else { Unchosen::Full })?;
            if !has_slot || endpoints[index].slots.take(Class::NORMAL) {
                break (index, probe);
            }
            full.borrow_mut().push(index);
        };
        let count = &endpoints[index].in_flight;
        count.set(count.get() + 1);
        Ok(Chosen { set, index, slow_nanos: self.plan.slow_nanos, probe: Cell::new(probe), has_slot })
    }

    /// True if its breaker has nothing against anybody.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Its breaker.
    pub fn breaker(&self) -> Breaker {
        self.verdicts.borrow().cluster.clone()
    }

    /// Takes up verdicts as they are now. True if there are others.
    fn judge(&self) -> bool {
        if self.plan.verdicts.generation() == self.judged.get() {
            return false;
        }
        let (judged, verdicts) = self.plan.verdicts.load();
        self.judged.set(judged);
        self.is_closed.set(verdicts.cluster.is_closed());
        self.verdicts.replace(verdicts);
        true
    }

    /// Takes up endpoints and verdicts as they are now. Called every tick: two loads where nothing has changed.
    pub fn refresh(&self, registry: &Registry) {
        let is_judged = self.judge();
        let is_other = self.plan.live.generation() != self.seen.get();
        let before = self.running();
        if !is_judged && !is_other && !before.is_due() {
            return;
        }
        let verdicts = self.verdicts.borrow().clone();
        let (plan, tls, worker, workers) = (&*self.plan, self.tls.as_ref(), self.worker, self.workers);
        let start = Start { plan, tls, registry, verdicts: &verdicts, worker, workers };
        let next = if is_other {
            let (generation, set) = self.plan.live.load();
            let next = RunningSet::start(set, start, Some(&before), Some(&before));
            before.hand_over(Some(&next));
            self.seen.set(generation);
            next
        } else {
            before.judged(start)
        };
        self.running.replace(Rc::new(next));
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

    /// How the attempt ended: `nanos` after the request was sent, with the head of the answer or with the certainty that
    /// there is none. Anything but the first time counts again, so it is said once.
    pub fn settle(&self, outcome: Outcome, nanos: u64) {
        if self.set.wants_answer_times() {
            let (answers, now_ms) = (&self.endpoint().answers, clock::coarse_ms());
            match outcome {
                Outcome::Success => answers.observe(nanos, now_ms),
                Outcome::Failure => answers.fail(nanos, now_ms),
                Outcome::Cancelled => answers.abandon(nanos, now_ms),
            }
        }
        if outcome == Outcome::Cancelled {
            return;
        }
        let is_success = outcome == Outcome::Success;
        self.endpoint().metrics.outcomes.count(is_success, nanos, self.slow_nanos);
        if let Some(probe) = self.probe.take() {
            probe.settle(is_success && nanos <= self.slow_nanos);
        }
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        let count = &self.endpoint().in_flight;
        count.set(count.get().saturating_sub(1));
        if self.has_slot {
            self.endpoint().slots.give();
        }
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "cluster_verdict_tests.rs"]
mod verdict_tests;
