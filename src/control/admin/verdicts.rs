//! What is believed of services, and breakers held by the operator.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AdminState;
use super::changes::{By, lacks, outcome, written};
use super::inputs::{Note, Segments, order};
use super::problem::refused;
use super::reads::json_answer;
use crate::control::health::Place;
use crate::upstream::verdict::fuse::Held;

type Shared = State<Arc<AdminState>>;

pub(super) async fn all(State(state): Shared) -> Response {
    json_answer(&serde_json::to_value(state.health.view()).unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BreakerOrder {
    state: Option<Wanted>,
    #[serde(default)]
    note: Note,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Open,
    Closed,
    Auto,
}

pub(super) async fn hold_cluster(
    State(state): Shared,
    Segments(cluster): Segments<String>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    hold(&state, Place::Cluster(cluster), &by, request).await
}

pub(super) async fn hold_endpoint(
    State(state): Shared,
    Segments((cluster, endpoint)): Segments<(String, String)>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    hold(&state, Place::Endpoint(cluster, endpoint), &by, request).await
}

pub(super) async fn hold_route(
    State(state): Shared,
    Segments(route): Segments<String>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    hold(&state, Place::Route(route), &by, request).await
}

async fn hold(state: &AdminState, place: Place, by: &By, request: Request) -> Result<Response, Response> {
    let BreakerOrder { state: wanted, note } = order(request).await?;
    let wanted = wanted.ok_or_else(|| lacks("state", "open, closed or auto"))?;
    let held = match wanted {
        Wanted::Open => Held::Open,
        Wanted::Closed => Held::Closed,
        Wanted::Auto => Held::Auto,
    };
    let mut parameters = parameters(&place);
    parameters["state"] = json!(wanted);
    parameters["note"] = json!(note.0);
    let entry = by.entry("breaker", parameters);
    written(&state.audit, &entry)?;
    let done = state.health.hold(&place, held);
    let word =
        done.as_ref().map_or_else(|refusal| format!("refused: {}", refusal.code), |_| "done".to_owned());
    outcome(&state.audit, entry, &word);
    done.map(|result| json_answer(&json!({ "result": result }))).map_err(|refusal| refused(&refusal))
}

fn parameters(place: &Place) -> Value {
    match place {
        Place::Cluster(cluster) => json!({ "cluster": cluster }),
        Place::Endpoint(cluster, endpoint) => json!({ "cluster": cluster, "endpoint": endpoint }),
        Place::Route(route) => json!({ "route": route }),
    }
}
