//! One step of a ramp: a variant is watched against the others for as long as they serve side by side.
//!
//! Arithmetic on figures that are given to it: it reads no clock and no counters. The statistics are the rollout's
//! ([`Judge`]), which may be looked at as often as one likes. Here is no past to compare with: both sides answer at the
//! same time, which is the better comparison.

use std::time::Duration;

use crate::control::config::changes::RolloutConfig;
use crate::control::rollout::breach::{Breach, Kind, millis, share};
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
    judge: Judge,
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
    /// Begins now. `samples` is what each variant has done by now.
    pub fn new(
        ramp: &RampConfig,
        step: &StepConfig,
        variant: usize,
        now: Duration,
        samples: &[Sample],
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
        Self { variant, hold, since: now, watched, base: samples.to_vec(), judge }
    }

    /// Looks, about once a second.
    pub fn look(&mut self, now: Duration, samples: &[Sample]) -> Found {
        self.watched = now.saturating_sub(self.since);
        let (new, old) = self.sides(samples);
        let breaches = self.judge.look(self.watched, new, old);
        if !breaches.is_empty() {
            let reasons: Vec<String> = breaches.iter().take(REASONS_MAX).map(text).collect();
            return Found::Worse(reasons.join("; "));
        }
        if self.watched < self.hold {
            return Found::Waits("its time");
        }
        if !self.judge.has_enough() {
            return Found::Waits("more requests");
        }
        if self.judge.is_in_doubt() {
            return Found::Waits("certainty: something looks worse, but that may be chance");
        }
        Found::Passed
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
