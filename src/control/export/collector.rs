//! The list of all metrics: name, words, labels, and which shards are summed.
//!
//! Owns the names. Labels come from closed sets (configuration, error codes, methods), never from what a client
//! sent. Families that grow with the configuration leave out samples that are still zero, so that 10,000 routes
//! nobody calls cost a scraper nothing.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::rt::clock;
use crate::shared::{Counter, Gauge, Histogram, HistogramSnapshot, Sharded};
use crate::telemetry::registry::OVERFLOW_NAME;
use crate::telemetry::upgrade_end::UpgradeEnd;
use crate::telemetry::{EndpointMetrics, PolicyMetrics, RouteMetrics, WorkerMetrics};

use super::Sources;
use super::family::Family;
use super::process::ProcessReading;

/// Everything, read when somebody asks.
#[derive(Debug)]
pub struct Shards {
    pub(super) sources: Sources,
    worker_labels: Vec<String>,
}

impl Shards {
    /// Reads from these sources.
    pub fn new(sources: Sources) -> Self {
        let worker_labels = (0..sources.registry.worker_count()).map(|index| index.to_string()).collect();
        Self { sources, worker_labels }
    }
}

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        self.encode_process(encoder)?;
        self.encode_workers(encoder)?;
        self.encode_box(encoder)?;
        super::clusters::encode(&self.sources, encoder)?;
        super::care::encode(&self.sources, encoder)?;
        super::reloads::encode(&self.sources, encoder)?;
        super::rollouts::encode(&self.sources, encoder)?;
        super::source::encode(&self.sources, encoder)?;
        super::tls::encode(&self.sources, encoder)?;
        super::http2::encode(&self.sources, encoder)?;
        super::upstream_http2::encode(&self.sources, encoder)?;
        super::recording::encode(&self.sources, encoder)?;
        self.encode_errors(encoder)?;
        self.encode_routes(encoder)?;
        self.encode_upgraded(encoder)?;
        self.encode_endpoints(encoder)?;
        self.encode_policies(encoder)?;
        super::authenticators::encode(&self.sources, encoder)?;
        super::rates::encode(&self.sources, encoder)?;
        super::shedding::encode(&self.sources, encoder)?;
        super::shadows::encode(&self.sources, encoder)?;
        self.encode_doors(encoder)?;
        self.encode_callers(encoder)?;
        self.encode_tunnels(encoder)
    }
}

