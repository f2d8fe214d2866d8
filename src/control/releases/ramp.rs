//! One step of a ramp: a variant is watched against the others for as long as they serve side by side.
//!
//! Arithmetic on figures that are given to it: it reads no clock and no counters. The statistics are the rollout's
//! ([`Judge`]), which may be looked at as often as one likes. Here is no past to compare with: both sides answer at the
//! same time, which is the better comparison.

use std::time::Duration;

use crate::control::config::changes::RolloutConfig;
use crate::control::rollout::breach::{Breach, Kind, millis, share};
use crate::control::rollout::evidence::Count;
use crate::control::rollout::judge::Judge;
use crate::control::rollout::sample::{Sample, Side};
use crate::proxy::release::config::{RampConfig, StepConfig};

/// Most reasons that are given for stopping a variant.
const REASONS_MAX: usize = 3;

/// A step that is being watched.
#[derive(Debug)]
pub struct Watch {
    variant: usize,
    hold: Duration,
    since: Duration,
    watched: Duration,
    /// What each variant had done when it began.
    base: Vec<Sample>,
    /// Copies of the route's requests by then.
    pairs: Pairs,
    /// How many of them may be answered otherwise, and how many there have to be.
    mismatches: Option<(f64, u64)>,
    judge: Judge,
}

/// Copies of a route's requests whose answers were compared with the originals'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pairs {
    /// All of them.
    pub compared: u64,
    /// Those that were another.
    pub mismatched: u64,
}

/// What a look says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It goes on being watched: this is what is waited for.
    Waits(&'static str),
    /// It has done well for long enough.
    Passed,
    /// It is worse than the others.
    Worse(String),
}

impl Watch {
    /// Begins now. `done` is what each variant has done by now, and what has come of copies.
    pub fn new(
        ramp: &RampConfig,
        step: &StepConfig,
        variant: usize,
        now: Duration,
        done: (&[Sample], Pairs),
    ) -> Self {
        let gate = &ramp.gate;
        let settings = RolloutConfig {
            hold: step.hold,
            requests: gate.requests,
            errors: gate.errors,
            rejections: gate.rejections,
            latency: gate.latency,
            latency_min: gate.latency_min,
            false_alarms: gate.false_alarms,
            ..RolloutConfig::default()
        };
        let judge = Judge::new(&settings, 1, ramp.steps.len(), Side::default(), Some(Side::default()));
        let (hold, watched) = (step.hold.duration(), Duration::ZERO);
        let mismatches = gate.mismatches.map(|share| (share.fraction(), u64::from(gate.requests)));
        Self { variant, hold, since: now, watched, base: done.0.to_vec(), pairs: done.1, mismatches, judge }
    }

    /// Looks, about once a second.
    pub fn look(&mut self, now: Duration, (samples, pairs): (&[Sample], Pairs)) -> Found {
        self.watched = now.saturating_sub(self.since);
        let (new, old) = self.sides(samples);
        let breaches = self.judge.look(self.watched, new, old);
        if !breaches.is_empty() {
            let reasons: Vec<String> = breaches.iter().take(REASONS_MAX).map(text).collect();
            return Found::Worse(reasons.join("; "));
        }
        let has_copies = match self.differ(pairs) {
            Err(reason) => return Found::Worse(reason),
            Ok(has_enough) => has_enough,
        };
        if self.watched < self.hold {
            return Found::Waits("its time");
        }
        if !self.judge.has_enough() {
            return Found::Waits("more requests");
        }
        if !has_copies {
            return Found::Waits("more copies to compare");
        }
        if self.judge.is_in_doubt() {
            return Found::Waits("certainty: something looks worse, but that may be chance");
        }
        Found::Passed
    }

    /// Whether enough copies were compared, where they are looked at. The error says that too many differ.
    fn differ(&self, pairs: Pairs) -> Result<bool, String> {
        let Some((share_max, enough)) = self.mismatches else { return Ok(true) };
        let compared = pairs.compared.saturating_sub(self.pairs.compared);
        let count = Count::new(pairs.mismatched.saturating_sub(self.pairs.mismatched), compared);
        if compared >= enough && count.share() > share_max {
            return Err(format!("of the copies of its shadow {} were answered otherwise", share(count)));
        }
        Ok(compared >= enough)
    }

    /// How long it has been watched.
    pub fn watched(&self) -> Duration {
        self.watched
    }

    /// Requests since it began: of the variant, of the others.
    pub fn requests(&self) -> (u64, u64) {
        self.judge.requests()
    }

    /// What the variant did since the step began, and what the others did.
    fn sides(&self, samples: &[Sample]) -> (Side, Side) {
        let (mut new, mut old) = (Side::default(), Side::default());
        for (at, sample) in samples.iter().enumerate() {
            let nothing = Sample::default();
            let since = sample.since(self.base.get(at).unwrap_or(&nothing));
            if at == self.variant { &mut new } else { &mut old }.overall.add(&since);
        }
        (new, old)
    }
}

/// What is worse, for people.
fn text(breach: &Breach) -> String {
    if let Some((new, old)) = breach.p95 {
        return format!("p95 {} against {} of the others", millis(new), millis(old));
    }
    let what = if breach.kind == Kind::ClientErrors { "4xx" } else { "5xx" };
    format!("{what} {} against {} of the others", share(breach.new), share(breach.old))
}
