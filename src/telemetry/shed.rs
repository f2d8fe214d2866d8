//! Why requests were turned away for want of room, by class.

use crate::shared::{Counter, Gauge};

/// Classes of how much a request matters; what the index means is the exporter's table.
pub const SHED_CLASSES: usize = 4;

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedReason {
    /// The worker cannot keep up.
    Overloaded,
    /// The cluster has as many exchanges as it may.
    ClusterFull,
    /// It has as many as it can work on.
    ClusterSlow,
    /// As many wait as may.
    PendingFull,
    /// It has waited for as long as it may.
    PendingTimeout,
    /// Every endpoint has as many exchanges as it may.
    EndpointsFull,
}

impl ShedReason {
    /// All of them, in the order of their slots.
    pub const ALL: [Self; 6] = [
        Self::Overloaded,
        Self::ClusterFull,
        Self::ClusterSlow,
        Self::PendingFull,
        Self::PendingTimeout,
        Self::EndpointsFull,
    ];

    /// As metrics have it: the code of the answer.
    pub fn label(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::ClusterFull => "cluster_full",
            Self::ClusterSlow => "cluster_slow",
            Self::PendingFull => "pending_full",
            Self::PendingTimeout => "pending_timeout",
            Self::EndpointsFull => "endpoints_full",
        }
    }
}

/// What one worker has turned away.
#[derive(Debug, Default)]
pub struct ShedMetrics {
    /// By class and reason.
    pub counts: [[Counter; ShedReason::ALL.len()]; SHED_CLASSES],
}

impl ShedMetrics {
    /// Counts one. A class beyond the last counts with it.
    pub fn count(&self, class: usize, reason: ShedReason) {
        self.counts[class.min(SHED_CLASSES - 1)][reason as usize].add(1);
    }
}

/// Limits of a cluster as one worker has them.
#[derive(Debug, Default)]
pub struct LimitMetrics {
    /// Most exchanges at once, of all workers.
    pub cap: Gauge,
    /// Exchanges of this worker.
    pub used: Gauge,
    /// Most that may wait, of all workers.
    pub pending_cap: Gauge,
    /// Those that wait on this worker.
    pub waiting: Gauge,
    /// Those that were let in after they had waited.
    pub waited: Counter,
    /// What this worker has found out to be its limit; 0 where it does not look for one.
    pub found: Gauge,
    /// Nanoseconds of an answer of the unburdened cluster.
    pub base_nanos: Gauge,
    /// Nanoseconds of an answer now.
    pub recent_nanos: Gauge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_labels_are_of_one_order() {
        for (at, reason) in ShedReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
        let shed = ShedMetrics::default();
        shed.count(9, ShedReason::PendingFull);
        assert_eq!(shed.counts[SHED_CLASSES - 1][3].get(), 1);
    }
}
