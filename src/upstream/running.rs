//! A set of endpoints as one worker runs it, with its balancer.
//!
//! Whatever has a connection to an endpoint survives as long as the endpoint stays: the next set takes over the endpoints
//! of the one before it that are the same. It never changes itself; a cluster replaces it.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::balance::Balancer;
use super::cluster::ClusterPlan;
use super::endpoint::{Endpoint, EndpointPlan};
use super::set::EndpointSet;
use crate::net::tls::plan::EndpointTls;
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::telemetry::registry::Registry;

/// A set of endpoints as one worker runs it.
pub struct RunningSet {
    endpoints: Vec<Rc<Endpoint>>,
    balancer: Balancer,
}

/// What a set is started with besides itself: everything about a worker that its endpoints need.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) plan: &'a ClusterPlan,
    pub(super) tls: Option<&'a ClientTls>,
    pub(super) registry: &'a Registry,
    pub(super) worker: usize,
    pub(super) workers: usize,
}

/// A cluster's TLS on one worker: with all protocols that are offered, and for what must be HTTP/1.1.
pub(super) type ClientTls = (Frozen<rustls::ClientConfig>, Frozen<rustls::ClientConfig>);

impl RunningSet {
    /// Starts, taking over what it can.
    pub(super) fn start(
        set: &EndpointSet,
        start: Start<'_>,
        reused: Option<&Self>,
        cursor: Option<&Self>,
    ) -> Self {
        let mut known: HashMap<&str, &Rc<Endpoint>, FixedState> = HashMap::default();
        known.extend(reused.iter().flat_map(|set| &set.endpoints).map(|one| (&*one.label, one)));
        let endpoints = set.endpoints.iter().map(|plan| match known.get(&*plan.label) {
            Some(endpoint) if endpoint.is_as(plan) => (*endpoint).clone(),
            _ => open(plan, start),
        });
        let endpoints = endpoints.collect();
        let balance = set.balance.clone();
        let balancer = match cursor {
            Some(cursor) => Balancer::resume(balance, &cursor.balancer),
            None => Balancer::start(balance, start.worker, start.workers, seed(start.worker)),
        };
        Self { endpoints, balancer }
    }

    /// All endpoints, those that are not chosen from last.
    pub fn endpoints(&self) -> &[Rc<Endpoint>] {
        &self.endpoints
    }

    /// How one is chosen.
    pub(super) fn balancer(&self) -> &Balancer {
        &self.balancer
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
    Endpoint::new(plan, cluster.pool, tls, cluster.http2, metrics)
}

/// A different sequence on every worker, and not zero.
fn seed(worker: usize) -> u64 {
    clock::nanos() ^ ((worker as u64 + 1) << 48)
}
