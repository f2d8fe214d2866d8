//! How many exchanges a cluster has at once, who of those beyond waits, and who goes without.
//!
//! What one worker knows of one cluster; it outlives changes of the configuration. A number that is written holds for all
//! workers together ([`slots`]), one that is found out is each worker's own ([`gradient`]). Lets in, or says why not, in a
//! few plain loads; only who waits waits. [`shedder`] is about the worker itself.

pub mod class;
pub mod connections;
pub mod gradient;
pub mod queue;
pub mod shedder;
pub mod slots;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::shared::ledger::Ledger;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::ClusterMetrics;
use crate::telemetry::shed::ShedReason;
use crate::upstream::entry::Class;
use class::{CLASSES, Reserves};
use gradient::{Gradient, GradientPlan, Window};
use queue::Queue;
use slots::{Slots, SlotsPlan};

/// Limits of a cluster, the same for all workers.
#[derive(Debug, Clone)]
pub struct AdmissionPlan {
    /// How many at once.
    pub slots: SlotsPlan,
    /// How many are found out to be right, for all workers together.
    pub adaptive: Option<GradientPlan>,
    /// Those who wait, of all workers and generations.
    pub places: Ledger,
    /// How many may wait.
    pub pending: u64,
    /// How long one may.
    pub pending_timeout: Duration,
}

/// Limits of a cluster as one worker keeps them.
pub struct Admission {
    slots: Slots,
    queue: Queue,
    places: Ledger,
    pending: Cell<u64>,
    pending_timeout: Cell<Duration>,
    under_way: Cell<u64>,
    reserves: Cell<Reserves>,
    adaptive: RefCell<Option<Gradient>>,
    /// What was found out: most under way here, by class, for one of that class to be let in.
    found: Cell<[u64; CLASSES]>,
    window: Cell<Window>,
    metrics: Slot<ClusterMetrics>,
}

/// An exchange that was let in, until it is dropped.
pub struct Permit(Rc<Admission>);

impl Admission {
    /// Starts on one of so many workers. `previous` goes on under this plan.
    pub fn start(
        plan: &AdmissionPlan,
        workers: usize,
        previous: Option<&Rc<Self>>,
        metrics: Slot<ClusterMetrics>,
    ) -> Rc<Self> {
        let admission = previous.cloned().unwrap_or_else(|| {
            Rc::new(Self {
                slots: Slots::start(&plan.slots, workers),
                queue: Queue::default(),
                places: plan.places.clone(),
                pending: Cell::default(),
                pending_timeout: Cell::default(),
                under_way: Cell::default(),
                reserves: Cell::default(),
                adaptive: RefCell::default(),
                found: Cell::new([u64::MAX; CLASSES]),
                window: Cell::default(),
                metrics,
            })
        });
        admission.apply(plan, workers);
        admission
    }

    fn apply(&self, plan: &AdmissionPlan, workers: usize) {
        self.slots.apply(&plan.slots);
        plan.places.set_cap(Some(plan.pending));
        self.pending.set(plan.pending);
        self.pending_timeout.set(plan.pending_timeout);
        self.reserves.set(plan.slots.reserves);
        let former = self.adaptive.take();
        self.adaptive.replace(plan.adaptive.map(|plan| {
            let own = plan.of_one(workers);
            former.map_or_else(|| Gradient::new(own, clock::coarse_ms()), |former| former.under(own))
        }));
        self.take_up_limit();
        self.tell();
    }

    /// Lets an exchange in.
    ///
    /// # Errors
    /// With the reason, where there is no room for one of this class.
    #[inline]
    pub fn admit(self: &Rc<Self>, class: Class) -> Result<Permit, ShedReason> {
        if !self.queue.is_empty() {
            // Another worker may have made room.
            self.call_all();
            // Nobody overtakes those who matter as much.
            if self.queue.first().is_some_and(|first| first <= class) {
                return Err(ShedReason::ClusterFull);
            }
        }
        self.take(class).map(|()| Permit(self.clone()))
    }

