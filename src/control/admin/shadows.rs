//! Copies of requests: how many, how their answers compare, and some of those that were others. Reads only.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::AdminState;
use super::reads::json_answer;
use crate::shared::{Counter, Sharded};
use crate::telemetry::shadow::ShadowMetrics;

type Shared = State<Arc<AdminState>>;

pub(super) async fn all(State(state): Shared) -> Response {
    let shadows = state.registry.shadows();
    let told: Vec<Value> = shadows.iter().map(|(route, shards)| figures(route, shards)).collect();
    json_answer(&json!({ "shadows": told }))
}

fn figures(route: &str, shards: &Sharded<ShadowMetrics>) -> Value {
    let sum = |counter: fn(&ShadowMetrics) -> &Counter| -> u64 {
        shards.iter().map(|shard| counter(shard).get()).sum()
    };
    let (matched, mismatched) = (sum(|it| &it.matched), sum(|it| &it.mismatched));
    let compared = matched + mismatched;
    json!({
        "route": route,
        "in_flight": shards.iter().map(|shard| shard.in_flight.get()).sum::<i64>(),
        "copies": {
            "answered": sum(|it| &it.answered),
            "unreachable": sum(|it| &it.unreachable),
            "late": sum(|it| &it.late),
            "broken": sum(|it| &it.broken),
        },
        "skipped": {
            "too_large": sum(|it| &it.too_large),
            "too_many": sum(|it| &it.too_many),
            "busy": sum(|it| &it.busy),
            "incomplete": sum(|it| &it.incomplete),
        },
        "compared": compared,
        "matched": matched,
        "mismatched": mismatched,
        "mismatch_rate": (compared > 0).then(|| mismatched as f64 / compared as f64),
        "mismatches": {
            "status": sum(|it| &it.statuses),
            "field": sum(|it| &it.fields),
            "body": sum(|it| &it.bodies),
        },
        "bodies_not_compared": sum(|it| &it.bodies_left),
        "answers_not_compared": sum(|it| &it.alone),
    })
}

pub(super) async fn mismatches(State(state): Shared) -> Response {
    json_answer(&state.recorder.mismatches_json().await)
}
