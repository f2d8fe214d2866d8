//! One cluster as the health thread keeps it: what is believed of it, the counters it is read from, and all generations
//! that are told.
//!
//! Reads counters and publishes; what to think of them is `verdict::ward`.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::task::AbortHandle;

use super::checker::{Target, speaks_h2};
use crate::net::addr::EndpointAddr;
use crate::net::proxy_header::HeaderVersion;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;
use crate::shared::sharded::Sharded;
use crate::telemetry::metrics::{EndpointMetrics, OutcomeMetrics};
use crate::telemetry::registry::Registry;
use crate::upstream::cluster::ClusterPlan;
use crate::upstream::config::health::HealthConfig;
use crate::upstream::endpoint::EndpointPlan;
use crate::upstream::set::EndpointSet;
use crate::upstream::verdict::Verdicts;
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};
use crate::upstream::verdict::ward::{Came, Event, Ward, WardPlan};
use crate::upstream::verdict::window::Tally;

/// How long endpoints are looked after that the newest generation does not have: until then a rollout is over, and most of
/// what runs on the one before.
const FORMER_MS: u64 = 300_000;

/// A cluster.
pub(super) struct Case {
    pub(super) ward: Ward,
    /// What generations look at, the newest last.
    lives: Vec<Life>,
    pub(super) readers: Vec<Reader>,
    speaks: Speaks,
}

/// What one generation looks at.
struct Life {
    verdicts: Published<Verdicts>,
    live: Published<EndpointSet>,
    seen: u64,
    /// When another one became the newest.
    former_ms: Option<u64>,
}

/// An endpoint and its counters.
pub(super) struct Reader {
    pub(super) label: Box<str>,
    addr: EndpointAddr,
    tls_name: Option<ServerName<'static>>,
    shards: Sharded<EndpointMetrics>,
    meter: Meter,
    /// Checks by how they went: passed, then by kind of complaint.
    pub(super) checks: [u64; 1 + ComplaintKind::ALL.len()],
    /// When the last one was over.
    pub(super) checked_ms: Option<u64>,
    /// Whoever checks it.
    pub(super) prober: Option<AbortHandle>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(prober) = &self.prober {
            prober.abort();
        }
    }
}

/// How endpoints are spoken to. Not the plan itself, whose end is noticed by its handles.
struct Speaks {
    cluster: Box<str>,
    tls: Option<Arc<ClientConfig>>,
    proxy_header: Option<HeaderVersion>,
    host: Option<Box<str>>,
    is_h2: bool,
}

impl Speaks {
    fn of(plan: &ClusterPlan, health: Option<&HealthConfig>) -> Self {
        let is_cluster_h2 = plan.http2.is_some_and(|http2| !http2.is_negotiated);
        let is_h2 = health.is_some_and(|health| speaks_h2(health, is_cluster_h2));
        let protocol: &[u8] = if is_h2 { b"h2" } else { b"http/1.1" };
        let tls = plan.tls.as_ref().filter(|_| health.is_some());
        Self {
            cluster: plan.name.clone(),
            tls: tls.map(|tls| tls.for_worker(&[protocol]).to_arc()),
            proxy_header: plan.proxy_header,
            host: plan.host.clone(),
            is_h2,
        }
    }
}

impl Case {
    /// Of a cluster that nobody has looked after yet.
    pub(super) fn new(plan: &ClusterPlan, settings: WardPlan, now_ms: u64) -> Self {
        let speaks = Speaks::of(plan, settings.health.as_ref());
        Self { ward: Ward::new(settings, now_ms), lives: Vec::new(), readers: Vec::new(), speaks }
    }

