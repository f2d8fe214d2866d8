//! A route's limits, all or nothing: what `rate_limit` and `early_rate_limit` do with a request.
//!
//! One limit is asked and takes at once. Of several, each holds what it would take until all have decided, so that a
//! request refused by one costs nothing at the others. Turns in a queue and times in a log cannot be held for others;
//! they come last.

use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;

use super::borrowing::Outcome;
use super::fields::Stands;
use super::ledger::{Held, Lack, Standing, Wish};
use super::plan::{LimitPlan, Wanted};
use super::waiting::Answered;
use super::worker::{Limit, Worker};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::rt::clock;

/// In this time a slot is surely back whose exchange has just ended.
const SLOT_COMES_BACK: Duration = Duration::from_millis(5);

/// The limits of a route on one worker.
pub struct Gate {
    worker: Rc<Worker>,
    limits: Box<[Guard]>,
}

struct Guard {
    plan: LimitPlan,
    limit: Rc<Limit>,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A limit is reached. Not before this time.
    Limited(u64),
    /// It lacks a part of a key.
    KeyMissing,
}

/// How one of the limits stands.
#[derive(Debug, Clone, Copy)]
pub struct Stand {
    /// Its place among those of the policy.
    pub limit: usize,
    /// Its rule's place.
    pub rule: usize,
    /// How it stands.
    pub standing: Standing,
}

/// Limits of a policy for which a request asks no memory. More would make the task of every exchange larger.
const LIMITS: usize = 2;

/// What a request wants, by the place of the limit.
type Wishes = SmallVec<[(usize, Wish); LIMITS]>;

impl Gate {
    /// Starts the limits of a policy, or takes those up that run already.
    pub fn start(plans: &[LimitPlan], ground: &Ground<'_>) -> Self {
        let worker = ground.bench.rates.clone();
        let start =
            |plan: &LimitPlan| Guard { limit: worker.limit(plan, ground.registry), plan: plan.clone() };
        let limits = plans.iter().map(start).collect();
        Self { worker, limits }
    }

    /// Admits a request, perhaps after a while, or refuses it.
    ///
    /// # Errors
    /// With the reason.
    pub async fn admit(&self, exchange: &Exchange, stands: &mut Stands) -> Result<(), Refusal> {
        let wishes = self.wishes(exchange)?;
        let now = clock::nanos();
        stands.at = now;
        let decided = match &wishes[..] {
            [] => return Ok(()),
            [(at, wish)] => self.take(*at, wish, now).await,
            _ => self.take_all(&wishes, now).await,
        };
        stands.limits.extend(wishes.iter().map(|(at, wish)| self.stand(*at, wish, now)));
        let count = |with: fn(&crate::telemetry::metrics::RateMetrics)| {
            wishes.iter().for_each(|(at, _)| self.limits[*at].limit.count(with));
        };
        match decided {
            Ok(go_at) => {
                count(|metrics| metrics.admitted.add(1));
                if go_at > now {
                    count(|metrics| metrics.waited.add(1));
                    // Boxed, like everything here that is rare: it would make the task of every exchange as large.
                    Box::pin(monoio::time::sleep(Duration::from_nanos(go_at - now))).await;
                }
                Ok(())
            }
            Err((at, not_before)) => {
                self.limits[at].limit.count(|metrics| metrics.refused.add(1));
                Err(Refusal::Limited(not_before))
            }
        }
    }

    /// Gives the only slot a request wants, to be held until its end.
    ///
    /// # Errors
    /// With the reason.
    pub async fn hold(&self, exchange: &Exchange) -> Result<Option<super::hold::Hold>, Refusal> {
        let wishes = self.wishes(exchange)?;
        let Some((at, wish)) = wishes.first() else { return Ok(None) };
        let limit = &self.limits[*at].limit;
        let mut held = self.held(*at, wish, clock::nanos()).await;
        if held.is_err() {
            // A client that comes again as soon as it has its answer may be here before its slot is.
            Box::pin(monoio::time::sleep(SLOT_COMES_BACK)).await;
            held = Box::pin(self.held(*at, wish, clock::nanos())).await;
        }
        match held {
            Ok(mut holding) => {
                limit.count(|metrics| metrics.admitted.add(1));
                let held = holding.commit();
                Ok(held.map(|held| super::hold::Hold::new(self.worker.clone(), limit.clone(), *wish, held)))
            }
            Err((_, not_before)) => {
                limit.count(|metrics| metrics.refused.add(1));
                Err(Refusal::Limited(not_before))
            }
        }
    }

