//! One cluster with everything that is believed of it: its breaker, and of each endpoint its checks, whether it is an
//! outlier, and its breaker.
//!
//! Puts the machines of this folder together into one [`Verdicts`]. Time, numbers and outcomes of checks come in; what is
//! different comes out, to be told and published. Whoever calls it reads clocks and counters.

use std::collections::BTreeMap;

use super::checks::{Checks, Complaint};
pub use super::event::{Came, Event, WardPlan, What};
use super::fuse::{Held, Standing};
use super::gate::Gate;
use super::outliers::{Ejected, Outliers};
use super::window::Tally;
use super::{Out, Verdict, Verdicts};
use crate::upstream::config::health::BreakerConfig;

/// A cluster and what is believed of it.
#[derive(Debug)]
pub struct Ward {
    plan: WardPlan,
    gate: Option<Gate>,
    outliers: Option<Outliers>,
    members: BTreeMap<Box<str>, Member>,
    /// Whether there were endpoints before, so that those that come are new ones.
    has_begun: bool,
    /// Whether workers have to be told something else.
    is_changed: bool,
    /// Until when somebody's share grows.
    ramps_until_ms: Option<u64>,
}

/// What is believed of an endpoint.
#[derive(Debug)]
pub struct Member {
    /// Its breaker.
    pub gate: Option<Gate>,
    /// Its checks.
    pub checks: Option<Checks>,
    /// What the last check found wrong.
    pub complaint: Option<Complaint>,
    /// What made it unhealthy, while it is.
    pub ill_with: Option<String>,
    /// Why it is not used.
    pub out: Option<Out>,
    /// Since when it is used, or not, as it is now.
    pub since_ms: u64,
    /// When it came back.
    pub back_ms: Option<u64>,
    /// Times it was found unhealthy.
    pub fell_ill: u64,
    /// Times it was left alone, by [`super::outliers::FAULT_LABELS`].
    pub ejections: [u64; 3],
}

impl Ward {
    /// Without endpoints.
    pub fn new(plan: WardPlan, now_ms: u64) -> Self {
        Self {
            gate: plan.breaker.as_ref().map(|settings| Gate::new(settings, now_ms)),
            outliers: plan.outliers.as_ref().map(Outliers::new),
            plan,
            members: BTreeMap::new(),
            has_begun: false,
            is_changed: false,
            ramps_until_ms: None,
        }
    }

    /// What it is judged by.
    pub fn plan(&self) -> &WardPlan {
        &self.plan
    }

