//! Everything that the health thread knows, behind its lock.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;

use super::Place;
use super::case::{Case, Reader};
use super::checker::Target;
use super::route::RouteCase;
use super::told::Told;
use super::view::{BreakerView, ChecksView, ClusterHealth, EndpointHealth, HealthView, RouteHealth};
use crate::control::config::Config;
use crate::control::desk::Refusal;
use crate::proxy::snapshot::Snapshot;
use crate::shared::frozen::Frozen;
use crate::telemetry::registry::Registry;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::health::HealthConfig;
use crate::upstream::verdict::Out;
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};
use crate::upstream::verdict::fuse::{Cause, Held, Standing, millis};
use crate::upstream::verdict::gate::Gate;
use crate::upstream::verdict::outliers::FAULT_LABELS;
use crate::upstream::verdict::ward::{Event, Member, WardPlan};

/// Counters are read for so long after anything was seen to move: what was under way may end.
const STILL_MOVING_MS: u64 = 1_000;
/// Between two readings of counters while nothing moves.
const STILL_READ_MS: u64 = 250;
/// Between two looks at what nobody has any more.
const TIDY_MS: u64 = 5_000;
/// Names of [`Standing::slot`].
const STANDINGS: [&str; 3] = ["closed", "open", "half_open"];

pub(super) struct State {
    registry: Frozen<Registry>,
    clusters: BTreeMap<String, Case>,
    routes: BTreeMap<String, RouteCase>,
    told: Told,
    /// Requests that all workers had seen at the last look.
    requests: u64,
    moved_ms: u64,
    read_ms: u64,
    tidied_ms: u64,
}

impl State {
    pub(super) fn new(registry: Frozen<Registry>) -> Self {
        Self {
            registry,
            clusters: BTreeMap::new(),
            routes: BTreeMap::new(),
            told: Told::default(),
            requests: 0,
            moved_ms: 0,
            read_ms: 0,
            tidied_ms: 0,
        }
    }

