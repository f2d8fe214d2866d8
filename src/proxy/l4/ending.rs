//! How a TCP connection ended, written down: metrics and the access log.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::net::addr::Caller;
use crate::proxy::installed::Installed;
use crate::proxy::local::Local;
use crate::rt::clock;
use crate::telemetry::metrics::{TUNNEL_FAULT_SLOTS, TunnelMetrics};
use crate::telemetry::record::{AccessRecord, UpstreamRecord};
use crate::upstream::endpoint::Endpoint;

/// Why a TCP connection did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelFault {
    /// No entry takes the name it asks for, and there is no default.
    NoCluster,
    /// The hello did not arrive in time.
    HelloTimeout,
    /// The hello is wrong or too long.
    BadHello,
    /// The cluster's breaker lets nobody in.
    CircuitOpen,
    /// The cluster has as many connections as it may, or as its endpoints may.
    ClusterFull,
    /// It has as many as it can work on.
    ClusterSlow,
    /// As many wait as may.
    PendingFull,
    /// It has waited for as long as it may.
    PendingTimeout,
    /// Every endpoint has as many as it may.
    EndpointsFull,
    /// No endpoint is left to try.
    NoEndpoint,
    /// The endpoint did not take the connection.
    ConnectRefused,
    /// The endpoint does not speak TLS as it should, or is not who it should be.
    UpstreamTls,
    /// The endpoint did not connect in time.
    ConnectTimeout,
    /// The gateway's cap on connections is reached.
    Exhausted,
    /// The endpoint reset the connection, or stopped taking bytes.
    UpstreamReset,
    /// The client reset the connection, or stopped taking bytes.
    ClientGone,
    /// Nothing moved for too long.
    IdleTimeout,
    /// The gateway stopped, and its patience was over.
    DrainTimeout,
}

/// The reasons as metrics and log name them, in the order of [`TunnelFault`].
pub const TUNNEL_FAULTS: [&str; 18] = [
    "no_cluster",
    "hello_timeout",
    "bad_hello",
    "circuit_open",
    "cluster_full",
    "cluster_slow",
    "pending_full",
    "pending_timeout",
    "endpoints_full",
    "no_endpoint",
    "upstream_connect_refused",
    "upstream_tls_failed",
    "upstream_connect_timeout",
    "upstream_connections_exhausted",
    "upstream_reset",
    "client_gone",
    "idle_timeout",
    "drain_timeout",
];
const _: () = assert!(TUNNEL_FAULTS.len() <= TUNNEL_FAULT_SLOTS);

/// The name under which connections are counted that no cluster takes.
pub const NO_CLUSTER: &str = "(none)";

/// What happened so far.
#[derive(Default)]
pub struct Course {
    /// When it began, in nanoseconds of the exact clock.
    pub began_nanos: u64,
    /// The name that a TLS client asked for.
    pub server_name: RefCell<Option<String>>,
    /// Cluster, by index.
    pub cluster: Cell<Option<usize>>,
    /// Endpoint of the last attempt.
    pub endpoint: RefCell<Option<Rc<Endpoint>>>,
    /// How many attempts were made.
    pub attempts: Cell<u32>,
    /// How long the last connect took.
    pub connect_nanos: Cell<u64>,
    /// Bytes given to the endpoint.
    pub upstream_bytes: Cell<u64>,
    /// Bytes given to the client.
    pub downstream_bytes: Cell<u64>,
}

/// Logs the connection. Its bytes have been counted as they went.
pub fn record(
    course: &Course,
    fault: Option<TunnelFault>,
    caller: &Caller,
    installed: &Installed,
    local: &Local,
    listener: usize,
) {
    let Some(plan) = &installed.snapshot.access_log else { return };
    let mut log = local.access_log.borrow_mut();
    // What failed is always kept, as with exchanges.
    if !log.keeps(if fault.is_some() { 503 } else { 200 }) {
        return;
    }
    let duration_nanos = clock::nanos().saturating_sub(course.began_nanos);
    let server_name = course.server_name.borrow();
    let endpoint = course.endpoint.borrow();
    let access = AccessRecord {
        time: log.timestamp(clock::wall_ms().saturating_sub(duration_nanos / 1_000_000)),
        client: Some(caller.peer.ip()),
        via: caller.via.map(|via| via.ip()),
        listener: &installed.snapshot.listeners[listener],
        host: server_name.as_deref().unwrap_or_default().as_bytes(),
        protocol: "TCP",
        error: fault.map_or("", |fault| TUNNEL_FAULTS[fault as usize]),
        request_bytes: course.upstream_bytes.get(),
        response_bytes: course.downstream_bytes.get(),
        duration_nanos,
        upstream: upstream(course, endpoint.as_ref().map_or("", |it| &it.label), installed),
        worker: local.worker as u16,
        generation: installed.snapshot.generation,
        ..AccessRecord::default()
    };
    let is_kept = log.write(&access, &plan.redaction);
    local.metrics.count_line(is_kept);
}

fn upstream<'a>(course: &Course, endpoint: &'a str, installed: &'a Installed) -> Option<UpstreamRecord<'a>> {
    let plan = &installed.clusters[course.cluster.get()?].plan;
    let attempts = course.attempts.get();
    Some(UpstreamRecord {
        cluster: &plan.name,
        endpoint,
        attempts,
        connect_nanos: Some(course.connect_nanos.get()).filter(|nanos| *nanos > 0),
        ..UpstreamRecord::default()
    })
}

/// Counts the connection as open for as long as it is there, and how it ended.
pub struct Open<'a> {
    metrics: &'a TunnelMetrics,
    began_nanos: u64,
}

impl<'a> Open<'a> {
    /// Counts it as begun.
    pub fn new(metrics: &'a TunnelMetrics, began_nanos: u64) -> Self {
        metrics.connections.add(1);
        metrics.active.add(1);
        Self { metrics, began_nanos }
    }

    /// Counts its end.
    pub fn end(self, fault: Option<TunnelFault>) {
        self.metrics.duration.record(clock::nanos().saturating_sub(self.began_nanos));
        if let Some(fault) = fault {
            self.metrics.faults[fault as usize].add(1);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.metrics.active.sub(1);
    }
}