    /// The breaker of the cluster.
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// All endpoints.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.members.iter().map(|(label, member)| (&**label, member))
    }

    /// One endpoint.
    pub fn member(&self, label: &str) -> Option<&Member> {
        self.members.get(label)
    }

    /// Why and until when an endpoint is left alone.
    pub fn ejected(&self, label: &str) -> Option<Ejected> {
        self.outliers.as_ref()?.ejected(label)
    }

    /// Goes on with another plan. What it has in common with the one before goes on as it was.
    pub fn set(&mut self, plan: WardPlan, now_ms: u64) {
        set_gate(&mut self.gate, plan.breaker.as_ref(), now_ms);
        match (&mut self.outliers, &plan.outliers) {
            (Some(outliers), Some(settings)) => outliers.set(settings),
            (outliers, settings) => *outliers = settings.as_ref().map(Outliers::new),
        }
        let checks_anew = self.plan.health.as_ref().map(|it| (&it.check, it.port))
            != plan.health.as_ref().map(|it| (&it.check, it.port));
        for (label, member) in &mut self.members {
            set_gate(&mut member.gate, plan.endpoint_breaker.as_ref(), now_ms);
            if checks_anew {
                member.checks = plan.health.as_ref().map(|it| Checks::new(it, now_ms, seed(label, now_ms)));
                member.complaint = None;
            }
        }
        self.plan = plan;
        self.is_changed = true;
        let labels: Vec<Box<str>> = self.members.keys().cloned().collect();
        self.keep(&labels, now_ms);
        labels.iter().for_each(|label| self.settle(label, now_ms));
    }

    /// Goes on with these endpoints and no others.
    pub fn keep(&mut self, labels: &[Box<str>], now_ms: u64) {
        let mut former = std::mem::take(&mut self.members);
        for label in labels {
            let member = match former.remove(label) {
                Some(member) => member,
                None => {
                    let member = self.member_anew(label, now_ms);
                    self.came_back(member.back_ms);
                    member
                }
            };
            self.members.insert(label.clone(), member);
        }
        self.is_changed |= !former.is_empty();
        if let Some(outliers) = &mut self.outliers {
            outliers.keep(labels.iter().map(|label| &**label));
        }
        self.has_begun = true;
    }

    fn member_anew(&self, label: &str, now_ms: u64) -> Member {
        let health = self.plan.health.as_ref();
        Member {
            gate: self.plan.endpoint_breaker.as_ref().map(|settings| Gate::new(settings, now_ms)),
            checks: health.map(|it| Checks::new(it, now_ms, seed(label, now_ms))),
            complaint: None,
            ill_with: None,
            out: None,
            since_ms: now_ms,
            // Who joins a cluster that runs begins small, as who comes back does.
            back_ms: self.has_begun.then_some(now_ms),
            fell_ill: 0,
            ejections: [0; 3],
        }
    }

    /// Looks at what has come since the last look, of those endpoints of which anything has. What is to be told.
    pub fn look(&mut self, now_ms: u64, came: &[(Box<str>, Came)]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut all = Tally::default();
        for (label, came) in came {
            all.add(&came.tally);
            if let Some(outliers) = &mut self.outliers {
                outliers.report(label, now_ms, &came.tally, came.in_row);
            }
            if let Some(member) = self.members.get_mut(label) {
                self.is_changed |= member.look(label, now_ms, &came.tally, &mut events);
            }
        }
        let mut has_closed = false;
        for (label, member) in &mut self.members {
            if member.gate.as_ref().is_some_and(Gate::is_waiting) {
                self.is_changed |= member.look(label, now_ms, &Tally::default(), &mut events);
                has_closed |= !member.gate.as_ref().is_some_and(Gate::is_waiting);
            }
        }
        if has_closed {
            self.came_back(Some(now_ms));
        }
        if let Some(gate) = &mut self.gate {
            let before = gate.standing();
            if gate.look(now_ms, &all) {
                self.is_changed = true;
                turned(None, gate, before, &mut events);
            }
        }
        self.look_for_outliers(now_ms, &mut events);
        if self.ramps_until_ms.is_some_and(|until| now_ms >= until) {
            self.ramps_until_ms = None;
            self.is_changed = true;
        }
        events
    }

    fn look_for_outliers(&mut self, now_ms: u64, events: &mut Vec<Event>) {
        let Some(outliers) = &mut self.outliers else { return };
        for turn in outliers.look(now_ms) {
            let what = match turn.ejected {
                Some(ejected) => {
                    if let Some(member) = self.members.get_mut(&turn.label) {
                        member.ejections[ejected.fault.slot()] += 1;
                    }
                    What::Ejected(ejected)
                }
                None => What::Returned,
            };
            self.settle(&turn.label, now_ms);
            events.push(Event { endpoint: Some(turn.label), what });
        }
    }

    /// Takes the outcome of a check. What is different.
    pub fn checked(&mut self, label: &str, now_ms: u64, outcome: Result<(), Complaint>) -> Option<Event> {
        let (member, health) = (self.members.get_mut(label)?, self.plan.health.as_ref()?);
        let checks = member.checks.as_mut()?;
        let has_turned = checks.took(health, now_ms, outcome.is_ok());
        member.complaint = outcome.err();
        let what = match &member.complaint {
            _ if !has_turned => return None,
            Some(complaint) => {
                member.fell_ill += 1;
                member.ill_with = Some(complaint.detail.clone());
                What::Unhealthy(complaint.clone())
            }
            None => {
                member.ill_with = None;
                What::Healthy
            }
        };
        self.settle(label, now_ms);
        Some(Event { endpoint: Some(label.into()), what })
    }

    /// Holds the breaker of the cluster, or of an endpoint, or lets it go. Nothing where there is no such breaker.
    pub fn hold(&mut self, endpoint: Option<&str>, held: Held, now_ms: u64) -> Option<Vec<Event>> {
        let gate = match endpoint {
            None => self.gate.as_mut()?,
            Some(label) => self.members.get_mut(label)?.gate.as_mut()?,
        };
        let (before, mut events) = (gate.standing(), Vec::new());
        if gate.hold(held, now_ms) {
            self.is_changed = true;
            turned(endpoint, gate, before, &mut events);
        }
        Some(events)
    }

    /// True once after something has changed that workers have to be told.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Whether it has to be looked at also when nothing comes.
    pub fn is_waiting(&self) -> bool {
        self.ramps_until_ms.is_some()
            || self.gate.as_ref().is_some_and(Gate::is_waiting)
            || self.outliers.as_ref().is_some_and(Outliers::is_waiting)
            || self.members.values().any(|member| member.gate.as_ref().is_some_and(Gate::is_waiting))
    }

    /// What workers are told.
    pub fn verdicts(&self, now_ms: u64) -> Verdicts {
        let mut verdicts = Verdicts {
            cluster: self.gate.as_ref().map(Gate::breaker).unwrap_or_default(),
            ..Verdicts::default()
        };
        for (label, member) in &self.members {
            let breaker = member.gate.as_ref().map(Gate::breaker).unwrap_or_default();
            let is_young = |since: &u64| now_ms.saturating_sub(*since) < self.plan.ramp_ms;
            let back_since_ms = member.back_ms.filter(is_young);
            if member.out.is_some() || !breaker.is_closed() || back_since_ms.is_some() {
                let verdict = Verdict { out: member.out, breaker, back_since_ms };
                verdicts.endpoints.insert(label.clone(), verdict);
            }
        }
        verdicts
    }

    /// Puts together why an endpoint is not used, if it is not.
    fn settle(&mut self, label: &str, now_ms: u64) {
        let is_ejected = self.ejected(label).is_some();
        let Some(member) = self.members.get_mut(label) else { return };
        let is_ill = member.checks.as_ref().is_some_and(Checks::is_unhealthy);
        if let Some(outliers) = &mut self.outliers {
            outliers.is_out(label, is_ill);
        }
        let out = if is_ill { Some(Out::Unhealthy) } else { is_ejected.then_some(Out::Ejected) };
        if out == member.out {
            return;
        }
        member.out = out;
        member.since_ms = now_ms;
        if out.is_none() {
            member.back_ms = Some(now_ms);
            self.came_back(Some(now_ms));
        }
        self.is_changed = true;
    }

    /// Somebody's share grows from here.
    fn came_back(&mut self, back_ms: Option<u64>) {
        if let Some(back_ms) = back_ms.filter(|_| self.plan.ramp_ms > 0) {
            self.ramps_until_ms = Some(back_ms.saturating_add(self.plan.ramp_ms));
            self.is_changed = true;
        }
    }
}

