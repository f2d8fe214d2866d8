//! A named set of endpoints with one balancer, as one worker sees it.
//!
//! Chooses an endpoint for each attempt and counts what is in flight. Timeouts are kept here and applied by
//! the proxy.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::net::proxy_header::HeaderVersion;
use crate::net::tls::plan::ClusterTls;
use crate::shared::frozen::Frozen;
use crate::upstream::balance::{BalancePlan, Balancer, Pick};
use crate::upstream::endpoint::{Endpoint, EndpointPlan, PoolPlan};
use crate::upstream::h2::Http2Plan;

/// What a cluster is, the same for all workers.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints, in the order written.
    pub endpoints: Vec<EndpointPlan>,
    /// How one is chosen.
    pub balance: Frozen<BalancePlan>,
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
    endpoints: Vec<Rc<Endpoint>>,
    in_flight: Vec<Cell<u32>>,
    balancer: Balancer,
}

/// A chosen endpoint; counts as in flight until it is dropped.
pub struct Chosen {
    cluster: Rc<Cluster>,
    /// Its place in the cluster.
    pub index: usize,
}

impl Cluster {
    /// Starts with these endpoints, which are in the plan's order.
    pub fn new(plan: Frozen<ClusterPlan>, endpoints: Vec<Rc<Endpoint>>, balancer: Balancer) -> Rc<Self> {
        let in_flight = endpoints.iter().map(|_| Cell::new(0)).collect();
        Rc::new(Self { plan, endpoints, in_flight, balancer })
    }

    /// Chooses an endpoint that is not among `excluded`.
    pub fn choose(self: &Rc<Self>, hash: Option<u64>, excluded: &[usize]) -> Option<Chosen> {
        let is_excluded = |index: usize| excluded.contains(&index);
        let pick = Pick { hash, in_flight: &self.in_flight, is_excluded: &is_excluded };
        let index = self.balancer.pick(&pick)?;
        let count = &self.in_flight[index];
        count.set(count.get() + 1);
        Some(Chosen { cluster: self.clone(), index })
    }

    /// All endpoints.
    pub fn endpoints(&self) -> &[Rc<Endpoint>] {
        &self.endpoints
    }
}

impl Chosen {
    /// The endpoint.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.cluster.endpoints[self.index]
    }

    /// Its address as written.
    pub fn label(&self) -> &str {
        &self.cluster.plan.endpoints[self.index].label
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        let count = &self.cluster.in_flight[self.index];
        count.set(count.get().saturating_sub(1));
    }
}
