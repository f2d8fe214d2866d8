//! A cluster under traffic, simulated: endpoints that fail in phases, workers that hear of verdicts a tick late.
//!
//! The machines under test decide; the simulation sends, counts as workers do, and settles probes. Time is simulated, and
//! everything follows from a seed.

use std::collections::VecDeque;

use ringgate::telemetry::xorshift::Xorshift;
use ringgate::upstream::verdict::checks::ComplaintKind;
use ringgate::upstream::verdict::ward::{Came, Event, Ward, WardPlan};
use ringgate::upstream::verdict::window::Tally;
use ringgate::upstream::verdict::{Breaker, Verdicts};

/// Between two looks.
pub const LOOK_MS: u64 = 250;

/// An endpoint, for a time.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    /// Until when.
    pub until_ms: u64,
    /// Share of requests that fail.
    pub failing: f64,
    /// How long answers take.
    pub took_ms: u64,
}

/// One call as it was, to judge the judges by.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub at_ms: u64,
    pub endpoint: usize,
    pub passed: bool,
}

pub struct Simulation {
    pub ward: Ward,
    pub labels: Vec<Box<str>>,
    pub now_ms: u64,
    /// All calls of the last minute.
    pub calls: VecDeque<Call>,
    /// Calls that no endpoint got, since the beginning.
    pub refused: u64,
    /// The most probes of one breaker that were out at a time.
    pub probes_most: usize,
    phases: Vec<Vec<Phase>>,
    random: Xorshift,
    /// By worker and endpoint: failures since the last success.
    in_row: Vec<Vec<u64>>,
    /// What workers believe, the newest last: they are a look behind.
    told: Vec<Verdicts>,
}

impl Simulation {
    pub fn new(seed: u64, plan: WardPlan, workers: usize, phases: Vec<Vec<Phase>>) -> Self {
        let labels: Vec<Box<str>> = (0..phases.len()).map(|at| format!("10.0.0.{at}:80").into()).collect();
        let mut ward = Ward::new(plan, 0);
        ward.keep(&labels, 0);
        Self {
            ward,
            now_ms: 0,
            calls: VecDeque::new(),
            refused: 0,
            probes_most: 0,
            in_row: vec![vec![0; phases.len()]; workers],
            labels,
            phases,
            random: Xorshift::new(seed),
            told: vec![Verdicts::default()],
        }
    }

    /// A number from 0 to 1.
    pub fn chance(&self) -> f64 {
        (self.random.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn phase(&self, endpoint: usize) -> Phase {
        let phases = &self.phases[endpoint];
        *phases.iter().find(|phase| self.now_ms < phase.until_ms).unwrap_or(&phases[phases.len() - 1])
    }

    /// Sends so many requests, checks where checks are due, and looks.
    pub fn step(&mut self, requests: usize) -> Vec<Event> {
        self.now_ms += LOOK_MS;
        while self.calls.front().is_some_and(|call| call.at_ms + 60_000 < self.now_ms) {
            self.calls.pop_front();
        }
        let mut came = vec![Came::default(); self.labels.len()];
        let mut had_success = vec![vec![false; self.labels.len()]; self.in_row.len()];
        for _ in 0..requests {
            self.send(&mut came, &mut had_success);
        }
        for (endpoint, came) in came.iter_mut().enumerate() {
            let rows = self.in_row.iter().zip(&had_success).filter(|(_, had)| had[endpoint]);
            came.in_row = rows.map(|(row, _)| row[endpoint]).min().unwrap_or(0);
        }
        let came: Vec<_> =
            self.labels.iter().cloned().zip(came).filter(|(_, it)| it.tally.calls() > 0).collect();
        let mut events = self.check();
        events.extend(self.ward.look(self.now_ms, &came));
        if self.told.len() > 1 {
            self.told.remove(0);
        }
        if self.ward.take_change() {
            self.told.push(self.ward.verdicts(self.now_ms));
        }
        events
    }

    fn send(&mut self, came: &mut [Came], had_success: &mut [Vec<bool>]) {
        let worker = self.random.next() as usize % self.in_row.len();
        let told = &self.told[0];
        let cluster = match &told.cluster {
            Breaker::Closed => None,
            Breaker::Open { .. } => return self.refused += 1,
            Breaker::HalfOpen(slot) => match slot.try_take() {
                Some(probe) => Some(probe),
                None => return self.refused += 1,
            },
        };
        let first = self.random.next() as usize % self.labels.len();
        for at in 0..self.labels.len() {
            let endpoint = (first + at) % self.labels.len();
            let verdict = told.endpoints.get(&self.labels[endpoint]);
            if verdict.is_some_and(|verdict| verdict.out.is_some()) {
                continue;
            }
            let probe = match verdict.map(|verdict| &verdict.breaker) {
                None | Some(Breaker::Closed) => None,
                Some(Breaker::Open { .. }) => continue,
                Some(Breaker::HalfOpen(slot)) => match slot.try_take() {
                    Some(probe) => {
                        self.probes_most = self.probes_most.max(1 + usize::from(slot.try_take().is_some()));
                        Some(probe)
                    }
                    None => continue,
                },
            };
            let phase = self.phase(endpoint);
            let passed = self.chance() >= phase.failing;
            let row = &mut self.in_row[worker][endpoint];
            *row = if passed { 0 } else { *row + 1 };
            had_success[worker][endpoint] |= passed;
            let (successes, failures) = (u64::from(passed), u64::from(!passed));
            came[endpoint].tally.add(&Tally {
                successes,
                failures,
                slow: 0,
                nanos: successes * phase.took_ms * 1_000_000,
            });
            self.calls.push_back(Call { at_ms: self.now_ms, endpoint, passed });
            if let Some(probe) = probe {
                probe.settle(passed);
            }
            if let Some(probe) = cluster {
                probe.settle(passed);
            }
            return;
        }
        // A probe that nobody can be asked with goes back.
        self.refused += 1;
    }

    fn check(&mut self) -> Vec<Event> {
        let now_ms = self.now_ms;
        let is_due = |label: &str| {
            let member = self.ward.member(label);
            member.and_then(|it| it.checks.as_ref()).is_some_and(|checks| checks.due_ms() <= now_ms)
        };
        let due: Vec<usize> = (0..self.labels.len()).filter(|at| is_due(&self.labels[*at])).collect();
        let outcomes: Vec<_> = due.iter().map(|at| self.chance() >= self.phase(*at).failing).collect();
        let mut events = Vec::new();
        for (at, passed) in due.into_iter().zip(outcomes) {
            let outcome = if passed { Ok(()) } else { Err(ComplaintKind::Status.because("status 500")) };
            events.extend(self.ward.checked(&self.labels[at], now_ms, outcome));
        }
        events
    }
}
