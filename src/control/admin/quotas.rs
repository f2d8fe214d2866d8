//! What has been used of quotas, and how it stands with other hosts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::AdminState;
use super::inputs::{Asked, Segments, UpTo};
use super::problem::problem;
use super::reads::json_answer;
use crate::control::fleet::kept::unhex;

type Shared = State<Arc<AdminState>>;

/// Entries in one answer.
type Limit = UpTo<1_000>;
const LIMIT_DEFAULT: usize = 100;

#[derive(Deserialize)]
pub(super) struct QuotaQuery {
    limit: Option<Limit>,
}

pub(super) async fn fleet(State(state): Shared) -> Response {
    json_answer(&serde_json::to_value(state.fleet.view()).unwrap_or_default())
}

pub(super) async fn all(State(state): Shared, Asked(query): Asked<QuotaQuery>) -> Response {
    usage(&state, None, None, query)
}

pub(super) async fn of_quota(
    State(state): Shared,
    Segments(quota): Segments<String>,
    Asked(query): Asked<QuotaQuery>,
) -> Result<Response, Response> {
    known(&state, &quota)?;
    Ok(usage(&state, Some(&quota), None, query))
}

pub(super) async fn of_key(
    State(state): Shared,
    Segments((quota, key)): Segments<(String, String)>,
) -> Result<Response, Response> {
    known(&state, &quota)?;
    let hashed = unhex(&key).map(|key| vec![key]).or_else(|| state.fleet.hashed(&quota, &key));
    let hashed = hashed.ok_or_else(|| {
        let detail =
            "A key is 32 hexadecimal digits, or the values of the quota's key with `,` between them.";
        problem(StatusCode::BAD_REQUEST, "bad_key", detail)
    })?;
    Ok(usage(&state, Some(&quota), Some(&hashed), QuotaQuery { limit: None }))
}

fn known(state: &AdminState, quota: &str) -> Result<(), Response> {
    let no = || problem(StatusCode::NOT_FOUND, "no_such_quota", &format!("There is no quota `{quota}`."));
    state.fleet.knows(quota).then_some(()).ok_or_else(no)
}

fn usage(state: &AdminState, quota: Option<&str>, keys: Option<&[[u8; 16]]>, query: QuotaQuery) -> Response {
    let most = query.limit.map_or(LIMIT_DEFAULT, Limit::count);
    let (total, shown) = state.fleet.usage(quota, keys, most);
    json_answer(&json!({ "total": total, "usage": shown }))
}
