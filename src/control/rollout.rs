//! A staged rollout: a new configuration on some workers first, on all if it does well, back on none if it does not.
//!
//! A state machine that is asked about once a second and says what to do: it installs nothing itself, reads no clock and
//! no counters, and decides nothing about the statistics ([`judge`]). Every path ends: a step that is not paused takes
//! `hold_max` at most.

pub mod breach;
pub mod evidence;
pub mod figures;
pub mod judge;
pub mod reading;
pub mod sample;
#[cfg(test)]
mod tests;
mod track;

use std::time::Duration;

use serde::Serialize;

use super::config::changes::RolloutConfig;
use judge::Judge;
use sample::Reading;

/// Most reasons that are given for taking a configuration back.
const REASONS_MAX: usize = 5;
/// How long a step is watched where there is no traffic, and was none before.
const IDLE_HOLD: Duration = Duration::from_secs(2);
/// A worker with less than this part of an equal share of the requests has too few to be the first.
const QUIET_PART: f64 = 0.2;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until the next look.
    Wait,
    /// The new configuration goes to these workers too; [`Rollout::installed`] is to be called when they run it.
    Install(Vec<usize>),
    /// These workers go back to the one before; the rollout is over.
    TakeBack {
        /// Those that run the new one.
        workers: Vec<usize>,
        /// A sentence.
        reason: String,
    },
    /// All workers run it and it stays; the rollout is over. What an operator should know.
    Done(Vec<String>),
}

/// A rollout.
#[derive(Debug)]
pub struct Rollout {
    settings: RolloutConfig,
    /// Workers in the order in which they get it.
    order: Vec<usize>,
    /// How many have it at each step.
    sizes: Vec<usize>,
    routes: usize,
    past: (Reading, Reading),
    step: usize,
    phase: Phase,
    order_given: Option<Given>,
    is_paused: bool,
    remarks: Vec<String>,
}

/// An order that is carried out at the next look.
#[derive(Debug)]
enum Given {
    Promote,
    Abort(String),
}

#[derive(Debug)]
enum Phase {
    /// Nothing has been done yet.
    Fresh,
    /// Workers are on their way to the step's size.
    Installing,
    /// The step's workers run it since then.
    Watching { since: Duration, base: Box<Reading>, judge: Box<Judge> },
    /// All run it, on somebody's word.
    Promoted,
    /// It is over.
    Over,
}

/// What is told of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolloutView {
    /// Which step, from 1.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// Workers that run the new configuration, or are about to.
    pub workers: Vec<usize>,
    /// Whether it stays at its step until somebody says otherwise.
    pub is_paused: bool,
    /// How long this step has been watched, in milliseconds.
    pub watched_ms: u64,
    /// How long it is to be watched if all is well, in milliseconds.
    pub hold_ms: u64,
    /// Requests since the step began, on workers with the new configuration.
    pub requests: u64,
    /// Requests since the step began, on the others.
    pub requests_others: u64,
    /// What an operator should know.
    pub remarks: Vec<String>,
}

impl Rollout {
    /// A rollout over `workers` workers of a configuration with so many routes. `past` is where the past that it is
    /// compared with begins and where it ends, which is now.
    pub fn new(settings: &RolloutConfig, workers: usize, routes: usize, past: (Reading, Reading)) -> Self {
        let workers = workers.max(1);
        let mut sizes: Vec<usize> = settings.steps.iter().map(|step| step.of(workers)).collect();
        sizes.push(workers);
        // Of steps that come to as many workers one is enough.
        sizes.dedup();
        Self {
            settings: settings.clone(),
            order: order(workers, &past),
            sizes,
            routes,
            past,
            step: 0,
            phase: Phase::Fresh,
            order_given: None,
            is_paused: false,
            remarks: Vec::new(),
        }
    }

    /// Looks, about once a second, and says what to do. `now` is the time since any moment.
    pub fn next(&mut self, now: Duration, reading: &Reading) -> Action {
        match self.order_given.take() {
            Some(given) if self.phase.is_installing() => self.order_given = Some(given),
            Some(Given::Abort(reason)) if !self.is_over() => return self.take_back(reason),
            Some(Given::Promote) if !self.is_over() => return self.promote_now(),
            _ => {}
        }
        match &self.phase {
            Phase::Over | Phase::Installing => Action::Wait,
            Phase::Promoted => self.done(),
            Phase::Fresh => self.install(),
            Phase::Watching { since, .. } => {
                let watched = now.saturating_sub(*since);
                self.watch(watched, reading)
            }
        }
    }

    /// The workers of the last [`Action::Install`] run the new configuration. `reading` is what the workers have done by
    /// now: what comes after it is what is compared.
    pub fn installed(&mut self, now: Duration, reading: Reading) {
        if !self.phase.is_installing() {
            return;
        }
        let has_all = self.sizes[self.step] == self.order.len();
        if has_all && (self.step > 0 || matches!(self.order_given, Some(Given::Promote))) {
            // Nobody is left to compare with, and the steps before have been judged.
            self.phase = Phase::Promoted;
            return;
        }
        let (new, old) = self.order.split_at(self.sizes[self.step]);
        let past = |workers: &[usize]| self.past.1.since(&self.past.0, workers);
        let past_old = (!old.is_empty()).then(|| past(old));
        let judge = Judge::new(&self.settings, self.routes, self.judged_steps(), past(new), past_old);
        self.phase = Phase::Watching { since: now, base: Box::new(reading), judge: Box::new(judge) };
    }

    /// Workers could not be brought to run it: it is taken back from all.
    pub fn failed(&mut self, reason: impl Into<String>) -> Action {
        self.take_back(reason.into())
    }

