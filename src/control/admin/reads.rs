//! What the operator's listener shows of generations, rollout, routes, clusters, errors and the audit log.
//!
//! Reads only. Figures are summed from the workers' shards when somebody asks; the rest is what others publish.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::inputs::{Asked, Segments, UpTo};
use super::problem::{problem, refused};
use super::status::figures;
use super::{AdminState, inputs};
use crate::shared::level;

type Shared = State<Arc<AdminState>>;

/// Routes or lines of the audit log in one answer.
pub(super) type Limit = UpTo<1_000>;
const LIMIT_DEFAULT: usize = 100;

pub(super) fn json_answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], format!("{value:#}\n")).into_response()
}

pub(super) async fn generations(State(state): Shared) -> Response {
    json_answer(&json!({ "generations": list(state.views.generations.now()) }))
}

/// A view that is a list; nothing published is an empty one.
pub(super) fn list(view: Value) -> Value {
    if view.is_array() { view } else { json!([]) }
}

pub(super) async fn generation(
    State(state): Shared,
    Segments(number): Segments<String>,
) -> Result<Response, Response> {
    let number = inputs::generation(&number)?;
    let generations = state.views.generations.now();
    let found = generations.as_array().and_then(|all| all.iter().find(|it| it["number"] == number));
    found.map(json_answer).ok_or_else(|| {
        let detail = format!("Generation {number} is not kept (any more); /generations lists what is.");
        problem(StatusCode::NOT_FOUND, "no_such_generation", &detail)
    })
}

#[derive(Deserialize)]
pub(super) struct DiffQuery {
    against: Option<String>,
}

/// Against the one before, unless another is asked for. The first differs from nothing.
pub(super) async fn diff(
    State(state): Shared,
    Segments(number): Segments<String>,
    Asked(query): Asked<DiffQuery>,
) -> Result<Response, Response> {
    let to = inputs::generation(&number)?;
    let from = match query.against {
        Some(text) => inputs::generation(&text)?,
        None => before(&state, to),
    };
    let changes = state.views.differ.diff(from, to).map_err(|refusal| refused(&refusal))?;
    Ok(json_answer(&json!({ "from": from, "to": to, "changes": changes })))
}

/// The generation before one, of those that are kept.
fn before(state: &AdminState, number: u64) -> u64 {
    let generations = state.views.generations.now();
    let numbers = generations.as_array().into_iter().flatten().filter_map(|it| it["number"].as_u64());
    numbers.filter(|other| *other < number).max().unwrap_or(number)
}

pub(super) async fn rollout(State(state): Shared) -> Response {
    json_answer(&json!({ "rollout": state.views.rollout.now() }))
}

pub(super) async fn source(State(state): Shared) -> Response {
    json_answer(&json!({ "source": state.views.source.now() }))
}

#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    offset: UpTo<0xffff_ffff>,
    limit: Option<Limit>,
    #[serde(default)]
    search: String,
}

pub(super) async fn routes(State(state): Shared, Asked(query): Asked<PageQuery>) -> Response {
    let (_, config) = state.config.load();
    let all: Vec<&Value> = config["routes"].as_array().into_iter().flatten().collect();
    let fits = |route: &&&Value| route["name"].as_str().is_some_and(|name| name.contains(&query.search));
    let found: Vec<&Value> = all.iter().filter(fits).copied().collect();
    let shown = found.iter().skip(query.offset.count()).take(limit(query.limit));
    let figures = figures::routes(&state.registry);
    let routes: Vec<Value> = shown.map(|route| figures::route(route, &figures)).collect();
    json_answer(&json!({
        "total": found.len(),
        "offset": query.offset.0,
        "duration_bounds_ms": figures::bounds_ms(),
        "routes": routes,
    }))
}

pub(super) fn limit(asked: Option<Limit>) -> usize {
    asked.map_or(LIMIT_DEFAULT, Limit::count)
}

pub(super) async fn clusters(State(state): Shared) -> Response {
    json_answer(&json!({ "clusters": figures::clusters(&state) }))
}

pub(super) async fn cluster(
    State(state): Shared,
    Segments(name): Segments<String>,
) -> Result<Response, Response> {
    let found = figures::clusters(&state).into_iter().find(|cluster| cluster["name"] == name.as_str());
    found.map(|cluster| json_answer(&cluster)).ok_or_else(|| {
        problem(StatusCode::NOT_FOUND, "no_such_cluster", &format!("There is no cluster `{name}`."))
    })
}

pub(super) async fn errors(State(state): Shared) -> Response {
    json_answer(&json!({ "errors": figures::errors(&state.registry) }))
}

#[derive(Deserialize)]
pub(super) struct AuditQuery {
    /// Beyond this, numbers of JSON are not exact.
    before: Option<UpTo<0x1f_ffff_ffff_ffff>>,
    limit: Option<Limit>,
}

pub(super) async fn audit(State(state): Shared, Asked(query): Asked<AuditQuery>) -> Response {
    let (seq, hash) = state.audit.head();
    json_answer(&json!({
        "kept": state.audit.is_kept(),
        "head": { "seq": seq, "hash": hash },
        "lines": state.audit.lines(query.before.map(|it| it.0), limit(query.limit)),
    }))
}

pub(super) async fn log_level() -> Response {
    json_answer(&json!({ "level": level::current().name() }))
}
