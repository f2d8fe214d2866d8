//! What happened in an exchange, written down once it is over: metrics and the access log.
//!
//! Collects while the exchange runs, in cells, because both directions write to it. Never waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use smallvec::SmallVec;

use crate::http::field::FieldId;
use crate::http::head::Version;
use crate::policy::exchange::Exchange;
use crate::policy::reply::Fault;
use crate::proxy::answer::is_failure;
use crate::proxy::decision::Met;
use crate::proxy::installed::Installed;
use crate::proxy::local::Local;
use crate::route::table::RouteIndex;
use crate::rt::clock;
use crate::shared::probe::Probe;
use crate::telemetry::record::{AccessRecord, UpstreamRecord};
use crate::telemetry::retry::{Fallback, Hedge, RetryReason};
use crate::telemetry::upgrade_end::UpgradeEnd;
use crate::upstream::endpoint::Endpoint;

/// What happened so far.
#[derive(Default)]
pub struct Tally {
    /// When the first byte of the head was there, in nanoseconds of the exact clock.
    pub began_nanos: Cell<u64>,
    /// When the last byte of the answer was handed to the kernel; 0 if that is for [`record`] to say.
    pub ended_nanos: Cell<u64>,
    /// The route, if one was found.
    pub route: Cell<Option<RouteIndex>>,
    /// Status of the answer; 0 before there is one.
    pub status: Cell<u16>,
    /// Why the gateway answered instead of the origin, or cut the exchange short.
    pub fault: Cell<Option<Fault>>,
    /// Bytes of the request body.
    pub request_bytes: Cell<u64>,
    /// Bytes of the response body.
    pub response_bytes: Cell<u64>,
    /// The status of a gRPC call, where it has passed.
    pub grpc_status: Cell<Option<u16>>,
    /// How long the client is asked to wait, in milliseconds, where it was turned away for a time; 0 for nothing.
    pub retry_after_ms: Cell<u64>,
    /// The try of the route's breaker that this exchange is, if it is one, and from when on it is slow.
    pub trial: Cell<Option<(Probe, u64)>>,
    /// How many policies the request had passed when one answered, that one included; 0 if none did.
    pub refused_by: Cell<u8>,
    /// The variant of the route's split that it went to.
    pub variant: Cell<Option<u8>>,
    /// The upstream side.
    pub upstream: UpstreamTally,
}

/// What happened upstream.
#[derive(Default)]
pub struct UpstreamTally {
    /// Cluster, by index.
    pub cluster: Cell<Option<usize>>,
    /// Endpoint of the last attempt.
    pub endpoint: RefCell<Option<Rc<Endpoint>>>,
    /// How many attempts were made.
    pub attempts: Cell<u32>,
    /// True if the last was made over HTTP/2.
    pub is_http2: Cell<bool>,
    /// How long the last connect took; 0 for a reused connection.
    pub connect_nanos: Cell<u64>,
    /// When the request began to be written: when it had come, where nothing had to be waited for.
    pub sent_nanos: Cell<u64>,
    /// From there to the complete response head; 0 if it never came.
    pub head_nanos: Cell<u64>,
    /// Attempts that were made at a cluster before the one that is asked now.
    pub former_attempts: Cell<u32>,
    /// Why the last attempt that was not the first was made.
    pub retried: Cell<Option<RetryReason>>,
    /// Whether a second endpoint was asked beside the first.
    pub hedge: Cell<Hedge>,
    /// What stands for the cluster's answer.
    pub fallback: Cell<Fallback>,
}

impl Tally {
    /// For the next exchange, which begins now.
    pub fn restart(&mut self) {
        *self = Self::default();
        let now_nanos = clock::nanos();
        self.began_nanos.set(now_nanos);
        self.upstream.sent_nanos.set(now_nanos);
    }

    /// When the request was sent, in milliseconds of the coarse clock.
    pub fn sent_ms(&self) -> u64 {
        self.upstream.sent_nanos.get() / 1_000_000
    }

