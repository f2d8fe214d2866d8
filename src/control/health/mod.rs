//! What is believed of services, for all workers: one thread decides and publishes.
//!
//! `ringgate-health` looks at what workers have counted, carries out active checks, and runs the machines of
//! `upstream::verdict`; control may be busy meanwhile. Owns no configuration: generations are attached, and what they have
//! in common goes on. A [`HealthDesk`] is the way in.

mod case;
mod checker;
mod route;
mod state;
mod told;
pub mod view;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::control::config::Config;
use crate::control::desk::Refusal;
use crate::proxy::snapshot::Snapshot;
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::telemetry::registry::Registry;
use crate::upstream::verdict::fuse::Held;
use state::State;
use view::HealthView;

/// Between two looks while there is something to look at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The same while nothing moves.
const LOOK_IDLE: Duration = Duration::from_millis(50);
/// A look may take this part of the time at most; where there is much to look at, looks get rarer.
const LOOK_PART: u32 = 20;
/// Checks under way at a time.
const CHECKS_MAX: usize = 64;

/// A breaker, as operators name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Of a cluster.
    Cluster(String),
    /// Of an endpoint of a cluster.
    Endpoint(String, String),
    /// Of a route.
    Route(String),
}

/// The way in. A clone is a handle to the same thread, which ends with the last one.
#[derive(Clone)]
pub struct HealthDesk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    wake: watch::Sender<()>,
    checks: Semaphore,
}

impl HealthDesk {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread, or nothing to wait with.
    pub fn start(registry: Frozen<Registry>) -> io::Result<Self> {
        let (wake, woken) = watch::channel(());
        let checks = Semaphore::new(CHECKS_MAX);
        let desk = Self(Arc::new(Inner { state: Mutex::new(State::new(registry)), wake, checks }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = Arc::downgrade(&desk.0);
        let thread = std::thread::Builder::new().name("ringgate-health".to_owned());
        thread.spawn(move || runtime.block_on(run(inner, woken)))?;
        Ok(desk)
    }

    /// One without a thread: nobody judges anything.
    pub fn of_nobody() -> Self {
        let state = Mutex::new(State::new(Frozen::new(Registry::new(0))));
        Self(Arc::new(Inner { state, wake: watch::channel(()).0, checks: Semaphore::new(CHECKS_MAX) }))
    }

    /// Judges the clusters and routes of a snapshot by what `config`, which it was compiled from, says. Once its clusters
    /// have their endpoints and before a worker has it; again when it comes into force again.
    pub fn attach(&self, config: &Config, snapshot: &Snapshot) {
        self.lock().attach(config, snapshot, clock::coarse_ms());
        // Only a thread that has ended does not hear it, and then nobody judges any more.
        let _ = self.0.wake.send(());
    }

    /// Holds a breaker open or closed, or lets it go. What it does now, in words.
    ///
    /// # Errors
    /// When there is no such breaker.
    pub fn hold(&self, place: &Place, held: Held) -> Result<String, Refusal> {
        self.lock().hold(place, held, clock::coarse_ms())
    }

    /// Everything as it is now.
    pub fn view(&self) -> HealthView {
        self.lock().view(clock::coarse_ms(), clock::wall_ms())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl fmt::Debug for HealthDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthDesk")
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again, for as long as there is somebody to look for.
async fn run(inner: Weak<Inner>, mut woken: watch::Receiver<()>) {
    loop {
        let Some(pause) = inner.upgrade().map(|inner| look(&inner)) else { return };
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => {
                if woken.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Looks once. How long to wait until the next time; for a word from outside where there is nothing to look at.
fn look(inner: &Arc<Inner>) -> Option<Duration> {
    let began = clock::nanos();
    let mut state = inner.lock();
    if state.is_empty() {
        return None;
    }
    let is_moving = state.look(clock::coarse_ms());
    for (cluster, label) in state.unchecked() {
        let prober = tokio::spawn(check_on(Arc::downgrade(inner), cluster.clone(), label.clone()));
        state.is_checked_by(&cluster, &label, prober.abort_handle());
    }
    let took = Duration::from_nanos(clock::nanos().saturating_sub(began));
    let pause = if is_moving { LOOK_EVERY } else { LOOK_IDLE };
    Some(pause.max(took * LOOK_PART))
}

/// Checks an endpoint again and again, for as long as it is to be checked.
async fn check_on(inner: Weak<Inner>, cluster: String, label: Box<str>) {
    loop {
        let due_ms = {
            let Some(inner) = inner.upgrade() else { return };
            let Some(due_ms) = inner.lock().due_ms(&cluster, &label) else { return };
            due_ms
        };
        tokio::time::sleep(Duration::from_millis(due_ms.saturating_sub(clock::coarse_ms()))).await;
        let Some(inner) = inner.upgrade() else { return };
        let Some((target, settings)) = inner.lock().target(&cluster, &label) else { return };
        // It is never closed.
        let Ok(_permit) = inner.checks.acquire().await else { return };
        let outcome = checker::check(&target, &settings).await;
        inner.lock().checked(&cluster, &label, &settings, outcome, clock::coarse_ms());
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
