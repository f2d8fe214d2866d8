//! `/status`: everything the page shows, in one compact document; whoever asks again can tell what happened between.
//!
//! Numbers are totals since the start, so that this side need not remember who has seen what.

pub(super) mod figures;
mod room;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::Caller;
use super::reads::list;
use super::{AdminState, handlers};
use crate::rt::clock;
use crate::shared::level;

/// Of the routes only the busiest; `/routes` has all.
const ROUTES_MAX: usize = 100;
/// Generations that are shown; `/generations` has all that are kept.
const GENERATIONS_MAX: usize = 20;
/// Events of services.
const EVENTS_MAX: usize = 20;
/// Routes with a split; `/releases` has all.
const RELEASES_MAX: usize = 50;
/// Lines of the audit log.
const AUDIT_MAX: usize = 20;

pub(super) async fn status(
    State(state): State<Arc<AdminState>>,
    caller: Option<Extension<Caller>>,
) -> Response {
    let (_, config) = state.config.load();
    let (_, generation) = state.generation.load();
    let figures = figures::routes(&state.registry);
    let document = json!({
        "unix_ms": clock::wall_ms(),
        "version": env!("CARGO_PKG_VERSION"),
        "readiness": state.readiness.state().as_str(),
        "level": level::current().name(),
        "caller": caller.map(|Extension(caller)| json!({ "name": caller.name, "role": caller.role })),
        "generation": { "number": generation.number, "hash": generation.hash },
        "workers": handlers::all_workers(&state),
        "traffic": figures::traffic(&state.registry, &figures),
        "saturation": room::saturation(&state),
        "shed": room::shed(&state.registry),
        "limits": room::limits(&state.registry),
        "duration_bounds_ms": figures::bounds_ms(),
        "routes": busiest(&config, &figures),
        "routes_total": config["routes"].as_array().map_or(0, Vec::len),
        "clusters": figures::clusters(&state),
        "verdicts": verdicts(&state),
        "releases": releases(&state),
        "generations": first(&list(state.views.generations.now()), GENERATIONS_MAX),
        "rollout": state.views.rollout.now(),
        "source": state.views.source.now(),
        "errors": figures::errors(&state.registry),
        "audit": state.audit.lines(None, AUDIT_MAX),
    });
    ([(CONTENT_TYPE, "application/json")], format!("{document}\n")).into_response()
}

/// With the latest events; `/verdicts` has more.
fn verdicts(state: &AdminState) -> Value {
    let mut view = state.health.view();
    view.events.truncate(EVENTS_MAX);
    serde_json::to_value(view).unwrap_or_default()
}

fn releases(state: &AdminState) -> Value {
    let mut views = state.releases.view(&state.registry, None);
    views.truncate(RELEASES_MAX);
    serde_json::to_value(views).unwrap_or_default()
}

fn first(list: &Value, count: usize) -> Vec<Value> {
    list.as_array().into_iter().flatten().take(count).cloned().collect()
}

/// The routes with most requests, in the order written where there are as many.
fn busiest(config: &Value, figures: &figures::Routes) -> Vec<Value> {
    let mut routes: Vec<&Value> = config["routes"].as_array().into_iter().flatten().collect();
    routes.sort_by_cached_key(|route| std::cmp::Reverse(figures::requests(route, figures)));
    routes.into_iter().take(ROUTES_MAX).map(|route| figures::route(route, figures)).collect()
}