    /// Status of the answer, or why there was none; 0 where nobody knows.
    pub fn final_status(&self) -> u16 {
        match self.status.get() {
            0 => self.fault.get().map_or(0, Fault::status),
            status => status,
        }
    }

    fn duration_nanos(&self) -> u64 {
        let ended_nanos = match self.ended_nanos.get() {
            0 => clock::nanos(),
            ended => ended,
        };
        ended_nanos.saturating_sub(self.began_nanos.get())
    }
}

/// What there is to say of an upgraded connection; nothing of all others.
#[derive(Default)]
pub struct Upgraded<'a> {
    /// What it was upgraded to.
    pub protocol: &'a [u8],
    /// Why it ended.
    pub end: Option<UpgradeEnd>,
    /// Code of the Close frame that ended it; 0 for none.
    pub close_code: u16,
}

/// Counts the exchange and logs it.
pub fn record(tally: &Tally, exchange: &Exchange, installed: &Installed, local: &Local, listener: usize) {
    let ended_nanos = match tally.ended_nanos.get() {
        0 => clock::nanos(),
        ended => ended,
    };
    tally.ended_nanos.set(ended_nanos);
    count(tally, exchange, installed, local);
    log(tally, exchange, installed, local, listener, &Upgraded::default());
}

/// Counts an exchange that ends by a switch. It is logged once the connection is over.
pub fn switched(tally: &Tally, exchange: &Exchange, installed: &Installed, local: &Local, listener: usize) {
    count(tally, exchange, installed, local);
    let upgraded = Upgraded { protocol: &exchange.upgrade, ..Upgraded::default() };
    remember(tally, exchange, installed, local, listener, &upgraded);
}

/// Keeps what was decided, for whoever asks later.
fn remember(
    tally: &Tally,
    exchange: &Exchange,
    installed: &Installed,
    local: &Local,
    listener: usize,
    upgraded: &Upgraded<'_>,
) {
    let duration_nanos = tally.duration_nanos();
    let now_ms = (tally.began_nanos.get() + duration_nanos) / 1_000_000;
    let wall_ms = local.wall_ms(now_ms);
    let met = Met { tally, exchange, installed, listener, duration_nanos, now_ms, wall_ms, upgraded };
    local.recording.note(&met, &local.metrics);
}

fn count(tally: &Tally, exchange: &Exchange, installed: &Installed, local: &Local) {
    let duration_nanos = tally.duration_nanos();
    let fault = tally.fault.get();
    let status = tally.final_status();
    let metrics = tally.route.get();
    let metrics = metrics.map_or(&installed.unrouted, |route| &installed.route(route).metrics);
    metrics.count_request(exchange.request.method.index(), status);
    metrics.duration.record(duration_nanos);
    metrics.request_bytes.add(tally.request_bytes.get());
    metrics.response_bytes.add(tally.response_bytes.get());
    if tally.upstream.head_nanos.get() > 0 {
        metrics.upstream_duration.record(tally.upstream.head_nanos.get());
    }
    if let (Some(route), Some(variant)) = (tally.route.get(), tally.variant.get())
        && let Some(metrics) = installed.split(route).and_then(|split| split.metrics(variant))
    {
        // What is answered in place of a service that failed speaks for nobody.
        let is_instead = tally.upstream.fallback.get() != Fallback::None;
        let is_failure = is_instead || is_failure(status, tally.grpc_status.get());
        metrics.count(is_failure, status, tally.upstream.head_nanos.get());
    }
    local.metrics.requests.add(1);
    if let Some(fault) = fault {
        local.metrics.count_error(fault.slot());
    }
}