impl Shards {
    fn encode_process(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let version = [("version", self.sources.version)];
        Family::info(encoder, "ringgate_build", "The program that runs.", version)?;
        let (_, generation) = self.sources.generation.load();
        Family::gauge(encoder, "ringgate_generation", "Configuration in force, counted from 1.")?
            .level([("hash", &generation.hash)], generation.number as i64)?;
        Family::gauge(encoder, "ringgate_start_time_seconds", "When the process started, since 1970.")?
            .level([], self.sources.started_unix_seconds as i64)?;
        let reading = ProcessReading::take();
        if let Some(seconds) = reading.cpu_seconds {
            Family::counter(encoder, "process_cpu_seconds", "CPU time of all threads.")?
                .count_seconds([], seconds)?;
        }
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory.", reading.resident_bytes),
            ("process_open_fds", "Open descriptors.", reading.open_fds),
            ("process_max_fds", "Most descriptors it may have open.", reading.fds_max),
        ] {
            if let Some(value) = value {
                Family::gauge(encoder, name, help)?.level([], i64::try_from(value).unwrap_or(i64::MAX))?;
            }
        }
        Ok(())
    }

    fn encode_workers(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        for (name, help, counter) in WORKER_COUNTERS {
            let mut family = Family::counter(encoder, name, help)?;
            for (label, worker) in self.worker_labels.iter().zip(self.sources.registry.workers()) {
                family.count([("worker", label)], counter(worker).get())?;
            }
        }
        for (name, help, gauge) in WORKER_GAUGES {
            let mut family = Family::gauge(encoder, name, help)?;
            for (label, worker) in self.worker_labels.iter().zip(self.sources.registry.workers()) {
                family.level([("worker", label)], gauge(worker).get())?;
            }
        }
        for (name, help, nanos) in WORKER_SECONDS {
            let mut family = Family::counter(encoder, name, help)?;
            for (label, worker) in self.worker_labels.iter().zip(self.sources.registry.workers()) {
                family.count_seconds([("worker", label)], nanos(worker).get() as f64 / 1e9)?;
            }
        }
        for (name, help, value) in WORKER_PARTS {
            let mut family = Family::gauge(encoder, name, help)?;
            for (label, worker) in self.worker_labels.iter().zip(self.sources.registry.workers()) {
                family.level_part([("worker", label)], value(worker))?;
            }
        }
        Ok(())
    }

    /// Sums over all workers.
    fn encode_box(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let sum = |counter: fn(&WorkerMetrics) -> &Counter| -> u64 {
            self.sources.registry.workers().map(|worker| counter(worker).get()).sum()
        };
        let mut bytes =
            Family::counter(encoder, "ringgate_downstream_bytes", "Bytes exchanged with clients.")?;
        bytes.count([("direction", "read")], sum(|worker| &worker.bytes_downstream_read))?;
        bytes.count([("direction", "written")], sum(|worker| &worker.bytes_downstream_written))?;
        let mut bytes =
            Family::counter(encoder, "ringgate_upstream_bytes", "Bytes exchanged with endpoints.")?;
        bytes.count([("direction", "read")], sum(|worker| &worker.bytes_upstream_read))?;
        bytes.count([("direction", "written")], sum(|worker| &worker.bytes_upstream_written))?;
        Family::counter(encoder, "ringgate_log_lines_written", "Log lines handed to the log writer.")?
            .count([], sum(|worker| &worker.log_lines_written))?;
        Family::counter(
            encoder,
            "ringgate_log_lines_lost",
            "Log lines lost because the log writer was behind.",
        )?
        .count([], sum(|worker| &worker.log_lines_lost))?;
        if let Some(log) = &self.sources.log {
            Family::counter(encoder, "ringgate_log_write_errors", "Times the log could not be written.")?
                .count([], log.write_errors.get())?;
        }
        Family::counter(encoder, "ringgate_series_refused", "Names counted under (other) for want of room.")?
            .count([], self.sources.registry.series_refused())
    }

    /// All codes that have a name, zero or not, so that the first error shows as an increase.
    fn encode_errors(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut family = Family::counter(encoder, "ringgate_errors", "Errors by their code.")?;
        for (slot, code) in self.sources.names.errors.iter().enumerate() {
            let count = self.sources.registry.workers().filter_map(|worker| worker.errors.get(slot));
            family.count([("code", code)], count.map(Counter::get).sum())?;
        }
        Ok(())
    }

    fn encode_routes(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut routes = self.sources.registry.routes();
        let called = |route: &RouteMetrics| route.requests.iter().flatten().any(|counter| counter.get() > 0);
        routes.retain(|(_, shards)| shards.iter().any(called));
        let mut family = Family::counter(encoder, "ringgate_requests", "Exchanges that are over.")?;
        for (name, shards) in &routes {
            self.encode_route_requests(&mut family, name, shards)?;
        }
        for (name, help, histogram) in ROUTE_HISTOGRAMS {
            let mut family = Family::histogram(encoder, name, help)?;
            for (route, shards) in &routes {
                let durations = merged(shards, histogram);
                if durations.count() > 0 {
                    family.durations([("route", route)], &durations)?;
                }
            }
        }
        for (name, help, counter) in ROUTE_COUNTERS {
            let mut family = Family::counter(encoder, name, help)?;
            for (route, shards) in &routes {
                family.count([("route", route)], total(shards, counter))?;
            }
        }
        Ok(())
    }

    /// Connections that switched protocols, of the routes that had any.
    fn encode_upgraded(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut routes = self.sources.registry.routes();
        routes.retain(|(_, shards)| total(shards, |route| &route.upgraded) > 0);
        let mut family =
            Family::gauge(encoder, "ringgate_upgraded_connections_open", "Connections that switched, open.")?;
        for (route, shards) in &routes {
            let open = shards.iter().map(|shard| shard.upgraded_open.get()).sum();
            family.level([("route", route)], open)?;
        }
        let mut family =
            Family::counter(encoder, "ringgate_upgraded_connections", "Connections that switched.")?;
        for (route, shards) in &routes {
            family.count([("route", route)], total(shards, |route| &route.upgraded))?;
        }
        let mut family = Family::counter(encoder, "ringgate_upgraded_bytes", "Bytes after the switch.")?;
        for (route, shards) in &routes {
            let read = total(shards, |route| &route.upgraded_bytes_read);
            family.count([("route", route), ("direction", "read")], read)?;
            let written = total(shards, |route| &route.upgraded_bytes_written);
            family.count([("route", route), ("direction", "written")], written)?;
        }
        let mut family = Family::counter(encoder, "ringgate_upgraded_ends", "Switched connections by end.")?;
        for (route, shards) in &routes {
            for end in UpgradeEnd::ALL {
                let count = shards.iter().map(|shard| shard.upgraded_ends[end as usize].get()).sum();
                if count > 0 {
                    family.count([("route", route), ("reason", end.label())], count)?;
                }
            }
        }
        Ok(())
    }

    fn encode_route_requests(
        &self,
        family: &mut Family,
        route: &str,
        shards: &Sharded<RouteMetrics>,
    ) -> fmt::Result {
        for (slot, method) in self.sources.names.methods.iter().enumerate() {
            let method = if method.is_empty() { OVERFLOW_NAME } else { method };
            for (class, label) in CLASSES.iter().enumerate() {
                let count: u64 = shards.iter().map(|shard| shard.requests[slot][class].get()).sum();
                if count > 0 {
                    family.count([("route", route), ("method", method), ("status_class", label)], count)?;
                }
            }
        }
        Ok(())
    }

    fn encode_endpoints(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let endpoints = self.sources.registry.endpoints();
        for (name, help, counter) in ENDPOINT_COUNTERS {
            let mut family = Family::counter(encoder, name, help)?;
            for ((cluster, endpoint), shards) in &endpoints {
                family.count([("cluster", cluster), ("endpoint", endpoint)], total(shards, counter))?;
            }
        }
        let mut family = Family::gauge(
            encoder,
            "ringgate_pool_connections",
            "Connections to an endpoint by what they do.",
        )?;
        for ((cluster, endpoint), shards) in &endpoints {
            let active = shards.iter().map(|shard| shard.active.get()).sum();
            let idle = shards.iter().map(|shard| shard.idle.get()).sum();
            for (state, count) in [("active", active), ("idle", idle)] {
                family.level([("cluster", cluster), ("endpoint", endpoint), ("state", state)], count)?;
            }
        }
        Ok(())
    }

    fn encode_policies(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut family =
            Family::counter(encoder, "ringgate_policy_decisions", "What policies decided about exchanges.")?;
        for ((route, policy), shards) in &self.sources.registry.policies() {
            for (verdict, counter) in VERDICTS {
                let count = total(shards, counter);
                if count > 0 {
                    family.count([("route", route), ("policy", policy), ("verdict", verdict)], count)?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn total<T: Send + Sync>(shards: &Sharded<T>, counter: fn(&T) -> &Counter) -> u64 {
    shards.iter().map(|shard| counter(shard).get()).sum()
}

pub(super) fn merged<T: Send + Sync>(
    shards: &Sharded<T>,
    histogram: fn(&T) -> &Histogram,
) -> HistogramSnapshot {
    let mut sum = HistogramSnapshot::default();
    shards.iter().for_each(|shard| sum.merge(&histogram(shard).snapshot()));
    sum
}

/// Name, words, and a level that is not whole.
type Part = (&'static str, &'static str, fn(&WorkerMetrics) -> f64);

/// Name, words, and where the number is.
pub(super) type Row<T, N> = (&'static str, &'static str, fn(&T) -> &N);

const WORKER_COUNTERS: [Row<WorkerMetrics, Counter>; 8] = [
    ("ringgate_connections_accepted", "Client connections accepted.", |worker| &worker.connections_accepted),
    ("ringgate_connections_handed_over", "Of those, served by another worker.", |worker| {
        &worker.connections_handed_over
    }),
    ("ringgate_connections_taken_over", "Client connections accepted by another worker.", |worker| {
        &worker.connections_taken_over
    }),
    ("ringgate_connections_refused", "Connections that could not be accepted.", |worker| {
        &worker.connections_refused
    }),
    (
        "ringgate_identity_values_left_out",
        "Values for services, of who is asking, that no field can carry.",
        |worker| &worker.identity_values_left_out,
    ),
    ("ringgate_own_tokens_signed", "Tokens for services that were signed.", |worker| {
        &worker.own_tokens_signed
    }),
    ("ringgate_own_tokens_reused", "Tokens for services that were sent again.", |worker| {
        &worker.own_tokens_reused
    }),
    ("ringgate_worker_requests", "Requests whose head was complete.", |worker| &worker.requests),
];

const WORKER_GAUGES: [Row<WorkerMetrics, Gauge>; 8] = [
    ("ringgate_connections_active", "Client connections open.", |worker| &worker.connections_active),
    ("ringgate_connections_idle", "Client connections open without an exchange.", |worker| {
        &worker.connections_idle
    }),
    ("ringgate_connections_parked", "Client connections open that hold no buffer.", |worker| {
        &worker.parked_connections
    }),
    ("ringgate_worker_upgraded_connections", "Connections open that switched protocols.", |worker| {
        &worker.upgraded
    }),
    ("ringgate_exchanges_active", "Exchanges in flight.", |worker| &worker.exchanges_active),
    ("ringgate_buffers_leased", "Buffers on lease.", |worker| &worker.buffers_leased),
    ("ringgate_buffers_free_bytes", "Bytes in buffers that wait for a lease.", |worker| {
        &worker.buffers_free_bytes
    }),
    ("ringgate_worker_generation", "Configuration the worker has installed.", |worker| &worker.generation),
];

const WORKER_SECONDS: [Row<WorkerMetrics, Counter>; 2] = [
    ("ringgate_worker_cpu_seconds", "CPU time of the worker.", |worker| &worker.cpu_nanos),
    ("ringgate_worker_late_seconds", "Time by which the 50 ticks a second came late.", |worker| {
        &worker.late_nanos
    }),
];

const WORKER_PARTS: [Part; 2] = [
    ("ringgate_worker_busy_ratio", "Share of the last half second it ran or waited for its CPU.", |worker| {
        worker.busy_permille.get() as f64 / 1e3
    }),
    (
        "ringgate_worker_tick_age_seconds",
        "Time since the worker last ticked, which it does every 20 ms.",
        |worker| clock::coarse_ms().saturating_sub(worker.beat_ms.get().cast_unsigned()) as f64 / 1e3,
    ),
];

const ROUTE_HISTOGRAMS: [Row<RouteMetrics, Histogram>; 2] = [
    ("ringgate_request_duration_seconds", "From the request head to the end of the answer.", |route| {
        &route.duration
    }),
    ("ringgate_upstream_duration_seconds", "From the first attempt to the response head.", |route| {
        &route.upstream_duration
    }),
];

const ROUTE_COUNTERS: [Row<RouteMetrics, Counter>; 2] = [
    ("ringgate_request_bytes", "Bytes of request bodies.", |route| &route.request_bytes),
    ("ringgate_response_bytes", "Bytes of response bodies.", |route| &route.response_bytes),
];

const ENDPOINT_COUNTERS: [Row<EndpointMetrics, Counter>; 9] = [
    ("ringgate_endpoint_attempts", "Attempts made.", |endpoint| &endpoint.attempts),
    ("ringgate_endpoint_connects", "Connections opened.", |endpoint| &endpoint.connects),
    ("ringgate_endpoint_connect_failures", "Connections that could not be opened.", |endpoint| {
        &endpoint.connect_failures
    }),
    ("ringgate_endpoint_reused", "Attempts on a connection that was open.", |endpoint| &endpoint.reused),
    ("ringgate_endpoint_stale_replaced", "Attempts repeated because that one was closed.", |endpoint| {
        &endpoint.stale_replaced
    }),
    ("ringgate_endpoint_failures", "Attempts that failed.", |endpoint| &endpoint.failures),
    ("ringgate_endpoint_tls_handshakes", "TLS handshakes that succeeded.", |endpoint| {
        &endpoint.tls_handshakes
    }),
    ("ringgate_endpoint_tls_resumed", "Of those, resumed ones.", |endpoint| &endpoint.tls_resumed),
    ("ringgate_endpoint_tls_failures", "TLS handshakes that failed.", |endpoint| &endpoint.tls_failures),
];

const VERDICTS: [Verdict; 3] = [
    ("continued", |policy| &policy.continued),
    ("refused", |policy| &policy.refused),
    ("answered", |policy| &policy.answered),
];

/// Label and where the number is.
type Verdict = (&'static str, fn(&PolicyMetrics) -> &Counter);

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
