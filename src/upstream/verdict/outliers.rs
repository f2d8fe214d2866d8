//! Which endpoints of a cluster do so much worse than the others that they are left alone for a time.
//!
//! A plain machine of time and numbers that are merged over workers. Never leaves more of them alone than it may, the worst
//! first; those whom active checks have taken out count as left alone. Who comes back begins with nothing against him but
//! how often he was sent away.

use std::collections::BTreeMap;
use std::fmt;

use super::fuse::millis;
use super::window::{Tally, Window};
use crate::config::units::Share;
use crate::upstream::config::health::OutliersConfig;

/// Twice as long each time, so often at most: 2^30 of anything is longer than `time_max`.
const DOUBLINGS_MAX: u32 = 30;

/// Why an endpoint is left alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// So many failures in a row.
    InRow(u64),
    /// So many of so many calls failed, and of the others' at most half as many.
    Share {
        /// How many.
        failures: u64,
        /// Of how many calls.
        calls: u64,
    },
    /// Answers took so long, and those of the endpoint in the middle so long.
    Slow {
        /// Its own mean.
        mean_ms: f64,
        /// The others'.
        others_ms: f64,
    },
}

/// Labels of [`Fault`], by [`Fault::slot`].
pub const FAULT_LABELS: [&str; 3] = ["consecutive_failures", "failures", "latency"];

impl Fault {
    /// Which of [`FAULT_LABELS`] it is.
    pub const fn slot(self) -> usize {
        match self {
            Self::InRow(_) => 0,
            Self::Share { .. } => 1,
            Self::Slow { .. } => 2,
        }
    }

    /// Who goes first where not all may: more failures in a row, then a larger share, then slower ones.
    fn rank(self) -> (usize, f64) {
        match self {
            Self::InRow(failures) => (2, failures as f64),
            Self::Share { failures, calls } => (1, failures as f64 / calls.max(1) as f64),
            Self::Slow { mean_ms, others_ms } => (0, mean_ms / others_ms.max(f64::MIN_POSITIVE)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InRow(failures) => write!(f, "{failures} failures in a row"),
            Self::Share { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::Slow { mean_ms, others_ms } => {
                write!(f, "answers took {mean_ms:.0} ms, those of others {others_ms:.0} ms")
            }
        }
    }
}

/// What is different now.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Of which endpoint.
    pub label: Box<str>,
    /// Why and until when it is left alone; it comes back where there is nothing.
    pub ejected: Option<Ejected>,
}

/// Why and for how long an endpoint is left alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ejected {
    /// Why.
    pub fault: Fault,
    /// Since when.
    pub since_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// The endpoints of one cluster, as their traffic tells of them.
#[derive(Debug, Clone)]
pub struct Outliers {
    settings: OutliersConfig,
    members: BTreeMap<Box<str>, Member>,
}

#[derive(Debug, Clone)]
struct Member {
    window: Window,
    /// Failures since the last success, on all workers.
    in_row: u64,
    ejected: Option<Ejected>,
    /// Times it was sent away without having been well for long in between.
    times: u32,
    /// When it came back, or one of those times was forgiven.
    back_ms: u64,
    /// Whether others have taken it out already.
    is_out: bool,
}

impl Outliers {
    /// Without endpoints.
    pub fn new(settings: &OutliersConfig) -> Self {
        Self { settings: settings.clone(), members: BTreeMap::new() }
    }

    /// Goes on with other settings; who is left alone stays so for as long as it was said.
    pub fn set(&mut self, settings: &OutliersConfig) {
        if self.settings.window != settings.window {
            let window = Window::new(millis(settings.window));
            self.members.values_mut().for_each(|member| member.window = window.clone());
        }
        self.settings = settings.clone();
    }

    /// Goes on with these endpoints and no others.
    pub fn keep<'a>(&mut self, labels: impl Iterator<Item = &'a str>) {
        let mut former = std::mem::take(&mut self.members);
        for label in labels {
            let member = former.remove(label).unwrap_or_else(|| Member {
                window: Window::new(millis(self.settings.window)),
                in_row: 0,
                ejected: None,
                times: 0,
                back_ms: 0,
                is_out: false,
            });
            self.members.insert(label.into(), member);
        }
    }

    /// Takes what has come of an endpoint since the last look. `in_row` are its failures since the last success on any
    /// worker, as far as that is known, where there was a success among what came.
    pub fn report(&mut self, label: &str, now_ms: u64, came: &Tally, in_row: u64) {
        let Some(member) = self.members.get_mut(label) else { return };
        // What was on its way when it was sent away says nothing new.
        if member.ejected.is_some() {
            return;
        }
        member.window.add(now_ms, came);
        member.in_row = match came.successes {
            0 => member.in_row.saturating_add(came.failures),
            _ => in_row.min(came.failures),
        };
    }

    /// Says whether others have taken an endpoint out.
    pub fn is_out(&mut self, label: &str, is_out: bool) {
        if let Some(member) = self.members.get_mut(label) {
            member.is_out = is_out;
        }
    }

