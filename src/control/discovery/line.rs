//! One cluster as one configuration writes it, and all generations that have it so: they get the same endpoints.
//!
//! Makes sets of endpoints of what is written or found, less what the operator has taken out. Pure but for publishing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;

use super::feed::{Answer, Found};
use super::guard::Guard;
use super::settle::Settling;
use super::view::{Counts, EndpointView, HeldBack, Standing};
use crate::control::desk::EndpointState;
use crate::control::tls::endpoint_name;
use crate::net::addr::EndpointAddr;
use crate::rt::say::say;
use crate::shared::frozen::Frozen;
use crate::shared::ledger::Ledger;
use crate::shared::published::Published;
use crate::upstream::balance::ENDPOINTS_MAX;
use crate::upstream::config::ClusterConfig;
use crate::upstream::endpoint::EndpointPlan;
use crate::upstream::set::EndpointSet;

/// A cluster and an endpoint's label.
pub(super) type Name = (String, String);

/// What lines share: it outlives them, and holds for whichever generation.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What is in use, by endpoint.
    pub(super) ledgers: BTreeMap<Name, InUse>,
    /// What the operator has said of endpoints.
    pub(super) states: BTreeMap<Name, EndpointState>,
    /// What has happened, by cluster.
    pub(super) counts: BTreeMap<String, Counts>,
}

/// What of an endpoint is in use.
#[derive(Debug, Clone)]
pub(super) struct InUse {
    /// Open connections.
    pub(super) connections: Ledger,
    /// Exchanges, where they are limited.
    pub(super) requests: Ledger,
}

impl Default for InUse {
    fn default() -> Self {
        Self { connections: Ledger::new(None), requests: Ledger::new(None) }
    }
}

/// An endpoint as a line has it.
#[derive(Debug, Clone, PartialEq)]
struct Member {
    addr: EndpointAddr,
    label: Box<str>,
    tls_name: Option<ServerName<'static>>,
    weight: u32,
    tier: u8,
    zone: Option<Box<str>>,
}

impl Member {
    fn of(plan: &EndpointPlan) -> Self {
        let EndpointPlan { addr, label, tls_name, weight, tier, zone, .. } = plan;
        let (addr, label, tls_name) = (addr.clone(), label.clone(), tls_name.clone());
        Self { addr, label, tls_name, weight: *weight, tier: *tier, zone: zone.clone() }
    }
}

/// One cluster as one configuration writes it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) cluster: String,
    pub(super) config: ClusterConfig,
    /// What generations look at.
    lives: Vec<Published<EndpointSet>>,
    /// What they find there.
    current: Option<Frozen<EndpointSet>>,
    written: Vec<Member>,
    guard: Guard,
    settling: Settling,
    rounds_seen: u64,
    /// Why its source fails, where that has been said.
    failing: Option<String>,
    refused: BTreeSet<IpAddr>,
}

impl Line {
    /// Of a cluster that nobody has yet; or that others have in another form, of which `before` is the newest: what was
    /// found for that one is used until more is known.
    pub(super) fn new(cluster: &str, config: &ClusterConfig, before: Option<&Self>) -> Self {
        let before =
            before.filter(|line| line.config.discover.is_some() && line.config.discover == config.discover);
        Self {
            cluster: cluster.to_owned(),
            config: config.clone(),
            lives: Vec::new(),
            current: None,
            written: Vec::new(),
            guard: Guard::of(config),
            settling: before
                .filter(|line| line.guard == Guard::of(config))
                .map(|line| line.settling.clone())
                .unwrap_or_default(),
            rounds_seen: 0,
            failing: before.and_then(|line| line.failing.clone()),
            refused: before.map(|line| line.refused.clone()).unwrap_or_default(),
        }
    }

    /// Adds what a generation looks at. The same again brings back its caps on connections alone.
    pub(super) fn add(&mut self, live: &Published<EndpointSet>, shared: &mut Shared) {
        if !self.lives.iter().any(|one| one.is_same(live)) {
            // As it was compiled: names have been resolved.
            let (_, set) = live.load();
            let written: Vec<Member> = set.endpoints.iter().map(Member::of).collect();
            self.lives.push(live.clone());
            let is_new = self.written != written;
            self.written = written;
            match self.current.clone().filter(|_| !is_new || self.settling.is_begun()) {
                Some(current) => _ = live.publish(current),
                None => self.publish(shared),
            }
        }
        let cap = self.config.pool.connections.map(u64::from);
        let endpoints = self.current.iter().flat_map(|set| &set.endpoints);
        endpoints.for_each(|endpoint| endpoint.connections.set_cap(cap));
    }