    /// Tells this generation too, and goes by what it says from now on.
    pub(super) fn attach(
        &mut self,
        plan: &ClusterPlan,
        settings: WardPlan,
        registry: &Registry,
        now_ms: u64,
    ) {
        self.speaks = Speaks::of(plan, settings.health.as_ref());
        self.lives.retain(|life| !life.verdicts.is_same(&plan.verdicts));
        for life in &mut self.lives {
            life.former_ms = life.former_ms.or(Some(now_ms));
        }
        let (verdicts, live) = (plan.verdicts.clone(), plan.live.clone());
        self.lives.push(Life { verdicts, live, seen: 0, former_ms: None });
        if *self.ward.plan() != settings {
            self.ward.set(settings, now_ms);
        }
        self.gather(registry, now_ms);
        self.ward.take_change();
        self.publish(now_ms);
    }

    /// Says to all generations that nothing is believed of it.
    pub(super) fn release(&self) {
        self.lives.iter().for_each(|life| _ = life.verdicts.publish(Frozen::default()));
    }

    /// Forgets generations that are gone. False if none is left.
    pub(super) fn prune(&mut self) -> bool {
        self.lives.retain(|life| life.verdicts.handles() > 1);
        !self.lives.is_empty()
    }

    /// Whether endpoints have come or gone since the last time.
    fn is_stale(&self, now_ms: u64) -> bool {
        let is_stale = |life: &Life| life.is_followed(now_ms) && life.live.generation() != life.seen;
        self.lives.iter().any(is_stale)
    }

    /// Takes up the endpoints as they are now: those of the newest generation, and of the ones before that it has just
    /// replaced.
    fn gather(&mut self, registry: &Registry, now_ms: u64) {
        let mut former: Vec<Reader> = std::mem::take(&mut self.readers);
        for life in self.lives.iter_mut().rev().filter(|life| life.is_followed(now_ms)) {
            let (generation, set) = life.live.load();
            life.seen = generation;
            for endpoint in set.chosen() {
                if self.readers.iter().any(|reader| reader.label == endpoint.label) {
                    continue;
                }
                let known = former.iter().position(|reader| reader.label == endpoint.label);
                let reader = match known.map(|at| former.swap_remove(at)) {
                    Some(mut reader) => {
                        reader.addr = endpoint.addr.clone();
                        reader.tls_name = endpoint.tls_name.clone();
                        reader
                    }
                    None => Reader::new(endpoint, &self.speaks.cluster, registry),
                };
                self.readers.push(reader);
            }
        }
        let labels: Vec<Box<str>> = self.readers.iter().map(|reader| reader.label.clone()).collect();
        self.ward.keep(&labels, now_ms);
    }

    /// Looks at what has changed since the last look; at traffic only where `is_moving`.
    pub(super) fn look(&mut self, registry: &Registry, now_ms: u64, is_moving: bool) -> Vec<Event> {
        if self.is_stale(now_ms) {
            self.gather(registry, now_ms);
        }
        let mut came = Vec::new();
        if is_moving && self.ward.plan().needs_traffic() {
            for reader in &mut self.readers {
                let outcomes = reader.shards.iter().map(|shard| &shard.outcomes);
                if let Some(read) = reader.meter.read(outcomes) {
                    came.push((reader.label.clone(), read));
                }
            }
        }
        let is_idle = came.is_empty() && !self.ward.is_waiting();
        let events = if is_idle { Vec::new() } else { self.ward.look(now_ms, &came) };
        self.publish_changes(now_ms);
        events
    }

    /// Tells workers, where there is something to tell.
    pub(super) fn publish_changes(&mut self, now_ms: u64) {
        if self.ward.take_change() {
            self.publish(now_ms);
        }
    }

    fn publish(&self, now_ms: u64) {
        let verdicts = Frozen::new(self.ward.verdicts(now_ms));
        self.lives.iter().for_each(|life| _ = life.verdicts.publish(verdicts.clone()));
    }

    /// When an endpoint is to be checked, while it is to be.
    pub(super) fn due_ms(&self, label: &str) -> Option<u64> {
        self.ward.member(label)?.checks.as_ref().map(|checks| checks.due_ms())
    }