    /// Stays at its step until it is resumed, promoted or aborted. It is taken back all the same if it does badly.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Goes on.
    pub fn resume(&mut self) {
        self.is_paused = false;
    }

    /// To all workers at the next look, without further steps.
    pub fn promote(&mut self) {
        self.order_given = Some(Given::Promote);
    }

    /// Back at the next look.
    pub fn abort(&mut self, reason: impl Into<String>) {
        self.order_given = Some(Given::Abort(reason.into()));
    }

    /// Whether it is over, one way or the other.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Workers that run the new configuration, or are about to.
    pub fn workers(&self) -> &[usize] {
        match self.phase {
            Phase::Fresh => &[],
            _ => &self.order[..self.sizes[self.step]],
        }
    }

    /// What is to be told of it.
    pub fn view(&self, now: Duration) -> RolloutView {
        let (watched, requests) = match &self.phase {
            Phase::Watching { since, judge, .. } => (now.saturating_sub(*since), judge.requests()),
            _ => (Duration::ZERO, (0, 0)),
        };
        RolloutView {
            step: self.step + 1,
            steps: self.sizes.len(),
            workers: self.workers().to_vec(),
            is_paused: self.is_paused,
            watched_ms: watched.as_millis() as u64,
            hold_ms: self.settings.hold.duration().as_millis() as u64,
            requests: requests.0,
            requests_others: requests.1,
            remarks: self.remarks.clone(),
        }
    }

    /// Steps that are watched: all but the last, or the only one.
    fn judged_steps(&self) -> usize {
        (self.sizes.len() - 1).max(1)
    }

    fn install(&mut self) -> Action {
        let has = match self.phase {
            Phase::Fresh => 0,
            _ => {
                self.step += 1;
                self.sizes[self.step - 1]
            }
        };
        self.phase = Phase::Installing;
        Action::Install(self.order[has..self.sizes[self.step]].to_vec())
    }

    fn promote_now(&mut self) -> Action {
        let has = self.workers().len();
        self.step = self.sizes.len() - 1;
        if has == self.order.len() {
            return self.done();
        }
        self.remarks.push("brought to all workers without further steps, as it was told".to_owned());
        self.phase = Phase::Installing;
        // So that it is not watched when it is there.
        self.order_given = Some(Given::Promote);
        Action::Install(self.order[has..].to_vec())
    }

    fn watch(&mut self, watched: Duration, reading: &Reading) -> Action {
        let (new, old) = self.order.split_at(self.sizes[self.step]);
        let Phase::Watching { base, judge, .. } = &mut self.phase else { return Action::Wait };
        let breaches = judge.look(watched, reading.since(base, new), reading.since(base, old));
        if !breaches.is_empty() {
            let is_alone = judge.is_alone();
            let reasons: Vec<_> =
                breaches.iter().take(REASONS_MAX).map(|breach| breach.text(is_alone)).collect();
            return self.take_back(reasons.join("; "));
        }
        // Where nobody comes, there is nothing to wait for.
        let hold = self.settings.hold.duration();
        let hold = if judge.has_traffic() { hold } else { hold.min(IDLE_HOLD) };
        if self.is_paused || watched < hold {
            return Action::Wait;
        }
        if let Some(remark) = unsettled(judge, self.step + 1) {
            let may_be_settled =
                judge.is_in_doubt() || may_have_enough(&self.settings, judge.requests(), watched);
            if judge.has_traffic() && may_be_settled && watched < self.settings.hold_max.duration() {
                return Action::Wait;
            }
            self.remarks.push(remark);
        }
        if self.step + 1 < self.sizes.len() { self.install() } else { self.done() }
    }

    fn take_back(&mut self, reason: String) -> Action {
        let workers = self.workers().to_vec();
        self.phase = Phase::Over;
        Action::TakeBack { workers, reason }
    }

    fn done(&mut self) -> Action {
        self.phase = Phase::Over;
        Action::Done(std::mem::take(&mut self.remarks))
    }
}

impl Phase {
    fn is_installing(&self) -> bool {
        matches!(self, Self::Installing)
    }
}

/// Whether a step may still come to as many requests as are needed, if twice as many come as so far, and all of them to its
/// workers.
fn may_have_enough(settings: &RolloutConfig, (new, old): (u64, u64), watched: Duration) -> bool {
    let left = settings.hold_max.duration().as_secs_f64() / watched.as_secs_f64().max(1.0);
    (new + old) as f64 * left * 2.0 >= f64::from(settings.requests)
}

/// Why a step's time is up without a clear result.
fn unsettled(judge: &Judge, step: usize) -> Option<String> {
    let (new, old) = judge.requests();
    if new + old == 0 {
        return Some(format!("step {step}: no request came, so nothing could be compared"));
    }
    if !judge.has_enough() {
        let against = if judge.is_alone() { "before".to_owned() } else { format!("{old} on the others") };
        return Some(format!(
            "step {step}: too few requests to compare ({new} with the new configuration, {against})"
        ));
    }
    judge.is_in_doubt().then(|| format!("step {step}: something looked worse, but that may have been chance"))
}

/// Who gets it in which order: the least busy first, but those with hardly anything to do last. What goes wrong then
/// touches few, and it can be seen.
fn order(workers: usize, past: &(Reading, Reading)) -> Vec<usize> {
    let requests: Vec<u64> =
        (0..workers).map(|worker| past.1.since(&past.0, &[worker]).overall.requests).collect();
    let equal = requests.iter().sum::<u64>() as f64 / workers as f64;
    let mut order: Vec<usize> = (0..workers).collect();
    order.sort_by_key(|&worker| ((requests[worker] as f64) < equal * QUIET_PART, requests[worker]));
    order
}