    /// Forgets what no generation looks at any more. False if nothing is left.
    pub(super) fn prune(&mut self) -> bool {
        self.lives.retain(|live| live.handles() > 1);
        !self.lives.is_empty()
    }

    /// Takes a feed's last answer, decides, and publishes what is different. When to decide again without one.
    /// Only what `tells` counts and says what happens.
    pub(super) fn follow(
        &mut self,
        answer: &Answer,
        tells: bool,
        now: Instant,
        shared: &mut Shared,
    ) -> Option<Instant> {
        let mut happened = Counts::default();
        if let Some(found) = answer.endpoints.as_ref().filter(|_| answer.rounds != self.rounds_seen) {
            self.rounds_seen = answer.rounds;
            let admitted = self.admitted(found, tells, &mut happened);
            self.settling.report(now, &admitted);
        }
        let was_holding = self.settling.is_holding();
        if self.settling.settle(now, &self.config.membership) {
            happened.updates = 1;
            self.publish(shared);
        }
        happened.losses_held_back = u64::from(!was_holding && self.settling.is_holding());
        if tells {
            shared.counts.entry(self.cluster.clone()).or_default().add(happened);
            self.tell_failure(answer);
            if self.settling.is_holding() != was_holding {
                self.tell_loss(!was_holding);
            }
        }
        self.settling.due(&self.config.membership)
    }

    /// True once it has taken an answer, or there is none to wait for.
    pub(super) fn has_heard(&self, answer: &Answer) -> bool {
        self.rounds_seen > 0 || (answer.rounds == 0 && answer.failures > 0)
    }

    /// Without those whose addresses are refused, which is said once of each.
    fn admitted(&mut self, found: &[Found], tells: bool, happened: &mut Counts) -> Vec<Found> {
        let mut refused = BTreeSet::new();
        let mut admitted = Vec::new();
        for one in found {
            let address = one.address.ip();
            let Some(why) = self.guard.refusal(address) else {
                admitted.push(one.clone());
                continue;
            };
            let is_new = refused.insert(address) && !self.refused.contains(&address);
            happened.addresses_refused += u64::from(is_new);
            if is_new && tells {
                let (cluster, label) = (&self.cluster, &one.label);
                say(format_args!("cluster `{cluster}`: {label} is not used: its address {address} is {why}"));
            }
        }
        // More than a balancer takes; which ones does not change as long as these are there.
        admitted.truncate(ENDPOINTS_MAX);
        self.refused = refused;
        admitted
    }

    fn tell_failure(&mut self, answer: &Answer) {
        if self.failing == answer.failure {
            return;
        }
        self.failing.clone_from(&answer.failure);
        let (cluster, Some(discover)) = (&self.cluster, &self.config.discover) else { return };
        let source = discover.source();
        match &answer.failure {
            Some(failure) => {
                say(format_args!("cluster `{cluster}`: {source}: {failure}; what was known stays in use"))
            }
            None => say(format_args!("cluster `{cluster}`: {source} answers again")),
        }
    }

    fn tell_loss(&self, begins: bool) {
        let (cluster, settling) = (&self.cluster, &self.settling);
        let lost = settling.accepted().iter().filter(|one| !settling.is_here(one)).count();
        let all = settling.accepted().len();
        let time = self.config.membership.hold_time;
        if begins {
            say(format_args!(
                "cluster `{cluster}`: {lost} of {all} endpoints are not reported any more; held back for {time}"
            ));
        } else {
            say(format_args!(
                "cluster `{cluster}`: a loss is over or believed now; {all} endpoints are in use"
            ));
        }
    }

