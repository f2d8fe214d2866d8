//! The one list of what the operator's listener answers: method, path, who may ask, and by which function.
//!
//! The description of the API (`openapi.json`) has to say the same; a test holds that.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post, put};

use super::{
    AdminState, changes, gate, handlers, keys, page, quotas, reads, recent, releases, revocations, shadows,
    status, verdicts,
};

/// Method, path as axum and OpenAPI write it, and what answers.
pub(super) type Operation = (&'static str, &'static str, MethodRouter<Arc<AdminState>>);

/// Everything that is answered.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        read("/", page::index),
        read("/ui", page::page),
        read("/openapi.json", page::description),
        read("/metrics", handlers::metrics),
        read("/healthz", handlers::healthz),
        read("/readyz", handlers::readyz),
        read("/config", handlers::config),
        read("/workers", handlers::workers),
        read("/status", status::status),
        read("/generations", reads::generations),
        read("/generations/{number}", reads::generation),
        read("/generations/{number}/diff", reads::diff),
        read("/rollout", reads::rollout),
        read("/routes", reads::routes),
        read("/clusters", reads::clusters),
        read("/clusters/{cluster}", reads::cluster),
        read("/source", reads::source),
        read("/errors", reads::errors),
        read("/decisions/{id}", recent::decision),
        read("/recent/decisions", recent::decisions),
        read("/recent/heads", recent::heads),
        read("/shadows", shadows::all),
        read("/shadows/mismatches", shadows::mismatches),
        read("/audit", reads::audit),
        read("/verdicts", verdicts::all),
        read("/fleet", quotas::fleet),
        read("/quotas", quotas::all),
        read("/quotas/{quota}", quotas::of_quota),
        read("/quotas/{quota}/{key}", quotas::of_key),
        read("/log/level", reads::log_level),
        read("/releases", releases::all),
        read("/releases/{route}", releases::one),
        read("/revocations", revocations::all),
        read("/keys", keys::all),
        change("post", "/reload", changes::reload),
        change("post", "/check", changes::check),
        change("post", "/rollback", changes::rollback),
        change("post", "/rollout", changes::rollout),
        change("put", "/clusters/{cluster}/endpoints/{endpoint}/state", changes::endpoint),
        change("put", "/clusters/{cluster}/breaker", verdicts::hold_cluster),
        change("put", "/clusters/{cluster}/endpoints/{endpoint}/breaker", verdicts::hold_endpoint),
        change("put", "/routes/{route}/breaker", verdicts::hold_route),
        change("put", "/log/level", changes::log_level),
        change("post", "/releases/{route}", releases::steer),
        change("post", "/revocations", revocations::revoke),
        change("post", "/keys", keys::add),
        change("put", "/keys/{authenticator}/{id}/state", keys::set_state),
        change("delete", "/revocations/{kind}/{name}", revocations::restore),
        change("post", "/drain", changes::drain),
    ]
}

/// HEAD is answered as well, as GET without a body.
fn read<H, T>(path: &'static str, handler: H) -> Operation
where
    H: Handler<T, Arc<AdminState>>,
    T: 'static,
{
    ("get", path, get(handler))
}

fn change<H, T>(method: &'static str, path: &'static str, handler: H) -> Operation
where
    H: Handler<T, Arc<AdminState>>,
    T: 'static,
{
    let route = match method {
        "put" => put(handler),
        "delete" => delete(handler),
        _ => post(handler),
    };
    (method, path, route.route_layer(from_fn(gate::change)))
}

pub(super) fn router(state: Arc<AdminState>) -> Router {
    operations()
        .into_iter()
        .fold(Router::new(), |router, (_, path, route)| router.route(path, route))
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&state), gate::enter))
        .with_state(state)
}
