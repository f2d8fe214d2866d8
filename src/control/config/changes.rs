//! The written form of how configurations change: staged rollout, history, old generations.
//!
//! Shapes and defaults only. A change is carried out as the configuration says that it brings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Share, Span, UnitError, WorkerPart};
use crate::control::history::KEEP_DEFAULT;
use crate::policy::switch::Switch;

/// How a new configuration comes into force, and what is kept of former ones.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangesConfig {
    /// Brings a new configuration to some workers first, and takes it back if they fare worse with it. `off` brings it
    /// to all workers at once.
    pub rollout: Switch<RolloutConfig>,
    /// Generations that are kept on disk, where there is a folder for them. 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub history: u32,
    /// How long exchanges and connections may go on with a generation that is no longer in force. Default: as long as
    /// they like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_generations: Option<Span>,
}

impl Default for ChangesConfig {
    fn default() -> Self {
        Self {
            rollout: Switch::On(RolloutConfig::default()),
            history: KEEP_DEFAULT as u32,
            old_generations: None,
        }
    }
}

/// Steps of a rollout, and what is too much worse. The workers with the new configuration are compared with those
/// without it and with what they were themselves, and only what is worse than both counts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Which part of the workers runs it at each step. After the last one all do.
    #[schemars(length(min = 1))]
    pub steps: Vec<WorkerPart>,
    /// How long each step is watched.
    pub hold: Span,
    /// How long a step may be watched where there is traffic, but too little to judge. Then the rollout goes on and says
    /// so.
    pub hold_max: Span,
    /// Requests that the workers of a step must have served to be judged.
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// How much larger the share of answers of 500 and above may be, overall, by route and by the gateway's own codes.
    pub errors: Share,
    /// How much larger the share of answers of 400 to 499 may be, and of requests that a policy refuses.
    pub rejections: Share,
    /// How many times longer the slowest twentieth of the exchanges may take (the 95th percentile), overall and by route.
    pub latency: f64,
    /// How much longer it must take at least to count.
    pub latency_min: Span,
    /// How often a configuration that changes nothing may be taken back by chance, over all comparisons of a rollout.
    pub false_alarms: Share,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self {
            steps: vec![WorkerPart::Count(1), WorkerPart::Share(Share::ALL)],
            hold: Span::from_secs(10),
            hold_max: Span::from_secs(60),
            requests: 20,
            errors: Share::percent(1),
            rejections: Share::percent(5),
            latency: 1.5,
            latency_min: Span::from_millis(20),
            false_alarms: Share::one_in(1_000),
        }
    }
}

impl ChangesConfig {
    /// The steps of a rollout, unless it is off.
    pub fn rollout(&self) -> Option<&RolloutConfig> {
        self.rollout.settings()
    }

    /// What cannot be meant, with the path below `changes`.
    pub fn problems(&self) -> Vec<(String, UnitError)> {
        let mut problems = Vec::new();
        let mut refuse = |path: &str, reason: String, hint: &str| {
            problems.push((path.to_owned(), UnitError::new(reason).hint(hint)));
        };
        if let Some(span) = self.old_generations.filter(|span| span.is_zero()) {
            refuse(
                "old_generations",
                format!("{span} would cut every exchange"),
                "write 1h, or leave it out",
            );
        }
        let Some(rollout) = self.rollout() else { return problems };
        let mut before = 0;
        for (at, step) in rollout.steps.iter().enumerate() {
            // Counts and shares are compared as if there were very many workers, where a count is nearly nothing.
            let size = match step {
                WorkerPart::Count(count) => u32::from(*count),
                WorkerPart::Share(share) => 65_536 + share.millionths(),
            };
            if size <= before {
                refuse(
                    &format!("rollout.steps[{at}]"),
                    format!("{step} is not more than the step before"),
                    "let the steps grow: 1 worker, 25%, 100%",
                );
            }
            before = size;
        }
        if rollout.hold > rollout.hold_max {
            refuse(
                "rollout.hold_max",
                format!("{} is less than hold, {}", rollout.hold_max, rollout.hold),
                "make hold_max at least hold",
            );
        }
        if !(1.0..=1_000.0).contains(&rollout.latency) {
            refuse("rollout.latency", format!("{} is not from 1 to 1000", rollout.latency), "write 1.5");
        }
        if rollout.false_alarms == Share::NONE || rollout.false_alarms > Share::percent(20) {
            refuse(
                "rollout.false_alarms",
                format!("{} is not from 0.0001% to 20%", rollout.false_alarms),
                "write 0.1%",
            );
        }
        problems
    }
}
