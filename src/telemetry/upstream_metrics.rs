//! What workers count of clusters and their endpoints.

use crate::shared::{Counter, Gauge};
use crate::telemetry::shed::LimitMetrics;

/// What one worker counts about an endpoint of a cluster.
#[derive(Debug, Default)]
pub struct EndpointMetrics {
    /// Attempts made at it.
    pub attempts: Counter,
    /// Connections opened to it.
    pub connects: Counter,
    /// Connections that could not be opened.
    pub connect_failures: Counter,
    /// Attempts that reused an idle connection.
    pub reused: Counter,
    /// Attempts repeated because the idle connection they took was already closed.
    pub stale_replaced: Counter,
    /// Connections in use now.
    pub active: Gauge,
    /// Idle connections kept now.
    pub idle: Gauge,
    /// Attempts that failed: no connection, reset, protocol error or timeout.
    pub failures: Counter,
    /// TLS handshakes that succeeded.
    pub tls_handshakes: Counter,
    /// Of those, the ones that went on from an earlier session.
    pub tls_resumed: Counter,
    /// TLS handshakes that failed, but for those that took too long.
    pub tls_failures: Counter,
    /// HTTP/2 connections open now.
    pub h2_connections: Gauge,
    /// HTTP/2 streams open now.
    pub h2_streams_active: Gauge,
    /// HTTP/2 streams opened.
    pub h2_streams: Counter,
    /// HTTP/2 streams that the endpoint has reset, by code; what has none of its own counts in the last.
    pub h2_resets: [Counter; H2_CODE_SLOTS],
    /// HTTP/2 connections on which the endpoint has said that it takes no more.
    pub h2_goaways: Counter,
    /// HTTP/2 connections given up because the endpoint gave no sign of life.
    pub h2_dead: Counter,
    /// How attempts ended.
    pub outcomes: OutcomeMetrics,
}

/// How attempts at an endpoint, or exchanges of a route, have ended, as one worker has seen it. What verdicts are made of.
#[derive(Debug, Default)]
pub struct OutcomeMetrics {
    /// Answers that are no failure.
    pub successes: Counter,
    /// No answer, or one that tells of a failure.
    pub failures: Counter,
    /// Of both, such as took longer than they should.
    pub slow: Counter,
    /// Nanoseconds until the head of the answer, of successes.
    pub latency_nanos: Counter,
    /// Failures since the last success.
    pub failures_in_row: Gauge,
}

impl OutcomeMetrics {
    /// Counts one. `nanos` until the head of the answer, or until there was to be none; what takes longer than
    /// `slow_nanos` is slow.
    #[inline]
    pub fn count(&self, is_success: bool, nanos: u64, slow_nanos: u64) {
        if is_success {
            self.successes.add(1);
            self.latency_nanos.add(nanos);
            self.failures_in_row.set(0);
        } else {
            self.failures.add(1);
            self.failures_in_row.add(1);
        }
        if nanos > slow_nanos {
            self.slow.add(1);
        }
    }
}

/// Reasons for which something is tried again; what the index means is [`crate::telemetry::retry::RetryReason`].
pub const RETRY_SLOTS: usize = crate::telemetry::retry::RetryReason::ALL.len();

/// What one worker counts about a cluster.
#[derive(Debug, Default)]
pub struct ClusterMetrics {
    /// Exchanges that were let in.
    pub requests: Counter,
    /// Those under way now.
    pub live: Gauge,
    /// Exchanges that its breaker did not let in.
    pub breaker_refused: Counter,
    /// Attempts made again, by reason.
    pub retries: [Counter; RETRY_SLOTS],
    /// Attempts that were not made again because the budget was spent.
    pub retries_denied: Counter,
    /// Second attempts made beside the first.
    pub hedges: Counter,
    /// Of those, the ones whose answer was taken.
    pub hedges_won: Counter,
    /// Second attempts not made because the budget was spent.
    pub hedges_denied: Counter,
    /// Its limits, where it has any.
    pub limits: LimitMetrics,
}

/// Codes of HTTP/2 errors (RFC 9113 7), and one for all others.
pub const H2_CODE_SLOTS: usize = 15;

impl EndpointMetrics {
    /// Counts a stream that was reset.
    pub fn count_reset(&self, code: u32) {
        let slot = usize::try_from(code).map_or(H2_CODE_SLOTS - 1, |code| code.min(H2_CODE_SLOTS - 1));
        self.h2_resets[slot].add(1);
    }
}
