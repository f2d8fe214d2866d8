//! What changes something: each order is written to the audit log, handed to the desk, and its outcome written down.
//!
//! Owns no state and decides nothing but who may ask, which the gate has done before. An order goes on to its end even
//! if whoever gave it hangs up, so that the log never lacks an outcome.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AdminState;
use super::access::Caller;
use super::gate::Peer;
use super::inputs::{Note, Segments, Whole, configuration, order};
use super::problem::{problem, refused, with_members};
use super::reads::json_answer;
use crate::control::audit::{Audit, Entry};
use crate::control::config::admin::Role;
use crate::control::desk::{
    Answer, Change, EndpointOrder, EndpointState, Order, Outcome, Refusal, Reloaded, RolloutOrder,
};
use crate::rt::say::say;
use crate::shared::level::{self, Level};

type Shared = State<Arc<AdminState>>;

/// Who orders, from where.
#[derive(Clone)]
pub(super) struct By {
    caller: Caller,
    peer: Peer,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for By {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Response> {
        let caller = Extension::<Caller>::from_request_parts(parts, state).await;
        let peer = ConnectInfo::<Peer>::from_request_parts(parts, state).await;
        match (caller, peer) {
            (Ok(Extension(caller)), Ok(ConnectInfo(peer))) => Ok(Self { caller, peer }),
            _ => Err(problem(StatusCode::UNAUTHORIZED, "unauthorized", "Nobody is known to ask this.")),
        }
    }
}

impl By {
    pub(super) fn change(&self, note: Note, is_now: bool) -> Change {
        Change { author: self.caller.name.clone(), note: note.0, is_now }
    }

