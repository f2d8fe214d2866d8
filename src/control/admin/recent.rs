//! What the workers remember of recent requests. Reads only.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::AdminState;
use super::inputs::{Asked, Segments};
use super::problem::problem;
use super::reads::json_answer;
use crate::control::recorder::DecisionFilter;

type Shared = State<Arc<AdminState>>;

pub(super) async fn decision(State(state): Shared, Segments(id): Segments<String>) -> Response {
    match state.recorder.decision_json(&id).await {
        Some(decision) => json_answer(&decision),
        None => problem(
            StatusCode::NOT_FOUND,
            "no_such_decision",
            "No worker remembers a request with this id: each keeps its latest, as many as recording.decisions says.",
        ),
    }
}

pub(super) async fn decisions(
    State(state): Shared,
    Asked(filter): Asked<DecisionFilter>,
) -> Result<Response, Response> {
    filter.check().map_err(|reason| problem(StatusCode::BAD_REQUEST, "bad_query", &reason))?;
    Ok(json_answer(&state.recorder.decisions_json(&filter).await))
}

pub(super) async fn heads(State(state): Shared) -> Response {
    json_answer(&state.recorder.heads_json().await)
}
