//! What is told of the fleet: counts for metrics, and a view for who asks.

use serde::Serialize;

use crate::shared::{Counter, Gauge, Histogram};

/// How it goes with the other hosts. The fleet's task is the only writer.
#[derive(Debug, Default)]
pub struct FleetFigures {
    /// 1 while the server answers.
    pub connected: Gauge,
    /// Hosts that are alive, as of the last answer.
    pub hosts: Gauge,
    /// When the server answered last, by the clock that never goes back; 0 for never.
    pub heard_ms: Gauge,
    /// Batches that were counted.
    pub batches: Counter,
    /// Accounts in them.
    pub accounts: Counter,
    /// Batches that never left, because the server was away.
    pub unsent: Counter,
    /// Questions that failed, connecting included.
    pub errors: Counter,
    /// Times that the server was lost.
    pub losses: Counter,
    /// From asking to the answer.
    pub round_trip: Histogram,
    /// Accounts that wait in workers, as of their last batches.
    pub waiting: Gauge,
    /// Times that an account had no place in its worker's book.
    pub untold: Gauge,
    /// Units that other hosts have spent of accounts of this one.
    pub others: Counter,
    /// Of those, units beyond the limit.
    pub over: Counter,
    /// Writes of the file of quotas that failed.
    pub write_failures: Counter,
}

/// The fleet as the operator sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetView {
    /// Whether there is a server to count with.
    pub is_configured: bool,
    /// Whether it answers.
    pub connected: bool,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// Hosts that are alive, this one among them.
    pub hosts: i64,
    /// This host's name, new each time it starts.
    pub host: String,
    /// Milliseconds since the server answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<i64>,
    /// Accounts of quotas that are kept.
    pub quotas_kept: usize,
}
