//! The way into a cluster: once an exchange, before the first endpoint is chosen.
//!
//! Counts what is under way, and keeps out what the cluster's breaker does not admit or what there is no room for. Costs
//! three stores where everything is well, and as many again where there are limits.

use std::cell::Cell;
use std::rc::Rc;

use crate::rt::clock;
use crate::rt::deadline::{Deadline, Deadlines};
use crate::shared::budget::{Earning, Seen};
use crate::shared::probe::Probe;
use crate::telemetry::shed::ShedReason;
use crate::upstream::admission::Permit;
use crate::upstream::cluster::Cluster;
use crate::upstream::verdict::Breaker;

/// How much an exchange matters: the smaller, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u8);

impl Class {
    /// What has no class of its own.
    pub const NORMAL: Self = Self(2);
}

impl Default for Class {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// Why an exchange was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The breaker is open, or tries out another one.
    Breaker {
        /// How long it will at least be, in milliseconds.
        retry_after_ms: u64,
    },
    /// There is no room.
    Full(ShedReason),
}

/// An exchange that was let in, until it is dropped.
pub struct Entry {
    cluster: Rc<Cluster>,
    probe: Cell<Option<Probe>>,
    /// Room that it takes, where that is limited.
    permit: Cell<Option<Permit>>,
}

/// Asks a breaker. Gives the probe where that is what it takes.
///
/// # Errors
/// With the time to wait, in milliseconds, where nothing goes.
pub fn ask(breaker: &Breaker) -> Result<Option<Probe>, u64> {
    match breaker {
        Breaker::Closed => Ok(None),
        Breaker::Open { until_ms } => Err(until_ms.saturating_sub(clock::coarse_ms()).max(1)),
        Breaker::HalfOpen(slot) => slot.try_take().map(Some).ok_or(PROBING_MS),
    }
}

/// How long somebody is asked to wait while another one is trying.
const PROBING_MS: u64 = 1_000;

impl Cluster {
    /// Lets an exchange of this class in.
    ///
    /// # Errors
    /// With the reason, if it is not to come in.
    #[inline]
    pub fn enter(self: &Rc<Self>, class: Class) -> Result<Entry, Refused> {
        let probe = if self.is_closed() { None } else { self.ask_breaker()? };
        let permit = match &self.admission {
            None => None,
            Some(admission) => Some(admission.admit(class).map_err(Refused::Full)?),
        };
        Ok(self.let_in(probe, permit))
    }

    fn let_in(self: &Rc<Self>, probe: Option<Probe>, permit: Option<Permit>) -> Entry {
        self.metrics.requests.add(1);
        self.metrics.live.add(1);
        Entry { cluster: self.clone(), probe: Cell::new(probe), permit: Cell::new(permit) }
    }

    /// Lets in later whom [`Cluster::enter`] has refused for want of room, once it is their turn, where some may wait.
    ///
    /// # Errors
    /// With the reason, if they are not to come in.
    pub async fn enter_later(
        self: &Rc<Self>,
        class: Class,
        refused: Refused,
        deadlines: &Rc<Deadlines>,
    ) -> Result<Entry, Refused> {
        let admission = self.admission.as_ref().filter(|it| it.has_places());
        let (Some(admission), Refused::Full(_)) = (admission, refused) else { return Err(refused) };
        let deadline = Deadline::new(deadlines);
        let permit = admission.wait(class, &deadline).await.map_err(Refused::Full)?;
        // It may have opened meanwhile.
        let probe = if self.is_closed() { None } else { self.ask_breaker()? };
        Ok(self.let_in(probe, Some(permit)))
    }

    /// Looks at what has changed. Called every tick.
    pub fn tick(&self, now_ms: u64) {
        if let Some(admission) = &self.admission {
            admission.tick(now_ms);
        }
        if self.plan.endpoint_requests.is_some() {
            self.running().endpoints().iter().for_each(|endpoint| endpoint.slots.tick(0));
        }
    }

    /// Takes note of how long an attempt took: until the head of its answer was there, or until it was given up.
    #[inline]
    pub fn note(&self, is_success: bool, nanos: u64) {
        if let Some(admission) = &self.admission {
            admission.note(is_success, nanos);
        }
    }

    #[cold]
    fn ask_breaker(&self) -> Result<Option<Probe>, Refused> {
        ask(&self.breaker()).map_err(|retry_after_ms| {
            self.metrics.breaker_refused.add(1);
            Refused::Breaker { retry_after_ms }
        })
    }

    /// Spends one retry of the budget that all workers share.
    pub fn may_retry(&self) -> bool {
        let is_given = self.plan.budgets.retries.try_spend(self.plan.budgets.retry_earning, self.seen());
        if !is_given {
            self.metrics.retries_denied.add(1);
        }
        is_given
    }

    /// Spends one second attempt of the budget that all workers share.
    pub fn may_hedge(&self) -> bool {
        let is_given = self.plan.budgets.hedges.try_spend(self.plan.budgets.hedge_earning, self.seen());
        if !is_given {
            self.metrics.hedges_denied.add(1);
        }
        is_given
    }

    /// What all workers have seen of it.
    pub fn seen(&self) -> Seen {
        let (mut requests, mut live) = (0, 0);
        for worker in self.shards.iter() {
            requests += worker.requests.get();
            live += worker.live.get().max(0).cast_unsigned();
        }
        Seen { requests, live, now_ms: clock::coarse_ms() }
    }
}

/// How budgets are earned where nothing else is written.
pub const RETRIES: Earning = Earning { share: 0.2, per_second: 10.0 };
/// The same of second attempts beside the first.
pub const HEDGES: Earning = Earning { share: 0.05, per_second: 1.0 };

impl Entry {
    /// The room that it takes. Whoever has it gives it back once the cluster has nothing more to do with the exchange.
    #[inline]
    pub fn take_permit(&self) -> Option<Permit> {
        self.permit.take()
    }

    /// The try of the cluster's breaker that this exchange is, if it is one. Whoever takes it says how it went.
    #[inline]
    pub fn take_probe(&self) -> Option<Probe> {
        self.probe.take()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.cluster.metrics.live.sub(1);
    }
}
