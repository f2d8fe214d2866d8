//! A set of endpoints as one worker runs it, with its balancer.
//!
//! Whatever has a connection to an endpoint survives as long as the endpoint stays: the next set takes over the endpoints
//! of the one before it that are the same. It never changes itself; a cluster replaces it.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::balance::layout::{Ground, Layout};
use super::balance::{Balancer, Pick};
use super::cluster::{ClusterPlan, Unchosen};
use super::endpoint::{Endpoint, EndpointPlan};
use super::set::EndpointSet;
use super::verdict::Verdicts;
use crate::net::tls::plan::EndpointTls;
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::shared::probe::{Probe, ProbeSlot};
use crate::telemetry::registry::Registry;

/// A set of endpoints as one worker runs it.
pub struct RunningSet {
    set: Frozen<EndpointSet>,
    endpoints: Rc<[Rc<Endpoint>]>,
    balancer: Balancer,
    /// Where not all are alike.
    layout: Option<Layout>,
    /// Endpoints that one exchange may try.
    half_open: Vec<(u16, ProbeSlot)>,
    /// When one of them has grown, by the coarse clock.
    due_ms: Option<u64>,
}

/// What a set is started with besides itself: everything about a worker that its endpoints need.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) plan: &'a ClusterPlan,
    pub(super) tls: Option<&'a ClientTls>,
    pub(super) registry: &'a Registry,
    pub(super) verdicts: &'a Verdicts,
    pub(super) worker: usize,
    pub(super) workers: usize,
}

/// A cluster's TLS on one worker: with all protocols that are offered, and for what must be HTTP/1.1.
pub(super) type ClientTls = (Frozen<rustls::ClientConfig>, Frozen<rustls::ClientConfig>);

impl RunningSet {
    /// Starts, taking over what it can: endpoints from `reused`, and the turn from `former`.
    pub(super) fn start(
        set: Frozen<EndpointSet>,
        start: Start<'_>,
        reused: Option<&Self>,
        former: Option<&Self>,
    ) -> Self {
        let mut known: HashMap<&str, &Rc<Endpoint>, FixedState> = HashMap::default();
        known.extend(reused.iter().flat_map(|set| &*set.endpoints).map(|one| (&*one.label, one)));
        let endpoints = set.endpoints.iter().map(|plan| {
            let endpoint = match known.get(&*plan.label) {
                Some(endpoint) if endpoint.is_as(plan) => (*endpoint).clone(),
                _ => open(plan, start),
            };
            endpoint.limit(start.plan.endpoint_requests, &start.plan.connections);
            endpoint
        });
        let endpoints: Rc<[Rc<Endpoint>]> = endpoints.collect();
        let balance = set.balance.clone();
        let balancer = match former {
            Some(former) => {
                former.tell_when_joined(&endpoints[..balance.len()]);
                Balancer::resume(balance, &former.balancer)
            }
            None => Balancer::start(balance, start.worker, start.workers, seed(start.worker)),
        };
        Self::arranged(set, endpoints, balancer, start, former.and_then(|it| it.layout.as_ref()))
    }

    /// The same endpoints, with what is believed of them now.
    pub(super) fn judged(&self, start: Start<'_>) -> Self {
        let (set, endpoints) = (self.set.clone(), self.endpoints.clone());
        let balancer = Balancer::resume(set.balance.clone(), &self.balancer);
        Self::arranged(set, endpoints, balancer, start, self.layout.as_ref())
    }

    fn arranged(
        set: Frozen<EndpointSet>,
        endpoints: Rc<[Rc<Endpoint>]>,
        balancer: Balancer,
        start: Start<'_>,
        former: Option<&Layout>,
    ) -> Self {
        let spread = &start.plan.spread;
        let joined_ms = |index: usize| endpoints[index].joined_ms.get();
        let assessed = spread.assess(&set, start.verdicts, &joined_ms, clock::coarse_ms());
        let ground = Ground {
            seats: &assessed.seats,
            rules: &spread.rules,
            balance: &set.balance,
            tables: &set.tables,
            worker: (start.worker, start.workers),
            seed: seed(start.worker),
        };
        let layout = Layout::of(&ground, former);
        let (half_open, due_ms) = (assessed.half_open, assessed.due_ms);
        Self { set, endpoints, balancer, layout, half_open, due_ms }
    }

    /// Those that are chosen from and were not before have come now. Where there were none, all are as old.
    fn tell_when_joined(&self, endpoints: &[Rc<Endpoint>]) {
        let chosen = &self.endpoints[..self.set.balance.len()];
        let before: HashMap<&str, u64, FixedState> =
            chosen.iter().map(|one| (&*one.label, one.joined_ms.get())).collect();
        if before.is_empty() {
            return;
        }
        let now_ms = clock::coarse_ms();
        for endpoint in endpoints {
            endpoint.joined_ms.set(before.get(&*endpoint.label).copied().unwrap_or(now_ms));
        }
    }

    /// Whether an endpoint has grown since.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.due_ms.is_some_and(|due_ms| clock::coarse_ms() >= due_ms)
    }

    /// Chooses, and gives the probe where it is one that is to be tried.
    #[inline]
    pub(super) fn pick(&self, pick: &Pick<'_>) -> Result<(usize, Option<Probe>), Unchosen> {
        match &self.layout {
            None => self.balancer.pick(pick).map(|index| (index, None)).ok_or(Unchosen::None),
            Some(layout) => self.pick_by(layout, pick),
        }
    }

    fn pick_by(&self, layout: &Layout, pick: &Pick<'_>) -> Result<(usize, Option<Probe>), Unchosen> {
        for (index, slot) in &self.half_open {
            let index = usize::from(*index);
            if !slot.is_taken()
                && !(pick.is_excluded)(index)
                && let Some(probe) = slot.try_take()
            {
                return Ok((index, Some(probe)));
            }
        }
        let none = if layout.is_empty() { Unchosen::AllOut } else { Unchosen::None };
        layout.pick(pick).map(|index| (index, None)).ok_or(none)
    }

    /// All endpoints, those that are not chosen from last.
    pub fn endpoints(&self) -> &[Rc<Endpoint>] {
        &self.endpoints
    }

    /// Whether it matters how long answers take.
    #[inline]
    pub(super) fn wants_answer_times(&self) -> bool {
        self.balancer.plan().wants_answer_times()
    }

    /// Ends the use of those endpoints that `next` has not, and takes up those again that it has.
    pub(super) fn hand_over(&self, next: Option<&Self>) {
        self.endpoints.iter().for_each(|endpoint| endpoint.is_retired.set(true));
        if let Some(next) = next {
            next.endpoints.iter().for_each(|endpoint| endpoint.is_retired.set(false));
        }
        self.endpoints
            .iter()
            .filter(|endpoint| endpoint.is_retired.get())
            .for_each(|endpoint| endpoint.retire());
    }
}

fn open(plan: &EndpointPlan, start: Start<'_>) -> Rc<Endpoint> {
    let cluster = start.plan;
    let metrics = start.registry.endpoint(&cluster.name, &plan.label, start.worker);
    let tls = start.tls.cloned().zip(plan.tls_name.clone());
    let tls = tls.map(|((config, http1), name)| EndpointTls { config, http1, name });
    Endpoint::new(plan, cluster.pool, tls, cluster.http2, (metrics, start.workers))
}

/// A different sequence on every worker, and not zero.
fn seed(worker: usize) -> u64 {
    clock::nanos() ^ ((worker as u64 + 1) << 48)
}
