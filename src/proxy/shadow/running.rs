//! Copies of a route's requests, as one worker makes them: which, and how many at a time.
//!
//! What costs the worker more than it has to spare is not done: with too many copies in flight, or a worker that is busy,
//! requests are not copied, and counted.

use std::cell::Cell;
use std::rc::Rc;

use super::copy::{Copying, Original};
use super::plan::ShadowPlan;
use super::share::Chooser;
use crate::shared::frozen::Frozen;
use crate::shared::names::NameId;
use crate::shared::sharded::Slot;
use crate::telemetry::registry::Registry;
use crate::telemetry::shadow::ShadowMetrics;
use crate::upstream::cluster::Cluster;

/// Copies of a route's requests, on one worker.
pub struct Running {
    /// What is copied.
    pub plan: Frozen<ShadowPlan>,
    /// Who gets copies.
    pub(super) cluster: Rc<Cluster>,
    /// Its figures.
    pub(super) metrics: Slot<ShadowMetrics>,
    /// What samples are told apart by.
    pub(super) route: NameId,
    chooser: Chooser,
    in_flight: Cell<u32>,
    in_flight_max: u32,
}

impl Running {
    /// Starts on worker `worker` of `workers`.
    pub fn start(
        plan: Frozen<ShadowPlan>,
        cluster: Rc<Cluster>,
        registry: &Registry,
        worker: usize,
        workers: usize,
    ) -> Rc<Self> {
        let workers = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
        Rc::new(Self {
            metrics: registry.shadow(&plan.route, worker),
            route: registry.name_id(&plan.route),
            chooser: Chooser::new(plan.millionths, worker),
            in_flight: Cell::new(0),
            in_flight_max: (plan.in_flight_max / workers).max(1),
            cluster,
            plan,
        })
    }

    /// Begins to copy a request, if this one is to be copied.
    pub fn begin(self: &Rc<Self>, original: &Original<'_>) -> Option<Box<Copying>> {
        let exchange = original.exchange;
        let request = &exchange.request;
        // What is behind a switch of protocols cannot be copied.
        if !self.plan.admits(request.method, request.method_text())
            || !exchange.upgrade.is_empty()
            || !self.chooser.takes()
        {
            return None;
        }
        if original.local.metrics.busy_permille.get() > self.plan.busy_permille_max {
            self.metrics.busy.add(1);
            return None;
        }
        if self.in_flight.get() >= self.in_flight_max {
            self.metrics.too_many.add(1);
            return None;
        }
        Copying::begin(Place::take(self), original)
    }
}

/// One of the places for copies in flight. Free again when it is dropped.
pub struct Place(Rc<Running>);

impl Place {
    fn take(running: &Rc<Running>) -> Self {
        running.in_flight.set(running.in_flight.get() + 1);
        running.metrics.in_flight.add(1);
        Self(running.clone())
    }

    /// Whose place it is.
    pub fn running(&self) -> &Rc<Running> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        self.0.metrics.in_flight.sub(1);
    }
}
