//! What the operator's listener shows of the process: metrics, health, configuration, workers.
//!
//! Reads only. What comes from the configuration arrives here with its secrets hidden already.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::control::export::Format;
use crate::rt::clock;
use crate::telemetry::WorkerMetrics;

use super::problem::problem;
use super::reads::json_answer;
use super::{AdminState, ReadinessState, WorkerDescription};

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
        other => problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", other.as_str()),
    }
}

pub(super) async fn config(State(state): State<Arc<AdminState>>) -> Response {
    let (_, config) = state.config.load();
    json_answer(&config)
}

pub(super) async fn workers(State(state): State<Arc<AdminState>>) -> Response {
    let (_, generation) = state.generation.load();
    json_answer(&json!({
        "readiness": state.readiness.state().as_str(),
        "generation": { "number": generation.number, "hash": generation.hash },
        "workers": all_workers(&state),
    }))
}

/// What each worker runs on and holds.
pub(super) fn all_workers(state: &AdminState) -> Vec<Value> {
    let (_, descriptions) = state.workers.load();
    let workers = state.registry.workers().enumerate();
    workers.map(|(index, metrics)| worker(index, metrics, descriptions.get(index))).collect()
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
        "busy": metrics.busy_permille.get() as f64 / 1e3,
        "queue_ms": metrics.queue_nanos.get() as f64 / 1e6,
        "shed_share": metrics.shed_millionths.get() as f64 / 1e6,
        "tick_age_ms": clock::coarse_ms().saturating_sub(metrics.beat_ms.get().cast_unsigned()),
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

pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "not_found", "Nothing is here; / lists what is.")
}

pub(super) async fn method_not_allowed() -> Response {
    let detail = "This path is not asked that way; /openapi.json says how.";
    problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
