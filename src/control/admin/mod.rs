//! The operator's listener: metrics, health, effective configuration, workers.
//!
//! Owns nothing but its connections; it reads what [`AdminState`] points to and changes nothing. Everything but
//! health asks for the token when there is one. At most `listener::CONNECTIONS_MAX` connections, idle ones are
//! closed, so that nobody keeps the operator out by holding on.

mod handlers;
mod listener;
mod problem;
// Whether the gateway wants traffic.
pub mod readiness;
mod token;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware;
use axum::routing::get;

use crate::control::export::Exporter;
use crate::control::generation::GenerationLabel;
use crate::shared::{Frozen, Published};
use crate::telemetry::Registry;

pub use readiness::{Readiness, ReadinessState};

/// How long answers may still be on their way when the listener closes.
const CLOSE_BOUND: Duration = Duration::from_secs(1);

/// What the listener shows.
#[derive(Debug)]
pub struct AdminState {
    /// The workers' counters.
    pub registry: Frozen<Registry>,
    /// The same as text.
    pub exporter: Exporter,
    /// Whether the gateway wants traffic.
    pub readiness: Readiness,
    /// The effective configuration, secrets already hidden.
    pub config: Published<serde_json::Value>,
    /// The configuration in force.
    pub generation: Published<GenerationLabel>,
    /// What the workers run on, in their order.
    pub workers: Published<Vec<WorkerDescription>>,
    /// Asked for as `Authorization: Bearer ...`.
    pub token: Option<String>,
}

/// What a worker runs on.
#[derive(Debug, Clone)]
pub struct WorkerDescription {
    /// CPU it is pinned to.
    pub cpu: Option<u16>,
    /// `io_uring` or `epoll`.
    pub driver: String,
    /// Options of its ring.
    pub ring_options: Vec<String>,
    /// When it started.
    pub started: Instant,
}

/// Serves until `shutdown` is ready; then finishes answers within a second.
///
/// # Errors
/// When the listener cannot be made asynchronous.
pub async fn serve(
    listener: std::net::TcpListener,
    state: Arc<AdminState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = listener::Bounded::new(tokio::net::TcpListener::from_std(listener)?);
    let (closing, mut closed) = tokio::sync::watch::channel(false);
    let graceful = axum::serve(listener, router(state)).with_graceful_shutdown(async move {
        shutdown.await;
        // Whoever waits below may be gone already, when serving itself has ended.
        let _ = closing.send(true);
    });
    let bound = async move {
        // An error means that `closing` was dropped: the future above is done and so is the wait.
        let _ = closed.wait_for(|is_closing| *is_closing).await;
        tokio::time::sleep(CLOSE_BOUND).await;
    };
    tokio::select! {
        result = graceful => result,
        () = bound => Ok(()),
    }
}

fn router(state: Arc<AdminState>) -> Router {
    Router::new()
        .route("/", get(handlers::index))
        .route("/metrics", get(handlers::metrics))
        .route("/healthz", get(handlers::healthz))
        .route("/readyz", get(handlers::readyz))
        .route("/config", get(handlers::config))
        .route("/workers", get(handlers::workers))
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), token::require))
        .with_state(state)
}

#[cfg(test)]
mod tests;
