//! One function per path of the operator's listener.
//!
//! Reads only. What comes from the configuration arrives here with its secrets hidden already.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::control::export::Format;
use crate::telemetry::WorkerMetrics;

use super::problem::problem;
use super::{AdminState, ReadinessState, WorkerDescription};

const INDEX: &str = "\
/metrics   counters, OpenMetrics or Prometheus text by Accept
/healthz   200 while the process lives
/readyz    200 while it wants traffic, 503 while it starts or drains
/config    effective configuration, secrets hidden
/workers   what each worker runs on and holds
";

pub(super) async fn index() -> &'static str {
    INDEX
}

pub(super) async fn metrics(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    let format = Format::accepted(accept(&headers).as_deref());
    ([(CONTENT_TYPE, format.content_type())], state.exporter.render(format)).into_response()
}

/// Several Accept fields are one list (RFC 9110 5.3).
fn accept(headers: &HeaderMap) -> Option<String> {
    let fields: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok()).collect();
    (!fields.is_empty()).then(|| fields.join(","))
}

pub(super) async fn healthz() -> &'static str {
    "alive\n"
}

pub(super) async fn readyz(State(state): State<Arc<AdminState>>) -> Response {
    match state.readiness.state() {
        ReadinessState::Ready => "ready\n".into_response(),
        other => problem(StatusCode::SERVICE_UNAVAILABLE, other.as_str()),
    }
}

pub(super) async fn config(State(state): State<Arc<AdminState>>) -> Response {
    let (_, config) = state.config.load();
    json_answer(&config)
}

pub(super) async fn workers(State(state): State<Arc<AdminState>>) -> Response {
    let (_, descriptions) = state.workers.load();
    let (_, generation) = state.generation.load();
    let workers: Vec<Value> = state
        .registry
        .workers()
        .enumerate()
        .map(|(index, metrics)| worker(index, metrics, descriptions.get(index)))
        .collect();
    json_answer(&json!({
        "readiness": state.readiness.state().as_str(),
        "generation": { "number": generation.number, "hash": generation.hash },
        "workers": workers,
    }))
}

/// A worker that has not started yet has no description, but counters.
fn worker(index: usize, metrics: &WorkerMetrics, description: Option<&WorkerDescription>) -> Value {
    json!({
        "worker": index,
        "cpu": description.and_then(|worker| worker.cpu),
        "driver": description.map(|worker| &worker.driver),
        "ring_options": description.map(|worker| &worker.ring_options),
        "uptime_seconds": description.map(|worker| worker.started.elapsed().as_secs()),
        "generation": metrics.generation.get(),
        "requests": metrics.requests.get(),
        "exchanges_active": metrics.exchanges_active.get(),
        "connections": {
            "accepted": metrics.connections_accepted.get(),
            "refused": metrics.connections_refused.get(),
            "active": metrics.connections_active.get(),
            "idle": metrics.connections_idle.get(),
            "parked": metrics.parked_connections.get(),
        },
        "buffers": {
            "leased": metrics.buffers_leased.get(),
            "free_bytes": metrics.buffers_free_bytes.get(),
        },
    })
}

fn json_answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], format!("{value:#}\n")).into_response()
}

pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "nothing here; / lists what is")
}

pub(super) async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "this listener is read with GET and HEAD")
}
