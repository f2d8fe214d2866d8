//! Releases behind routes, as the operator sees and steers them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::AdminState;
use super::changes::{By, outcome, written};
use super::inputs::{Note, Segments, order};
use super::problem::{problem, refused};
use super::reads::json_answer;
use crate::config::units::Share;
use crate::control::desk::Refusal;
use crate::control::releases::order::ReleaseOrder;
use crate::proxy::release::config::thousandths;

type Shared = State<Arc<AdminState>>;

/// Variants that one order may name: as many as a split may have.
const SHARES_MAX: usize = 16;

pub(super) async fn all(State(state): Shared) -> Response {
    json_answer(&json!({ "releases": state.releases.view(&state.registry, None) }))
}

pub(super) async fn one(
    State(state): Shared,
    Segments(route): Segments<String>,
) -> Result<Response, Response> {
    let found = state.releases.view(&state.registry, Some(&route)).pop();
    let no = || {
        let reason = format!("Route `{route}` is not there, or has no `split`.");
        problem(StatusCode::NOT_FOUND, "no_such_release", &reason)
    };
    found.map(|view| json_answer(&json!(view))).ok_or_else(no)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SteeringOrder {
    action: Option<Steering>,
    #[serde(default, deserialize_with = "said")]
    variant: Option<String>,
    #[serde(default, deserialize_with = "said")]
    shares: Option<BTreeMap<String, Share>>,
    #[serde(default)]
    note: Note,
}

/// What is there has a value: `null` says nothing that could be meant.
fn said<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Steering {
    Promote,
    Abort,
    Pause,
    Resume,
    Restart,
    Flip,
    Set,
}

pub(super) async fn steer(
    State(state): Shared,
    Segments(route): Segments<String>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    let SteeringOrder { action, variant, shares, note } = order(request).await?;
    let action =
        action.ok_or_else(|| wrong("say `action`: promote, abort, pause, resume, restart, flip or set"))?;
    let told =
        json!({ "route": route, "action": action, "variant": variant, "shares": shares, "note": note.0 });
    let wanted = release_order(action, variant, shares.as_ref())?;
    let (entry, change) = (by.entry("release", told), by.change(note, false));
    written(&state.audit, &entry)?;
    // Nothing is waited for, so whoever asks cannot go away in the middle of it.
    let done: Result<String, Refusal> = state.releases.order(&route, &wanted, &change);
    let word =
        done.as_ref().map_or_else(|refusal| format!("refused: {}", refusal.code), |_| "done".to_owned());
    outcome(&state.audit, entry, &word);
    done.map(|told| json_answer(&json!({ "result": told }))).map_err(|refusal| refused(&refusal))
}

fn release_order(
    action: Steering,
    variant: Option<String>,
    shares: Option<&BTreeMap<String, Share>>,
) -> Result<ReleaseOrder, Response> {
    if variant.is_some() && !matches!(action, Steering::Promote | Steering::Abort | Steering::Flip) {
        return Err(wrong("`variant` belongs to promote, abort and flip"));
    }
    let is_set = action == Steering::Set;
    if shares.is_some() != is_set || shares.is_some_and(|it| it.is_empty() || it.len() > SHARES_MAX) {
        return Err(wrong("`shares` belongs to set, and set needs it: {\"canary\": \"10%\"}"));
    }
    Ok(match action {
        Steering::Promote => ReleaseOrder::Promote(variant),
        Steering::Abort => ReleaseOrder::Abort(variant),
        Steering::Pause => ReleaseOrder::Pause,
        Steering::Resume => ReleaseOrder::Resume,
        Steering::Restart => ReleaseOrder::Restart,
        Steering::Flip => ReleaseOrder::Flip(variant),
        Steering::Set => {
            let part = |(name, share): (&String, &Share)| {
                let fine = || wrong(&format!("{share} is not a whole tenth of a percent"));
                Ok((name.clone(), thousandths(*share).ok_or_else(fine)?))
            };
            ReleaseOrder::Set(shares.into_iter().flatten().map(part).collect::<Result<_, Response>>()?)
        }
    })
}

fn wrong(reason: &str) -> Response {
    problem(StatusCode::BAD_REQUEST, "bad_body", &format!("Nothing has changed: {reason}."))
}
