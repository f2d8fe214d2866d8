//! What workers count, by whom it is about: a worker, a route, an endpoint, a policy of a route.
//!
//! Every struct is the slot of one worker: that worker writes, control reads and sums. Labels are not here; they
//! are the registry's names and the exporter's tables. Recording is a few plain loads and stores.

use crate::shared::{Counter, Gauge, Histogram};
use crate::telemetry::http2::Http2Metrics;
use crate::telemetry::shed::ShedMetrics;
use crate::telemetry::upgrade_end::UPGRADE_END_SLOTS;

pub use crate::telemetry::upstream_metrics::{
    ClusterMetrics, EndpointMetrics, H2_CODE_SLOTS, OutcomeMetrics, RETRY_SLOTS,
};

/// Method labels a route tells apart; what the index means is the exporter's table.
pub const METHOD_SLOTS: usize = 12;

/// Status classes, 1xx to 5xx.
pub const CLASS_SLOTS: usize = 5;

/// Error codes a worker can count; what the index means is the exporter's table.
pub const ERROR_SLOTS: usize = 160;

/// Reasons for which a TLS handshake fails; what the index means is the exporter's table.
pub const TLS_FAULT_SLOTS: usize = 16;

/// What one worker counts about TLS with clients.
#[derive(Debug, Default)]
pub struct TlsMetrics {
    /// Handshakes that succeeded: TLS 1.2 and 1.3, each anew and resumed.
    pub handshakes: [[Counter; 2]; 2],
    /// Those that failed, by the slot of their reason.
    pub failures: [Counter; TLS_FAULT_SLOTS],
    /// Under way now.
    pub under_way: Gauge,
}

/// What one worker counts about itself.
#[derive(Debug)]
pub struct WorkerMetrics {
    /// Client connections accepted.
    pub connections_accepted: Counter,
    /// Client connections open now.
    pub connections_active: Gauge,
    /// Client connections open now without an exchange.
    pub connections_idle: Gauge,
    /// Client connections closed at once because of a limit.
    pub connections_refused: Counter,
    /// Client connections accepted here and handed to another worker.
    pub connections_handed_over: Counter,
    /// Client connections accepted by another worker and served here.
    pub connections_taken_over: Counter,
    /// Connections open now that hold no read buffer.
    pub parked_connections: Gauge,
    /// Connections open now that have switched protocols.
    pub upgraded: Gauge,
    /// Exchanges in flight now.
    pub exchanges_active: Gauge,
    /// Requests whose head was complete.
    pub requests: Counter,
    /// Bytes read from clients.
    pub bytes_downstream_read: Counter,
    /// Bytes written to clients.
    pub bytes_downstream_written: Counter,
    /// Bytes read from endpoints.
    pub bytes_upstream_read: Counter,
    /// Bytes written to endpoints.
    pub bytes_upstream_written: Counter,
    /// Buffers on lease now.
    pub buffers_leased: Gauge,
    /// Bytes in buffers that wait for a lease.
    pub buffers_free_bytes: Gauge,
    /// Values of who is asking that could not stand in a field.
    pub identity_values_left_out: Counter,
    /// Tokens for services that were signed.
    pub own_tokens_signed: Counter,
    /// Tokens for services that were sent again.
    pub own_tokens_reused: Counter,
    /// Log lines handed to the log writer.
    pub log_lines_written: Counter,
    /// Log lines lost because the log writer was behind.
    pub log_lines_lost: Counter,
    /// Request heads recorded.
    pub heads_recorded: Counter,
    /// Request heads that were too large to be recorded.
    pub heads_too_large: Counter,
    /// Nanoseconds the loop was busy, as far as the worker measures it.
    pub cpu_nanos: Counter,
    /// Turns of the loop, one a tick: the sign that the worker is alive.
    pub ticks: Counter,
    /// Thousandths of the last half second in which the worker ran or waited for its CPU.
    pub busy_permille: Gauge,
    /// Nanoseconds by which ticks came late.
    pub late_nanos: Counter,
    /// When the worker last ticked, in milliseconds of the coarse clock.
    pub beat_ms: Gauge,
    /// Nanoseconds for which what was ready has waited for the worker lately, on average.
    pub queue_nanos: Gauge,
    /// Nanoseconds that it may, before the worker refuses requests, or would if it was told to.
    pub queue_nanos_max: Gauge,
    /// Millionths of the requests that are refused because the worker cannot keep up.
    pub shed_millionths: Gauge,
    /// Client connections it may have.
    pub connections_max: Gauge,
    /// Requests turned away for want of room.
    pub shed: Box<ShedMetrics>,
    /// Generation installed now.
    pub generation: Gauge,
    /// TLS with clients.
    pub tls: Box<TlsMetrics>,
    /// HTTP/2 with clients.
    pub http2: Box<Http2Metrics>,
    /// Errors by the slot of their code.
    pub errors: Box<[Counter]>,
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        Self {
            connections_accepted: Counter::default(),
            connections_active: Gauge::default(),
            connections_idle: Gauge::default(),
            connections_refused: Counter::default(),
            connections_handed_over: Counter::default(),
            connections_taken_over: Counter::default(),
            parked_connections: Gauge::default(),
            upgraded: Gauge::default(),
            exchanges_active: Gauge::default(),
            requests: Counter::default(),
            bytes_downstream_read: Counter::default(),
            bytes_downstream_written: Counter::default(),
            bytes_upstream_read: Counter::default(),
            bytes_upstream_written: Counter::default(),
            buffers_leased: Gauge::default(),
            buffers_free_bytes: Gauge::default(),
            identity_values_left_out: Counter::default(),
            own_tokens_signed: Counter::default(),
            own_tokens_reused: Counter::default(),
            log_lines_written: Counter::default(),
            log_lines_lost: Counter::default(),
            heads_recorded: Counter::default(),
            heads_too_large: Counter::default(),
            cpu_nanos: Counter::default(),
            ticks: Counter::default(),
            busy_permille: Gauge::default(),
            late_nanos: Counter::default(),
            beat_ms: Gauge::default(),
            queue_nanos: Gauge::default(),
            queue_nanos_max: Gauge::default(),
            shed_millionths: Gauge::default(),
            connections_max: Gauge::default(),
            shed: Box::default(),
            generation: Gauge::default(),
            tls: Box::default(),
            http2: Box::default(),
            errors: (0..ERROR_SLOTS).map(|_| Counter::default()).collect(),
        }
    }
}

