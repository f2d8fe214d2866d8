//! What is told of rollouts: counts for metrics, and a report for who asks.

use serde::Serialize;

use super::RolloutView;
use crate::shared::{Counter, Gauge};

/// How rollouts went. The steward is the only writer.
#[derive(Debug, Default)]
pub struct RolloutFigures {
    /// Brought to all workers.
    pub done: Counter,
    /// Taken back because workers fared worse.
    pub taken_back: Counter,
    /// Taken back because somebody said so.
    pub aborted: Counter,
    /// Taken back because another configuration came.
    pub superseded: Counter,
    /// Step of the one under way, from 1; 0 without one.
    pub step: Gauge,
    /// Workers that run its configuration.
    pub workers: Gauge,
    /// 1 while it is paused.
    pub is_paused: Gauge,
    /// When one was last taken back by itself, in seconds since 1970.
    pub taken_back_seconds: Gauge,
    /// Last known good generation on disk; 0 without one.
    pub good_generation: Gauge,
    /// Generations on disk.
    pub kept_on_disk: Gauge,
    /// What could not be written to disk.
    pub write_failures: Gauge,
    /// 1 if the gateway started with the last known good generation instead of its source.
    pub started_from_last_good: Gauge,
}

/// The rollout that is under way, or was last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolloutReport {
    /// The generation that is brought to the workers.
    pub generation: u64,
    /// The generation in force meanwhile.
    pub against: u64,
    /// What has become of it.
    pub state: RolloutState,
    /// Why it was taken back.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_unix_ms: Option<u64>,
    /// How far it is, or was.
    #[serde(flatten)]
    pub view: RolloutView,
}

/// What has become of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Some workers run it, and are watched.
    UnderWay,
    /// All run it.
    Done,
    /// Taken back because workers fared worse.
    TakenBack,
    /// Taken back because somebody said so.
    Aborted,
    /// Taken back because another configuration came.
    Superseded,
}