    fn take(&self, class: Class) -> Result<(), ShedReason> {
        let under_way = self.under_way.get();
        if under_way >= self.found.get()[class.slot()] {
            return Err(ShedReason::ClusterSlow);
        }
        if !self.slots.take(class) {
            return Err(ShedReason::ClusterFull);
        }
        self.under_way.set(under_way + 1);
        Ok(())
    }

    /// True if anybody may wait.
    pub fn has_places(&self) -> bool {
        self.pending.get() > 0
    }

    /// Waits for room. `deadline` is for nothing else meanwhile.
    ///
    /// # Errors
    /// With the reason, where there is no place to wait, or no room in time.
    pub async fn wait(self: &Rc<Self>, class: Class, deadline: &Deadline) -> Result<Permit, ShedReason> {
        let unused = || self.give();
        let Some(mut waiting) = self.queue.join(class, &self.places, &unused) else {
            return Err(ShedReason::PendingFull);
        };
        self.metrics.limits.waiting.set(self.queue.len() as i64);
        match deadline.guard(self.pending_timeout.get(), pin!(waiting.turn())).await {
            Ok(true) => {
                self.metrics.limits.waited.add(1);
                Ok(Permit(self.clone()))
            }
            Ok(false) => Err(ShedReason::PendingFull),
            Err(_) => Err(ShedReason::PendingTimeout),
        }
    }

    /// Takes note of how long an answer took, until its head was there. What has failed sooner than others are answered
    /// says nothing of how much there is to do.
    #[inline]
    pub fn note(&self, is_success: bool, nanos: u64) {
        if !is_success && nanos < self.metrics.limits.base_nanos.get().unsigned_abs() {
            return;
        }
        let Window { answers, sum_nanos, under_way_max } = self.window.get();
        let sum_nanos = sum_nanos.saturating_add(nanos);
        let under_way_max = under_way_max.max(self.under_way.get());
        self.window.set(Window { answers: answers + 1, sum_nanos, under_way_max });
    }

    /// One is over: whoever waits takes over from it.
    fn give(&self) {
        self.under_way.set(self.under_way.get() - 1);
        match self.queue.first() {
            None => self.slots.give(),
            Some(class) if self.may_take_over(class) => {
                self.under_way.set(self.under_way.get() + 1);
                self.queue.call();
            }
            Some(_) => self.slots.give(),
        }
    }

    fn may_take_over(&self, class: Class) -> bool {
        self.under_way.get() < self.found.get()[class.slot()] && self.slots.may_pass(class)
    }

    /// Once a tick.
    pub fn tick(&self, now_ms: u64) {
        if let Some(adaptive) = &mut *self.adaptive.borrow_mut() {
            let mut window = self.window.get();
            window.under_way_max = window.under_way_max.max(self.under_way.get());
            let is_over = adaptive.look(&window, now_ms);
            self.window.set(if is_over { Window::default() } else { window });
        }
        self.take_up_limit();
        self.slots.tick(self.queue.len());
        self.call_all();
        self.tell();
    }

    /// Gives turns to those who wait, for as long as there is room.
    fn call_all(&self) {
        while let Some(class) = self.queue.first() {
            if self.take(class).is_err() {
                return;
            }
            self.queue.call();
        }
    }

    fn take_up_limit(&self) {
        let limit = self.adaptive.borrow().as_ref().map(|adaptive| adaptive.limit() as u64);
        self.found.set(limit.map_or([u64::MAX; CLASSES], |limit| self.reserves.get().caps(limit)));
    }

    fn tell(&self) {
        let told = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let limits = &self.metrics.limits;
        limits.cap.set(told(self.slots.cap()));
        limits.used.set(told(self.under_way.get()));
        limits.pending_cap.set(told(self.pending.get()));
        limits.waiting.set(told(self.queue.len() as u64));
        let adaptive = self.adaptive.borrow();
        let (base_nanos, recent_nanos) = adaptive.as_ref().map_or((0, 0), Gradient::nanos);
        limits.found.set(adaptive.as_ref().map_or(0, |adaptive| told(adaptive.limit() as u64)));
        limits.base_nanos.set(told(base_nanos));
        limits.recent_nanos.set(told(recent_nanos));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give();
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