impl WorkerMetrics {
    /// Counts one error. A slot beyond [`ERROR_SLOTS`] counts in the last one, which no code should use.
    #[inline]
    pub fn count_error(&self, slot: usize) {
        self.errors[slot.min(ERROR_SLOTS - 1)].add(1);
    }

    /// Counts one log line by what became of it.
    #[inline]
    pub fn count_line(&self, pushed: bool) {
        if pushed { &self.log_lines_written } else { &self.log_lines_lost }.add(1);
    }
}

/// What one worker counts about a route. In this order a usual GET touches three cache lines: with many routes, none of
/// them is in a cache.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct RouteMetrics {
    /// Bytes of request bodies.
    pub request_bytes: Counter,
    /// Bytes of response bodies.
    pub response_bytes: Counter,
    /// Exchanges by method and status class.
    pub requests: [[Counter; CLASS_SLOTS]; METHOD_SLOTS],
    /// From the complete request head to the last byte of the answer.
    pub duration: Histogram,
    /// From the first attempt to the complete response head.
    pub upstream_duration: Histogram,
    /// Connections open now that have switched protocols.
    pub upgraded_open: Gauge,
    /// Connections that have switched protocols.
    pub upgraded: Counter,
    /// Bytes from clients after the switch.
    pub upgraded_bytes_read: Counter,
    /// Bytes to clients after the switch.
    pub upgraded_bytes_written: Counter,
    /// Switched connections that are over, by why: slots of [`crate::telemetry::upgrade_end::UpgradeEnd`].
    pub upgraded_ends: [Counter; UPGRADE_END_SLOTS],
    /// How exchanges have ended, where it has a breaker.
    pub outcomes: OutcomeMetrics,
    /// Exchanges that its breaker did not let in.
    pub breaker_refused: Counter,
    /// Exchanges answered by a fallback: an answer of our own, another cluster.
    pub fallbacks: [Counter; 2],
}

impl RouteMetrics {
    /// Counts one exchange. A method beyond [`METHOD_SLOTS`] counts in the last slot; a status outside of 100 to
    /// 599 counts with its nearest class.
    #[inline]
    pub fn count_request(&self, method: usize, status: u16) {
        let class = usize::from((status / 100).clamp(1, CLASS_SLOTS as u16)) - 1;
        self.requests[method.min(METHOD_SLOTS - 1)][class].add(1);
    }
}

/// What one worker counts about a policy of a route.
#[derive(Debug, Default)]
pub struct PolicyMetrics {
    /// Exchanges it let through.
    pub continued: Counter,
    /// Exchanges it refused.
    pub refused: Counter,
    /// Exchanges it answered by itself.
    pub answered: Counter,
}