impl Member {
    /// Looks at its breaker. True if workers have to be told something else.
    fn look(&mut self, label: &str, now_ms: u64, came: &Tally, events: &mut Vec<Event>) -> bool {
        let Some(gate) = &mut self.gate else { return false };
        let before = gate.standing();
        let has_turned = gate.look(now_ms, came);
        if has_turned {
            turned(Some(label), gate, before, events);
            if gate.standing() == Standing::Closed {
                self.back_ms = Some(now_ms);
            }
        }
        has_turned
    }
}

/// Every worker has to hear of it; who reads the log need not hear of each try.
fn turned(endpoint: Option<&str>, gate: &Gate, before: Standing, events: &mut Vec<Event>) {
    if before.label() != gate.standing().label() {
        let what = What::Breaker(gate.standing(), gate.cause().0);
        events.push(Event { endpoint: endpoint.map(Box::from), what });
    }
}

fn set_gate(gate: &mut Option<Gate>, settings: Option<&BreakerConfig>, now_ms: u64) {
    match (gate, settings) {
        (Some(gate), Some(settings)) => gate.set(settings),
        (gate, settings) => *gate = settings.map(|settings| Gate::new(settings, now_ms)),
    }
}

/// Different for each endpoint and each process.
fn seed(label: &str, now_ms: u64) -> u64 {
    use std::hash::BuildHasher;
    foldhash::fast::FixedState::with_seed(now_ms).hash_one(label)
}

#[cfg(test)]
#[path = "ward_tests.rs"]
mod tests;
