//! Credentials that are good no more, as the operator sees and changes them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::AdminState;
use super::changes::{By, outcome, written};
use super::inputs::{Note, Segments, Whole, order};
use super::problem::problem;
use super::reads::json_answer;
use crate::control::revocations::list::Kind;

/// The largest whole number that all readers of JSON agree on (RFC 8259 6).
const LATEST_S: u64 = (1 << 53) - 1;

type Shared = State<Arc<AdminState>>;

pub(super) async fn all(State(state): Shared) -> Response {
    json_answer(&state.revocations.view())
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeOrder {
    kind: Option<Kind>,
    name: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    until: Option<Whole>,
    #[serde(default)]
    note: Note,
}

/// Seconds, where they are said at all: `null` says nothing that could be meant.
fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Whole>, D::Error> {
    Whole::deserialize(deserializer).map(Some)
}

pub(super) async fn revoke(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let RevokeOrder { kind, name, until, note } = order(request).await?;
    let until = until.map(|Whole(seconds)| seconds);
    let (Some(kind), Some(name)) = (kind, name) else {
        return Err(wrong("say `kind` (token, session, key or subject) and `name`"));
    };
    if until.is_some_and(|seconds| seconds > LATEST_S) {
        return Err(wrong("`until` is later than any time there is"));
    }
    if until.is_some() && kind != Kind::Subject {
        return Err(wrong("only a subject is revoked up to a moment"));
    }
    let parameters = json!({ "kind": kind, "name": name, "until": until, "note": note.0 });
    let entry = by.entry("revoke", parameters);
    written(&state.audit, &entry)?;
    let done = state.revocations.revoke(kind, &name, until);
    outcome(&state.audit, entry, if done.is_ok() { "done" } else { "refused" });
    done.map_err(|reason| wrong(&reason))?;
    Ok(json_answer(&state.revocations.view()))
}

pub(super) async fn restore(
    State(state): Shared,
    Segments((kind, name)): Segments<(Kind, String)>,
    by: By,
) -> Result<Response, Response> {
    let entry = by.entry("restore", json!({ "kind": kind, "name": name }));
    written(&state.audit, &entry)?;
    let done = state.revocations.restore(kind, &name);
    outcome(&state.audit, entry, if done.is_ok() { "done" } else { "refused" });
    done.map_err(|reason| {
        problem(StatusCode::NOT_FOUND, "not_revoked", &format!("Nothing has changed: {reason}."))
    })?;
    Ok(json_answer(&state.revocations.view()))
}

fn wrong(reason: &str) -> Response {
    problem(StatusCode::BAD_REQUEST, "bad_body", &format!("Nothing has changed: {reason}."))
}