    /// Whom to check, and how.
    pub(super) fn target(&self, label: &str) -> Option<(Target, HealthConfig)> {
        let health = self.ward.plan().health.clone()?;
        let reader = self.readers.iter().find(|reader| *reader.label == *label)?;
        let speaks = &self.speaks;
        let target = Target {
            addr: reader.addr.clone(),
            tls: speaks.tls.clone().zip(reader.tls_name.clone()),
            proxy_header: speaks.proxy_header,
            host: speaks.host.as_deref().map_or_else(|| authority(reader), str::to_owned),
            is_h2: speaks.is_h2,
        };
        Some((target, health))
    }

    /// Takes the outcome of a check.
    pub(super) fn checked(
        &mut self,
        label: &str,
        asked: &HealthConfig,
        outcome: Result<(), Complaint>,
        now_ms: u64,
    ) -> Option<Event> {
        // What was asked is not asked any more.
        self.ward.plan().health.as_ref().filter(|health| *health == asked)?;
        let reader = self.readers.iter_mut().find(|reader| *reader.label == *label)?;
        let slot = outcome.as_ref().err().map_or(0, |complaint| 1 + complaint.kind as usize);
        reader.checks[slot] += 1;
        reader.checked_ms = Some(now_ms);
        let event = self.ward.checked(label, now_ms, outcome);
        self.publish_changes(now_ms);
        event
    }
}

impl Life {
    /// Whether its endpoints are looked after.
    fn is_followed(&self, now_ms: u64) -> bool {
        self.former_ms.is_none_or(|since| now_ms.saturating_sub(since) < FORMER_MS)
    }
}

impl Reader {
    fn new(endpoint: &EndpointPlan, cluster: &str, registry: &Registry) -> Self {
        let shards = registry.endpoint_shards(cluster, &endpoint.label);
        let meter = Meter::new(shards.iter().map(|shard| &shard.outcomes));
        Self {
            label: endpoint.label.clone(),
            addr: endpoint.addr.clone(),
            tls_name: endpoint.tls_name.clone(),
            shards,
            meter,
            checks: [0; 1 + ComplaintKind::ALL.len()],
            checked_ms: None,
            prober: None,
        }
    }
}

/// What a check asks for where the cluster says nothing: the label is what was written, a unix socket has no name.
fn authority(reader: &Reader) -> String {
    match &reader.addr {
        EndpointAddr::Unix(_) => "localhost".to_owned(),
        EndpointAddr::Tcp(addr) if http::uri::Authority::try_from(&*reader.label).is_err() => {
            addr.to_string()
        }
        EndpointAddr::Tcp(_) => reader.label.to_string(),
    }
}

/// Outcomes that were counted by all workers, as of the last reading.
pub(super) struct Meter {
    before: Tally,
    /// By worker.
    successes: Vec<u64>,
}

impl Meter {
    /// From here on.
    pub(super) fn new<'a>(outcomes: impl Iterator<Item = &'a OutcomeMetrics>) -> Self {
        let mut meter = Self { before: Tally::default(), successes: Vec::new() };
        for worker in outcomes {
            meter.successes.push(worker.successes.get());
            meter.before.add(&tally(worker));
        }
        meter
    }

    /// What has come since the last time, if anything has.
    pub(super) fn read<'a>(&mut self, outcomes: impl Iterator<Item = &'a OutcomeMetrics>) -> Option<Came> {
        let mut now = Tally::default();
        let mut in_row = u64::MAX;
        for (worker, successes) in outcomes.zip(&mut self.successes) {
            let counted = tally(worker);
            now.add(&counted);
            if std::mem::replace(successes, counted.successes) != counted.successes {
                // Who has seen a success knows what came after it; the least of what is known has surely come in a row.
                in_row = in_row.min(worker.failures_in_row.get().max(0).cast_unsigned());
            }
        }
        let tally = now.since(&self.before);
        self.before = now;
        (tally.calls() > 0).then_some(Came { tally, in_row: if in_row == u64::MAX { 0 } else { in_row } })
    }
}

fn tally(outcomes: &OutcomeMetrics) -> Tally {
    Tally {
        successes: outcomes.successes.get(),
        failures: outcomes.failures.get(),
        slow: outcomes.slow.get(),
        nanos: outcomes.latency_nanos.get(),
    }
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