/// Reasons for which an authenticator may turn credentials away.
pub const AUTH_REASONS: usize = 16;

/// What one worker counts about an authenticator.
#[derive(Debug, Default)]
pub struct AuthMetrics {
    /// Requests whose client it knew.
    pub known: Counter,
    /// Requests without credentials of its kind.
    pub absent: Counter,
    /// Requests with bad ones.
    pub invalid: Counter,
    /// Requests of which it could not tell.
    pub unavailable: Counter,
    /// Those of the known whom it remembered.
    pub remembered: Counter,
    /// Why bad credentials were bad, by number, where the kind of authenticator tells reasons apart.
    pub reasons: [Counter; AUTH_REASONS],
}

/// What one worker counts about a listener with caps on each client.
#[derive(Debug, Default)]
pub struct CallerMetrics {
    /// Connections closed because their client had as many as it may have.
    pub over_open: Counter,
    /// Connections closed because their client opened them too fast.
    pub over_pace: Counter,
}

/// What one worker counts about a limit on how often, or on how many at once.
#[derive(Debug, Default)]
pub struct RateMetrics {
    /// Requests it let through.
    pub admitted: Counter,
    /// Requests it refused.
    pub refused: Counter,
    /// Of those let through, such as had to wait for their turn.
    pub waited: Counter,
    /// Requests for which another worker had to be asked.
    pub asked: Counter,
    /// Times that another worker was asked before there was need.
    pub asked_ahead: Counter,
    /// Requests refused because the other worker did not answer in time.
    pub late: Counter,
    /// Keys that left with some debt, for want of room.
    pub evicted: Counter,
    /// Requests counted together with others for want of room.
    pub crowded: Counter,
    /// Credit that was lent and that nobody spent in time.
    pub voided: Counter,
    /// Keys whose accounts are here.
    pub accounts: Gauge,
    /// Keys of other workers that something is known of here.
    pub shares: Gauge,
    /// Credit lent to other workers and not settled.
    pub outstanding: Gauge,
    /// Milliseconds since something of it was settled.
    pub unsettled_ms: Gauge,
    /// Slots that exchanges have.
    pub held: Gauge,
}

/// Ways in which a PROXY header can fail to come; what the index means is the exporter's table.
pub const DOOR_FAULT_SLOTS: usize = 8;

/// What one worker counts about a listener that takes PROXY headers.
#[derive(Debug, Default)]
pub struct DoorMetrics {
    /// Connections that began with one: version 1, version 2.
    pub headers: [Counter; 2],
    /// Connections from those who need not send one.
    pub plain: Counter,
    /// Connections that were closed, by reason.
    pub faults: [Counter; DOOR_FAULT_SLOTS],
}

/// Ways in which a TCP connection can end badly; what the index means is the exporter's table.
pub const TUNNEL_FAULT_SLOTS: usize = 20;

/// What one worker counts about the connections of a TCP listener that go to one cluster.
#[derive(Debug, Default)]
pub struct TunnelMetrics {
    /// Connections begun.
    pub connections: Counter,
    /// Connections open now.
    pub active: Gauge,
    /// Bytes that came from clients and were given to endpoints.
    pub upstream_bytes: Counter,
    /// Bytes that came from endpoints and were given to clients.
    pub downstream_bytes: Counter,
    /// From the connection to its end.
    pub duration: Histogram,
    /// Connections that ended badly, by reason.
    pub faults: [Counter; TUNNEL_FAULT_SLOTS],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_counts_in_its_class_and_strange_ones_in_the_nearest() {
        let route = RouteMetrics::default();
        for (status, class) in [(100, 0), (204, 1), (308, 2), (404, 3), (599, 4), (0, 0), (999, 4)] {
            let before = route.requests[2][class].get();
            route.count_request(2, status);
            assert_eq!(route.requests[2][class].get(), before + 1, "{status}");
        }
        route.count_request(usize::MAX, 200);
        assert_eq!(route.requests[METHOD_SLOTS - 1][1].get(), 1);
    }

    #[test]
    fn errors_and_lines_count_in_their_slot() {
        let worker = WorkerMetrics::default();
        worker.count_error(3);
        worker.count_error(ERROR_SLOTS + 7);
        worker.count_line(true);
        worker.count_line(false);
        worker.count_line(false);
        assert_eq!((worker.errors[3].get(), worker.errors[ERROR_SLOTS - 1].get()), (1, 1));
        assert_eq!((worker.log_lines_written.get(), worker.log_lines_lost.get()), (1, 2));
    }
}
