//! The operator's listener: metrics, health, the admin API and its page.
//!
//! Owns nothing but its connections; it reads what [`AdminState`] points to, and whatever it is asked to change it
//! hands to the [`Desk`], written to the audit log first. At most `listener::CONNECTIONS_MAX` connections, idle ones
//! are closed, so that nobody keeps the operator out by holding on.

// A refusal is an answer, made once for a request of an operator; boxing it would save nothing.
#![allow(clippy::result_large_err)]

// Who may do what.
pub mod access;
mod changes;
mod counts;
mod failures;
// Who is let in.
pub mod gate;
mod handlers;
mod inputs;
mod keys;
mod listener;
mod page;
mod problem;
mod quotas;
mod reads;
mod recent;
mod releases;
mod revocations;
mod shadows;
// Whether the gateway wants traffic.
pub mod readiness;
mod router;
mod status;
mod verdicts;
// TLS of the listener.
pub mod tls;
// What others publish.
pub mod views;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

use crate::control::audit::Audit;
use crate::control::desk::Desk;
use crate::control::export::Exporter;
use crate::control::fleet::FleetDesk;
use crate::control::generation::GenerationLabel;
use crate::control::health::HealthDesk;
use crate::control::keepers::api_keys::store::KeyStore;
use crate::control::recorder::Recorder;
use crate::control::releases::ReleaseDesk;
use crate::control::revocations::RevocationDesk;
use crate::shared::{Frozen, Published};
use crate::telemetry::Registry;

pub use access::Access;
pub use gate::{Gate, Peer};
pub use readiness::{Readiness, ReadinessState};
pub use views::{AdminViews, Differ, View};

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
    /// Who may come in.
    pub gate: Gate,
    /// Where changes go.
    pub desk: Desk,
    /// Where they are written down.
    pub audit: Audit,
    /// What others find out.
    pub views: AdminViews,
    /// What workers remember of recent requests.
    pub recorder: Recorder,
    /// Credentials that are good no more.
    pub revocations: RevocationDesk,
    /// Limits and quotas across hosts.
    pub fleet: FleetDesk,
    /// What is believed of services.
    pub health: HealthDesk,
    /// Releases behind routes.
    pub releases: ReleaseDesk,
    /// What was said of API keys, and what keepers say of them.
    pub keys: KeyStore,
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

/// Serves until `shutdown` is ready; then finishes answers within a second. `tls` is looked at for every connection.
///
/// # Errors
/// When the listener cannot be made asynchronous.
pub async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Published<ServerConfig>>,
    state: Arc<AdminState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = listener::Bounded::new(tokio::net::TcpListener::from_std(listener)?, tls);
    let service = router::router(state).into_make_service_with_connect_info::<Peer>();
    let (closing, mut closed) = tokio::sync::watch::channel(false);
    let graceful = axum::serve(listener, service).with_graceful_shutdown(async move {
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

#[cfg(test)]
mod tests;
