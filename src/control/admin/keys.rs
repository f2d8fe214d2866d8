//! API keys, as the operator sees and changes them. Keys themselves are never here: who adds one sends its hash.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::changes::{By, outcome, written};
use super::inputs::{Asked, Note, Segments, UpTo, order};
use super::problem::{problem, refused};
use super::reads::{Limit, json_answer};
use crate::control::audit::Entry;
use crate::control::desk::Refusal;
use crate::control::keepers::api_keys::store::{KeyState, Merged, Origin};
use crate::control::revocations::list::Kind;
use crate::policy::auth::api_key::keys::KeyRow;
use crate::rt::clock;

type Shared = State<Arc<AdminState>>;

#[derive(Deserialize)]
pub(super) struct KeysQuery {
    authenticator: Option<String>,
    #[serde(default)]
    search: String,
    #[serde(default)]
    offset: UpTo<0xffff_ffff>,
    limit: Option<Limit>,
}

/// Keys without their hashes, in the order of authenticators and files.
pub(super) async fn all(State(state): Shared, Asked(query): Asked<KeysQuery>) -> Response {
    let now_s = clock::wall_seconds();
    let (mut total, mut shown, mut wrong) = (0, Vec::new(), Vec::new());
    let limit = super::reads::limit(query.limit);
    state.keys.for_each(|name, keys, error| {
        if query.authenticator.as_deref().is_some_and(|wanted| wanted != name) {
            return;
        }
        wrong.extend(error.map(|reason| json!({ "authenticator": name, "reason": reason })));
        for key in keys {
            if !key.id.contains(&query.search) && !key.row.owner.contains(&query.search) {
                continue;
            }
            if total >= query.offset.count() && shown.len() < limit {
                shown.push(described(name, key, now_s));
            }
            total += 1;
        }
    });
    json_answer(&json!({
        "total": total,
        "offset": query.offset.0,
        "kept": state.keys.is_kept(),
        "keys": shown,
        "wrong": wrong,
        "files": state.keys.files(),
    }))
}

fn described(authenticator: &str, key: &Merged, now_s: u64) -> Value {
    let row = &key.row;
    let state = match () {
        () if key.is_revoked => "revoked",
        () if row.disabled => "disabled",
        () if row.expires.is_some_and(|expires| now_s >= expires.0) => "expired",
        () => "active",
    };
    let origin = match &key.origin {
        Origin::File(path) => path.display().to_string(),
        Origin::Operator => "admin".to_owned(),
    };
    json!({
        "authenticator": authenticator,
        "id": key.id,
        "state": state,
        "owner": row.owner,
        "tenant": row.tenant,
        "plan": row.plan,
        "scopes": row.scopes,
        "roles": row.roles,
        "expires": row.expires,
        "note": row.note,
        "origin": origin,
    })
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddOrder {
    authenticator: Option<String>,
    id: Option<String>,
    key: Option<KeyRow>,
    #[serde(default)]
    note: Note,
}

pub(super) async fn add(State(state): Shared, by: By, request: Request) -> Result<Response, Response> {
    let AddOrder { authenticator, id, key, note } = order(request).await?;
    let (Some(authenticator), Some(id), Some(key)) = (authenticator, id, key) else {
        let detail = "The body has to say `authenticator`, `id` and `key` with `hash` and `owner`.";
        return Err(problem(StatusCode::BAD_REQUEST, "bad_body", detail));
    };
    // The hash is left out: the log is read by more people than the state folder.
    let parameters = json!({
        "authenticator": authenticator, "id": id, "owner": key.owner, "plan": key.plan, "scopes": key.scopes,
        "roles": key.roles, "expires": key.expires, "note": note.0,
    });
    let entry = by.entry("key_add", parameters);
    let store = state.keys.clone();
    let told = format!("key `{id}` of `{authenticator}` is taken");
    carry_out(state, entry, told, async move { store.add(&authenticator, &id, key).await }).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateOrder {
    state: Option<KeyState>,
    #[serde(default)]
    note: Note,
}

pub(super) async fn set_state(
    State(state): Shared,
    Segments((authenticator, id)): Segments<(String, String)>,
    by: By,
    request: Request,
) -> Result<Response, Response> {
    let StateOrder { state: wanted, note } = order(request).await?;
    let Some(wanted) = wanted else {
        let detail = "The body has to say `state`: active, disabled or revoked.";
        return Err(problem(StatusCode::BAD_REQUEST, "bad_body", detail));
    };
    let parameters = json!({ "authenticator": authenticator, "id": id, "state": wanted, "note": note.0 });
    let entry = by.entry("key_state", parameters);
    let (store, revocations) = (state.keys.clone(), state.revocations.clone());
    let word = match wanted {
        KeyState::Active => "active",
        KeyState::Disabled => "disabled",
        KeyState::Revoked => "revoked",
    };
    let told = format!("key `{id}` of `{authenticator}` is {word}");
    carry_out(state, entry, told, async move {
        store.set_state(&authenticator, &id, wanted).await?;
        if wanted == KeyState::Revoked {
            // What still runs for it is cut.
            let revoked = revocations.revoke(Kind::Key, &id, None);
            revoked.map_err(|reason| Refusal { code: "unwritable", reason })?;
        }
        Ok(())
    })
    .await
}

/// Writes down what is asked, has it done, writes down what became of it.
async fn carry_out(
    state: Arc<AdminState>,
    entry: Entry,
    told: String,
    order: impl Future<Output = Result<(), Refusal>> + Send + 'static,
) -> Result<Response, Response> {
    written(&state.audit, &entry)?;
    let whole = async move {
        let done = order.await;
        let word =
            done.as_ref().map_or_else(|refusal| format!("refused: {}", refusal.code), |()| "done".to_owned());
        outcome(&state.audit, entry, &word);
        done
    };
    // A task of its own: it goes on when the connection ends and this future is dropped.
    match tokio::spawn(whole).await {
        Ok(Ok(())) => Ok(json_answer(&json!({ "result": told }))),
        Ok(Err(refusal)) => Err(refused(&refusal)),
        Err(_) => Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The order was not carried out.")),
    }
}