    pub(super) fn entry(&self, action: &str, parameters: Value) -> Entry {
        let role = if self.caller.role == Role::Write { "write" } else { "read" };
        Entry {
            author: self.caller.name.clone(),
            role: role.to_owned(),
            address: self.peer.addr.to_string(),
            action: action.to_owned(),
            parameters,
            outcome: "asked".to_owned(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReloadOrder {
    note: Note,
    now: bool,
    dry_run: bool,
}

pub(super) async fn reload(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let ReloadOrder { note, now, dry_run } = order(request).await?;
    if dry_run {
        return Ok(dry(&state, None).await);
    }
    let entry = by.entry("reload", json!({ "note": note.0, "now": now }));
    let change = by.change(note, now);
    Ok(carry_out(state, entry, move |answer| Order::Reload(change, answer)).await)
}

pub(super) async fn check(State(state): Shared, request: Request) -> Result<Response, Response> {
    let text = configuration(request).await?;
    Ok(dry(&state, text).await)
}

/// Asks what would become of a configuration; changes nothing, so that it is no matter for the audit log.
async fn dry(state: &AdminState, text: Option<String>) -> Response {
    match state.desk.ask(|answer| Order::DryRun(text, answer)).await {
        Ok(found) => json_answer(&json!(found)),
        Err(refusal) => refused(&refusal),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RollbackOrder {
    to: Option<Whole>,
    note: Note,
    now: bool,
}

pub(super) async fn rollback(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let RollbackOrder { to, note, now } = order(request).await?;
    let to = to.map(|Whole(number)| number);
    let entry = by.entry("rollback", json!({ "to": to, "note": note.0, "now": now }));
    let change = by.change(note, now);
    Ok(carry_out(state, entry, move |answer| Order::Rollback(to, change, answer)).await)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SteeringOrder {
    action: Option<Steering>,
    #[serde(default)]
    note: Note,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Steering {
    Promote,
    Abort,
    Pause,
    Resume,
}

pub(super) async fn rollout(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let SteeringOrder { action, note } = order(request).await?;
    let action = action.ok_or_else(|| lacks("action", "promote, abort, pause or resume"))?;
    let entry = by.entry("rollout", json!({ "action": action, "note": note.0 }));
    let change = by.change(note, false);
    let steering = match action {
        Steering::Promote => RolloutOrder::Promote,
        Steering::Abort => RolloutOrder::Abort,
        Steering::Pause => RolloutOrder::Pause,
        Steering::Resume => RolloutOrder::Resume,
    };
    Ok(carry_out(state, entry, move |answer| Order::Rollout(steering, change, answer)).await)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateOrder {
    state: Option<EndpointState>,
    #[serde(default)]
    note: Note,
}

pub(super) async fn endpoint(
    State(state): Shared,
    Segments((cluster, endpoint)): Segments<(String, String)>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    let StateOrder { state: wanted, note } = order(request).await?;
    let wanted = wanted.ok_or_else(|| lacks("state", "active, drained or disabled"))?;
    let parameters = json!({ "cluster": cluster, "endpoint": endpoint, "state": wanted, "note": note.0 });
    let (entry, change) = (by.entry("endpoint", parameters), by.change(note, false));
    let order = EndpointOrder { cluster, endpoint, state: wanted };
    Ok(carry_out(state, entry, move |answer| Order::Endpoint(order, change, answer)).await)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelOrder {
    level: Option<String>,
}

pub(super) async fn log_level(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let wanted = order::<LevelOrder>(request).await?.level.and_then(|name| Level::named(&name));
    let wanted = wanted.ok_or_else(|| lacks("level", "error, warn, info or debug"))?;
    let entry = by.entry("log_level", json!({ "level": wanted.name() }));
    written(&state.audit, &entry)?;
    level::set(wanted);
    outcome(&state.audit, entry, "done");
    Ok(json_answer(&json!({ "level": wanted.name() })))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DrainOrder {
    note: Note,
}

pub(super) async fn drain(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let DrainOrder { note } = order(request).await?;
    let entry = by.entry("drain", json!({ "note": note.0 }));
    let change = by.change(note, false);
    Ok(carry_out(state, entry, move |answer| Order::Drain(change, answer)).await)
}

pub(super) fn lacks(key: &str, words: &str) -> Response {
    let detail = format!("The body has to say `{key}`: one of {words}.");
    problem(StatusCode::BAD_REQUEST, "bad_body", &detail)
}

/// What an order may bring back.
trait Told: Send + 'static {
    /// In a word, for the audit log.
    fn outcome(&self) -> String;
    /// As an answer.
    fn answer(&self) -> Response;
}

impl Told for Reloaded {
    fn outcome(&self) -> String {
        self.outcome_text()
    }

    fn answer(&self) -> Response {
        if self.outcome != Outcome::Refused {
            return json_answer(&json!(self));
        }
        let detail = "The configuration is wrong; nothing has changed.";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        with_members(status, "configuration_refused", detail, json!(self))
    }
}

impl Told for String {
    fn outcome(&self) -> String {
        "done".to_owned()
    }

    fn answer(&self) -> Response {
        json_answer(&json!({ "result": self }))
    }
}

/// Writes down what is asked, has it done, writes down what became of it.
async fn carry_out<T: Told>(
    state: Arc<AdminState>,
    entry: Entry,
    order: impl FnOnce(Answer<T>) -> Order + Send + 'static,
) -> Response {
    if let Err(refusal) = written(&state.audit, &entry) {
        return refusal;
    }
    let whole = async move {
        let told: Result<T, Refusal> = state.desk.ask(order).await;
        let word = told.as_ref().map_or_else(|refusal| format!("refused: {}", refusal.code), Told::outcome);
        outcome(&state.audit, entry, &word);
        told.map_or_else(|refusal| refused(&refusal), |told| told.answer())
    };
    // A task of its own: it goes on when the connection ends and this future is dropped.
    tokio::spawn(whole).await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// What cannot be written down is not done.
pub(super) fn written(audit: &Audit, entry: &Entry) -> Result<(), Response> {
    audit.write(entry).map(|_| ()).map_err(|error| {
        say(format_args!("audit log: cannot write: {error}; the change was refused"));
        let detail = format!("Nothing has changed: the audit log cannot be written ({error}).");
        problem(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", &detail)
    })
}

pub(super) fn outcome(audit: &Audit, entry: Entry, word: &str) {
    let entry = Entry { outcome: word.to_owned(), ..entry };
    if let Err(error) = audit.write(&entry) {
        say(format_args!("audit log: cannot write: {error}; {} by {}: {word}", entry.action, entry.author));
    }
}