    /// Who is left alone, and why.
    pub fn ejected(&self, label: &str) -> Option<Ejected> {
        self.members.get(label)?.ejected
    }

    /// Whether somebody is left alone, so that it has to be looked at also when nothing comes.
    pub fn is_waiting(&self) -> bool {
        self.members.values().any(|member| member.ejected.is_some())
    }

    /// Decides. What is different now.
    pub fn look(&mut self, now_ms: u64) -> Vec<Turn> {
        let mut turns = self.back(now_ms);
        let sums: Vec<Tally> = self.members.values_mut().map(|member| member.window.sum(now_ms)).collect();
        let mut suspects: Vec<(Box<str>, Fault)> = Vec::new();
        for (at, (label, member)) in self.members.iter().enumerate() {
            if member.ejected.is_some() {
                continue;
            }
            if let Some(fault) = self.fault(at, member.in_row, &sums) {
                suspects.push((label.clone(), fault));
            }
        }
        suspects.sort_by(|(_, a), (_, b)| {
            let ((a, a_much), (b, b_much)) = (a.rank(), b.rank());
            b.cmp(&a).then(b_much.total_cmp(&a_much))
        });
        for (label, fault) in suspects {
            if let Some(ejected) = self.send_away(&label, fault, now_ms) {
                turns.push(Turn { label, ejected: Some(ejected) });
            }
        }
        turns
    }

    /// Takes back whose time is over, and forgives who has been well for long.
    fn back(&mut self, now_ms: u64) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (label, member) in &mut self.members {
            match member.ejected {
                Some(ejected) if now_ms >= ejected.until_ms => {
                    member.ejected = None;
                    member.in_row = 0;
                    member.window.clear();
                    member.back_ms = now_ms;
                    turns.push(Turn { label: label.clone(), ejected: None });
                }
                None if member.times > 0 => {
                    // Having been in for as long as it was out the last time, it is as if that had not been.
                    let calm_ms = away_ms(&self.settings, member.times - 1);
                    if now_ms.saturating_sub(member.back_ms) >= calm_ms {
                        member.times -= 1;
                        member.back_ms = now_ms;
                    }
                }
                _ => {}
            }
        }
        turns
    }

    /// What is wrong with the endpoint at this place, if something is.
    fn fault(&self, at: usize, in_row: u64, sums: &[Tally]) -> Option<Fault> {
        let settings = &self.settings;
        if settings.consecutive_failures > 0 && in_row >= u64::from(settings.consecutive_failures) {
            return Some(Fault::InRow(in_row));
        }
        let (own, enough) = (&sums[at], u64::from(settings.calls));
        if own.calls() < enough {
            return None;
        }
        if settings.failures > Share::NONE && own.failure_share() >= settings.failures.fraction() {
            let mut others = Tally::default();
            sums.iter().enumerate().filter(|(other, _)| *other != at).for_each(|(_, sum)| others.add(sum));
            if others.calls() > 0 && others.failure_share() <= own.failure_share() / 2.0 {
                return Some(Fault::Share { failures: own.failures, calls: own.calls() });
            }
        }
        let slower = settings.latency.as_ref().filter(|_| own.successes >= enough)?;
        let mut means: Vec<f64> = sums
            .iter()
            .enumerate()
            .filter(|(other, sum)| *other != at && sum.successes >= enough)
            .map(|(_, sum)| sum.mean_nanos())
            .collect();
        means.sort_by(f64::total_cmp);
        // Of an even number the larger one of those in the middle: rather one sent away too few.
        let middle = *means.get(means.len() / 2)?;
        let (mean, by) = (own.mean_nanos(), slower.by.duration().as_nanos() as f64);
        (mean >= middle * slower.times && mean >= middle + by)
            .then_some(Fault::Slow { mean_ms: mean / 1e6, others_ms: middle / 1e6 })
    }

    fn send_away(&mut self, label: &str, fault: Fault, now_ms: u64) -> Option<Ejected> {
        let out = self.members.values().filter(|member| member.ejected.is_some() || member.is_out).count();
        let room = self.members.len() as u64 * u64::from(self.settings.share_max.millionths()) / 1_000_000;
        let member = self.members.get_mut(label)?;
        // Who is out already takes no room.
        let needed = out as u64 + u64::from(!member.is_out);
        if needed > room {
            return None;
        }
        let until_ms = now_ms.saturating_add(away_ms(&self.settings, member.times));
        let ejected = Ejected { fault, since_ms: now_ms, until_ms };
        member.ejected = Some(ejected);
        member.times = member.times.saturating_add(1);
        Some(ejected)
    }
}

/// How long who was sent away so often before is left alone.
fn away_ms(settings: &OutliersConfig, times: u32) -> u64 {
    let first = millis(settings.time);
    first.saturating_mul(1 << times.min(DOUBLINGS_MAX)).min(millis(settings.time_max).max(first))
}

#[cfg(test)]
#[path = "outliers_tests.rs"]
mod tests;