    /// Gives all generations the endpoints as they are now.
    pub(super) fn publish(&mut self, shared: &mut Shared) {
        let (mut chosen, mut drained) = (Vec::new(), Vec::new());
        let cap = self.config.pool.connections.map(u64::from);
        for member in self.members() {
            let name = (self.cluster.clone(), member.label.to_string());
            let state = shared.states.get(&name).copied().unwrap_or_default();
            let InUse { connections, requests } = shared.ledgers.entry(name).or_default().clone();
            connections.set_cap(cap);
            let Member { addr, label, tls_name, weight, tier, zone } = member;
            let plan = EndpointPlan { addr, label, tls_name, weight, tier, zone, connections, requests };
            match state {
                EndpointState::Active => chosen.push(plan),
                EndpointState::Drained => drained.push(plan),
                EndpointState::Disabled => {}
            }
        }
        match EndpointSet::compile(&self.config.balance, chosen, drained) {
            Ok(set) => {
                let set = Frozen::new(set);
                for live in &self.lives {
                    live.publish(set.clone());
                }
                self.current = Some(set);
            }
            Err(error) => say(format_args!("cluster `{}`: {error}; nothing changes", self.cluster)),
        }
    }

    /// What is found, or what is written as long as nothing is. Labels are different from each other.
    fn members(&self) -> Vec<Member> {
        if !self.settling.is_begun() {
            return self.written.clone();
        }
        let mut seen = BTreeSet::new();
        self.settling.accepted().iter().filter_map(|found| self.member(found, &mut seen)).collect()
    }

    fn member(&self, found: &Found, seen: &mut BTreeSet<String>) -> Option<Member> {
        // Of several addresses under one name, the others go by their address.
        let address = found.address.to_string();
        let label = [&found.label, &address].into_iter().find(|label| seen.insert((*label).clone()))?;
        let host = self.config.discover.as_ref().and_then(|discover| discover.host());
        let host =
            host.map_or_else(|| found.label.clone(), |host| format!("{host}:{}", found.address.port()));
        let tls_name = match self.config.tls.as_ref().map(|tls| endpoint_name(tls, &host)) {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(error)) => {
                say(format_args!("cluster `{}`: {label} is not used: {}", self.cluster, error.reason));
                return None;
            }
        };
        let addr = EndpointAddr::Tcp(found.address);
        let (weight, zone) = (found.weight.max(1), found.zone.as_deref().map(Into::into));
        Some(Member { addr, label: label.as_str().into(), tls_name, weight, tier: found.tier, zone })
    }

    /// The labels of its endpoints.
    pub(super) fn labels(&self) -> impl Iterator<Item = Box<str>> {
        self.members().into_iter().map(|member| member.label)
    }

    /// Its endpoints as people see them.
    pub(super) fn endpoints(&self, shared: &Shared) -> Vec<EndpointView> {
        let leaving: BTreeSet<String> = self.leaving().map(|found| found.address.to_string()).collect();
        let view = |label: &str, address: String, (weight, tier, zone): (u32, u8, Option<&str>), standing| {
            let state = shared.states.get(&(self.cluster.clone(), label.to_owned())).copied();
            let (label, zone) = (label.to_owned(), zone.map(str::to_owned));
            EndpointView { label, address, weight, tier, zone, state: state.unwrap_or_default(), standing }
        };
        let mut all: Vec<EndpointView> = Vec::new();
        for member in self.members() {
            let address = member.addr.to_string();
            let is_leaving = self.settling.is_begun() && leaving.contains(&address);
            let standing = if is_leaving { Standing::Leaving } else { Standing::Present };
            let place = (member.weight, member.tier, member.zone.as_deref());
            all.push(view(&member.label, address, place, standing));
        }
        for it in self.settling.damped() {
            let place = (it.weight, it.tier, it.zone.as_deref());
            all.push(view(&it.label, it.address.to_string(), place, Standing::Damped));
        }
        all
    }

    fn leaving(&self) -> impl Iterator<Item = &Found> {
        self.settling.accepted().iter().filter(|found| !self.settling.is_here(found))
    }

    /// The loss that is held back, if there is one.
    pub(super) fn held_back(&self, now: Instant) -> Option<HeldBack> {
        let left: Duration = self.settling.held_for(now, &self.config.membership)?;
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        Some(HeldBack { endpoints: self.leaving().count(), left_ms })
    }

    /// Addresses that its source leads to and that are refused.
    pub(super) fn refused(&self) -> Vec<String> {
        self.refused.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