    fn wishes(&self, exchange: &Exchange) -> Result<Wishes, Refusal> {
        let mut wishes = Wishes::new();
        for (at, guard) in self.limits.iter().enumerate() {
            match guard.plan.wanted(exchange) {
                Wanted::Wish(wish) => wishes.push((at, wish)),
                Wanted::Nothing => {}
                Wanted::Refused => return Err(Refusal::KeyMissing),
            }
        }
        Ok(wishes)
    }

    async fn take(&self, at: usize, wish: &Wish, now: u64) -> Result<u64, (usize, u64)> {
        let limit = &self.limits[at].limit;
        match self.worker.with(limit, |ledger, out| ledger.take(wish, now, out)) {
            Ok(go_at) => return Ok(go_at),
            Err(Lack::Refused(not_before)) => return Err((at, not_before)),
            Err(Lack::Unknown) => {}
        }
        match self.worker.ask(limit, wish, false, now).await {
            Outcome::Given(go_at) => Ok(go_at),
            Outcome::Refused(not_before) => Err((at, not_before)),
            Outcome::Held(_) | Outcome::Unknown => Err((at, now)),
        }
    }

    async fn take_all(&self, wishes: &Wishes, now: u64) -> Result<u64, (usize, u64)> {
        let mut holdings = SmallVec::<[Holding<'_>; LIMITS]>::new();
        let mut asked: Vec<(usize, Wish, Answered)> = Vec::new();
        for (at, wish) in wishes.iter().filter(|(at, _)| self.can_lend(*at)) {
            let limit = &self.limits[*at].limit;
            match self.worker.with(limit, |ledger, out| ledger.hold(wish, now, out)) {
                Ok(held) => holdings.push(self.holding(*at, wish, held)),
                Err(Lack::Refused(not_before)) => return Err((*at, not_before)),
                Err(Lack::Unknown) => asked.push((*at, *wish, self.worker.ask(limit, wish, true, now))),
            }
        }
        for (at, wish, answered) in asked {
            holdings.push(self.answered(at, &wish, answered.await)?);
        }
        for (at, wish) in wishes.iter().filter(|(at, _)| !self.can_lend(*at)) {
            holdings.push(Box::pin(self.held(*at, wish, now)).await?);
        }
        let mut go_at = now;
        for holding in &mut holdings {
            go_at = go_at.max(holding.commit().map_or(now, |held| held.go_at));
        }
        Ok(go_at)
    }

    async fn held(&self, at: usize, wish: &Wish, now: u64) -> Result<Holding<'_>, (usize, u64)> {
        let limit = &self.limits[at].limit;
        match self.worker.with(limit, |ledger, out| ledger.hold(wish, now, out)) {
            Ok(held) => Ok(self.holding(at, wish, held)),
            Err(Lack::Refused(not_before)) => Err((at, not_before)),
            Err(Lack::Unknown) => {
                let outcome = self.worker.ask(limit, wish, true, now).await;
                self.answered(at, wish, outcome)
            }
        }
    }

    fn answered(&self, at: usize, wish: &Wish, outcome: Outcome) -> Result<Holding<'_>, (usize, u64)> {
        match outcome {
            Outcome::Held(held) => Ok(self.holding(at, wish, held)),
            Outcome::Refused(not_before) => Err((at, not_before)),
            Outcome::Given(_) | Outcome::Unknown => Err((at, 0)),
        }
    }

    fn holding(&self, at: usize, wish: &Wish, held: Held) -> Holding<'_> {
        Holding { worker: &self.worker, limit: &self.limits[at].limit, wish: *wish, held: Some(held) }
    }

    fn can_lend(&self, at: usize) -> bool {
        self.limits[at].plan.rules[0].1.can_lend()
    }

    fn stand(&self, at: usize, wish: &Wish, now: u64) -> Stand {
        let Guard { plan, limit, .. } = &self.limits[at];
        let rule = plan.rules.iter().position(|(tier, _)| *tier == wish.tier).unwrap_or(0);
        Stand { limit: at, rule, standing: limit.ledger.borrow().standing(wish, now) }
    }
}

/// Something held, which is given back unless it is committed.
struct Holding<'a> {
    worker: &'a Worker,
    limit: &'a Limit,
    wish: Wish,
    held: Option<Held>,
}

impl Holding<'_> {
    fn commit(&mut self) -> Option<Held> {
        let held = self.held.take()?;
        self.worker.with(self.limit, |ledger, out| ledger.commit(&self.wish, &held, clock::nanos(), out));
        Some(held)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.worker.cancel(self.limit, &self.wish, &held);
        }
    }
}