    /// Whether there is nothing to judge.
    pub(super) fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.routes.is_empty()
    }

    pub(super) fn attach(&mut self, config: &Config, snapshot: &Snapshot, now_ms: u64) {
        for plan in &snapshot.clusters {
            let settings = config.clusters.get(&*plan.name).map(settings_of).unwrap_or_default();
            if settings.is_empty() {
                if let Some(case) = self.clusters.remove(&*plan.name) {
                    case.release();
                }
                continue;
            }
            let case = self.clusters.entry(plan.name.to_string());
            let case = case.or_insert_with(|| Case::new(plan, settings.clone(), now_ms));
            case.attach(plan, settings, &self.registry, now_ms);
        }
        for plan in &snapshot.routes {
            let Some(breaker) = plan.care.as_ref().and_then(|care| care.breaker.as_ref()) else { continue };
            let written = config.routes.iter().find(|route| *route.name == *plan.name);
            let Some(settings) = written.and_then(|route| route.breaker.as_ref()) else { continue };
            let case = self
                .routes
                .entry(plan.name.to_string())
                .or_insert_with(|| RouteCase::new(settings, self.registry.route_shards(&plan.name), now_ms));
            case.attach(&breaker.live, settings);
        }
    }

    /// Looks once at everything. Whether anything moves.
    pub(super) fn look(&mut self, now_ms: u64) -> bool {
        let requests: u64 = self.registry.workers().map(|worker| worker.requests.get()).sum();
        let under_way: i64 = self.registry.workers().map(|worker| worker.exchanges_active.get()).sum();
        if requests != self.requests || under_way > 0 {
            self.requests = requests;
            self.moved_ms = now_ms;
        }
        let is_moving = now_ms.saturating_sub(self.moved_ms) < STILL_MOVING_MS;
        let is_read = is_moving || now_ms.saturating_sub(self.read_ms) >= STILL_READ_MS;
        if is_read {
            self.read_ms = now_ms;
        }
        for (name, case) in &mut self.clusters {
            for event in case.look(&self.registry, now_ms, is_read) {
                self.told.of_cluster(name, &event, now_ms);
            }
        }
        for (name, case) in &mut self.routes {
            if case.look(now_ms, is_read) {
                self.told.of_route(name, case.gate.standing(), case.gate.cause().0, now_ms);
            }
        }
        if now_ms.saturating_sub(self.tidied_ms) >= TIDY_MS {
            self.tidied_ms = now_ms;
            self.clusters.retain(|_, case| case.prune());
            self.routes.retain(|_, case| case.prune());
        }
        is_moving
    }

    /// Endpoints that are to be checked and are not.
    pub(super) fn unchecked(&self) -> Vec<(String, Box<str>)> {
        let is_free = |reader: &&Reader| reader.prober.as_ref().is_none_or(AbortHandle::is_finished);
        let of = |(name, case): (&String, &Case)| {
            let readers = case.readers.iter().filter(is_free);
            let due = readers.filter(|reader| case.due_ms(&reader.label).is_some());
            due.map(|reader| (name.clone(), reader.label.clone())).collect::<Vec<_>>()
        };
        let is_checked = |(_, case): &(&String, &Case)| case.ward.plan().health.is_some();
        self.clusters.iter().filter(is_checked).flat_map(of).collect()
    }

    pub(super) fn is_checked_by(&mut self, cluster: &str, label: &str, prober: AbortHandle) {
        let readers = self.clusters.get_mut(cluster).map(|case| case.readers.iter_mut());
        if let Some(reader) = readers.into_iter().flatten().find(|reader| *reader.label == *label) {
            reader.prober = Some(prober);
        }
    }

    pub(super) fn due_ms(&self, cluster: &str, label: &str) -> Option<u64> {
        self.clusters.get(cluster)?.due_ms(label)
    }

    pub(super) fn target(&self, cluster: &str, label: &str) -> Option<(Target, HealthConfig)> {
        self.clusters.get(cluster)?.target(label)
    }

    pub(super) fn checked(
        &mut self,
        cluster: &str,
        label: &str,
        asked: &HealthConfig,
        outcome: Result<(), Complaint>,
        now_ms: u64,
    ) {
        let Some(case) = self.clusters.get_mut(cluster) else { return };
        if let Some(event) = case.checked(label, asked, outcome, now_ms) {
            self.told.of_cluster(cluster, &event, now_ms);
        }
    }

    pub(super) fn hold(&mut self, place: &Place, held: Held, now_ms: u64) -> Result<String, Refusal> {
        let (standing, events) = match place {
            Place::Cluster(name) => self.hold_in(name, None, held, now_ms)?,
            Place::Endpoint(name, label) => self.hold_in(name, Some(label), held, now_ms)?,
            Place::Route(name) => {
                let Some(case) = self.routes.get_mut(name) else { return Err(no_breaker(place)) };
                if case.hold(held, now_ms) {
                    self.told.of_route(name, case.gate.standing(), Cause::Operator, now_ms);
                }
                (case.gate.standing(), Vec::new())
            }
        };
        if let Place::Cluster(name) | Place::Endpoint(name, _) = place {
            events.iter().for_each(|event| self.told.of_cluster(name, event, now_ms));
        }
        Ok(format!("{place} is {}{}", standing.label().replace('_', " "), stays(held)))
    }

    fn hold_in(
        &mut self,
        name: &str,
        label: Option<&str>,
        held: Held,
        now_ms: u64,
    ) -> Result<(Standing, Vec<Event>), Refusal> {
        let place = || match label {
            None => Place::Cluster(name.to_owned()),
            Some(label) => Place::Endpoint(name.to_owned(), label.to_owned()),
        };
        let case = self.clusters.get_mut(name).ok_or_else(|| no_breaker(&place()))?;
        let events = case.ward.hold(label, held, now_ms).ok_or_else(|| no_breaker(&place()))?;
        case.publish_changes(now_ms);
        let gate = match label {
            None => case.ward.gate(),
            Some(label) => case.ward.member(label).and_then(|member| member.gate.as_ref()),
        };
        Ok((gate.map_or(Standing::Closed, Gate::standing), events))
    }

    pub(super) fn view(&self, now_ms: u64, wall_ms: u64) -> HealthView {
        let unix = |at_ms: u64| wall_ms.saturating_add(at_ms).saturating_sub(now_ms);
        let cluster = |(name, case): (&String, &Case)| ClusterHealth {
            name: name.clone(),
            breaker: case.ward.gate().map(|gate| breaker(gate, &unix)),
            endpoints: case.readers.iter().filter_map(|reader| endpoint(case, reader, &unix)).collect(),
        };
        let route = |(name, case): (&String, &RouteCase)| RouteHealth {
            name: name.clone(),
            breaker: breaker(&case.gate, &unix),
        };
        HealthView {
            clusters: self.clusters.iter().map(cluster).collect(),
            routes: self.routes.iter().map(route).collect(),
            events: self.told.latest(),
        }
    }
}