/// Logs it, and keeps what was decided.
pub fn log(
    tally: &Tally,
    exchange: &Exchange,
    installed: &Installed,
    local: &Local,
    listener: usize,
    upgraded: &Upgraded<'_>,
) {
    remember(tally, exchange, installed, local, listener, upgraded);
    let Some(plan) = &installed.snapshot.access_log else { return };
    let status = tally.final_status();
    let (route, duration_nanos) = (tally.route.get(), tally.duration_nanos());
    let mut log = local.access_log.borrow_mut();
    if !log.keeps(status) {
        return;
    }
    let fields = &exchange.request.fields;
    let endpoint = tally.upstream.endpoint.borrow();
    let headers: SmallVec<[(&str, &[u8]); 8]> = plan
        .fields
        .iter()
        .filter_map(|name| fields.first_named(name.as_bytes()).map(|value| (&**name, value)))
        .collect();
    let access = AccessRecord {
        time: log.timestamp(clock::wall_ms().saturating_sub(duration_nanos / 1_000_000)),
        request_id: &exchange.request_id,
        trace_id: trace_id(fields.first(FieldId::Traceparent)),
        client: Some(exchange.client.0),
        via: exchange.via,
        listener: &installed.snapshot.listeners[listener],
        route: route.map_or("", |route| &installed.plan(route).name),
        variant: route.and_then(|route| installed.variant(route, tally.variant.get())).unwrap_or_default(),
        method: exchange.request.method_text(),
        host: exchange.host.as_bytes(),
        path: &exchange.path,
        query: exchange.query().unwrap_or_default(),
        protocol: protocol(exchange),
        tls: exchange.tls_version,
        client_subject: exchange.client_certificate.as_ref().map_or("", |it| &it.subject),
        status,
        error: tally.fault.get().map_or("", Fault::code),
        detail: b"",
        upgrade: upgraded.protocol,
        end: upgraded.end.map_or("", UpgradeEnd::label),
        close_code: upgraded.close_code,
        grpc_status: tally.grpc_status.get(),
        request_bytes: tally.request_bytes.get(),
        response_bytes: tally.response_bytes.get(),
        duration_nanos,
        upstream: upstream(&tally.upstream, endpoint.as_ref().map_or("", |it| &it.label), installed),
        worker: local.worker as u16,
        generation: installed.snapshot.generation,
        user_agent: fields.first(FieldId::UserAgent).unwrap_or_default(),
        referer: fields.first(FieldId::Referer).unwrap_or_default(),
        headers: &headers,
    };
    let is_kept = log.write(&access, &plan.redaction);
    local.metrics.count_line(is_kept);
}

fn upstream<'a>(
    tally: &UpstreamTally,
    endpoint: &'a str,
    installed: &'a Installed,
) -> Option<UpstreamRecord<'a>> {
    let plan = &installed.clusters[tally.cluster.get()?].plan;
    let some = |nanos: u64| (nanos > 0).then_some(nanos);
    let attempts = tally.attempts.get();
    Some(UpstreamRecord {
        cluster: &plan.name,
        endpoint,
        attempts,
        connect_nanos: some(tally.connect_nanos.get()),
        head_nanos: some(tally.head_nanos.get()),
        protocol: if tally.is_http2.get() { "HTTP/2" } else { "" },
        reused: attempts > 0 && tally.connect_nanos.get() == 0,
        retried: tally.retried.get().map_or("", RetryReason::label),
        hedge: tally.hedge.get().label(),
        fallback: tally.fallback.get().label(),
    })
}

/// `HTTP/1.1` and the like.
pub fn protocol(exchange: &Exchange) -> &'static str {
    match (exchange.protocol, exchange.request.version) {
        ("", Version::Http10) => "HTTP/1.0",
        ("", Version::Http11) => "HTTP/1.1",
        (other, _) => other,
    }
}

/// The trace id of a W3C traceparent: digits 3 to 35.
fn trace_id(traceparent: Option<&[u8]>) -> &[u8] {
    traceparent.and_then(|value| value.get(3..35)).unwrap_or_default()
}