fn settings_of(config: &ClusterConfig) -> WardPlan {
    WardPlan {
        health: config.health.clone(),
        outliers: config.outliers.clone(),
        breaker: config.breaker.clone(),
        endpoint_breaker: config.endpoint_breaker.clone(),
        ramp_ms: config.slow_start.as_ref().map_or(0, |slow| millis(slow.window)),
    }
}

const fn stays(held: Held) -> &'static str {
    match held {
        Held::Auto => ", and does what it does",
        Held::Open | Held::Closed => ", and stays so",
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "the breaker of cluster `{name}`"),
            Self::Endpoint(name, label) => write!(f, "the breaker of `{label}` in cluster `{name}`"),
            Self::Route(name) => write!(f, "the breaker of route `{name}`"),
        }
    }
}

fn no_breaker(place: &Place) -> Refusal {
    let hint = match place {
        Place::Cluster(name) => format!("write `breaker: {{}}` in `clusters.{name}`"),
        Place::Endpoint(name, _) => format!("write `endpoint_breaker: {{}}` in `clusters.{name}`"),
        Place::Route(_) => "write `breaker: {}` in the route".to_owned(),
    };
    Refusal { code: "no_breaker", reason: format!("there is no such thing as {place}; {hint}") }
}

fn breaker(gate: &Gate, unix: &impl Fn(u64) -> u64) -> BreakerView {
    let (cause, since_ms) = gate.cause();
    let held = match gate.held() {
        Held::Auto => "auto",
        Held::Open => "open",
        Held::Closed => "closed",
    };
    let until_unix_ms = match gate.standing() {
        Standing::Open { until_ms } if gate.held() == Held::Auto => Some(unix(until_ms)),
        _ => None,
    };
    BreakerView {
        state: gate.standing().label(),
        held,
        reason: cause.to_string(),
        since_unix_ms: unix(since_ms),
        until_unix_ms,
        turns: STANDINGS.into_iter().zip(gate.turns()).collect(),
    }
}

fn endpoint(case: &Case, reader: &Reader, unix: &impl Fn(u64) -> u64) -> Option<EndpointHealth> {
    let member = case.ward.member(&reader.label)?;
    let ejected = case.ward.ejected(&reader.label);
    let (state, reason) = match member.out {
        None => ("good", None),
        Some(Out::Unhealthy) => {
            ("unhealthy", Some(member.ill_with.clone().unwrap_or_else(|| "it fails its checks".to_owned())))
        }
        Some(Out::Ejected) => ("ejected", ejected.map(|ejected| ejected.fault.to_string())),
    };
    let until = ejected.filter(|_| member.out == Some(Out::Ejected));
    Some(EndpointHealth {
        label: reader.label.to_string(),
        state,
        reason,
        since_unix_ms: unix(member.since_ms),
        until_unix_ms: until.map(|ejected| unix(ejected.until_ms)),
        checks: member.checks.as_ref().map(|_| checks(member, reader, unix)),
        ejections: case
            .ward
            .plan()
            .outliers
            .as_ref()
            .map(|_| FAULT_LABELS.into_iter().zip(member.ejections).collect()),
        breaker: member.gate.as_ref().map(|gate| breaker(gate, unix)),
    })
}

fn checks(member: &Member, reader: &Reader, unix: &impl Fn(u64) -> u64) -> ChecksView {
    let labels = std::iter::once("passed").chain(ComplaintKind::ALL.into_iter().map(ComplaintKind::label));
    ChecksView {
        last_unix_ms: reader.checked_ms.map(unix),
        complaint: member.complaint.as_ref().map(|complaint| complaint.detail.clone()),
        outcomes: labels.zip(reader.checks).collect(),
    }
}
