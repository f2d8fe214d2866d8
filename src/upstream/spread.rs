//! What decides between endpoints besides their balancer: tiers, zones, verdicts, age.
//!
//! From a set of endpoints and what is believed of them to the numbers that [`layout`](super::balance::layout) takes. The
//! same for workers, `explain` and metrics; sends nothing and owns nothing.

use super::balance::layout::{Part, Rules, Seat, Standing, parts};
use super::balance::slow_start::SlowStart;
use super::balance::tiers::WHOLE;
use super::set::EndpointSet;
use super::verdict::{Breaker, Verdict, Verdicts};
use crate::shared::probe::ProbeSlot;

/// What decides between the endpoints of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// How tiers, zones and subsets share.
    pub rules: Rules,
    /// The gateway's zone, where that makes a difference.
    pub own_zone: Option<Box<str>>,
    /// How endpoints grow into their share, where they do.
    pub slow_start: Option<SlowStart>,
}

/// A set of endpoints as numbers.
#[derive(Debug, Default)]
pub struct Assessed {
    /// Those that are chosen from, by index.
    pub seats: Vec<Seat>,
    /// Those that one exchange may try.
    pub half_open: Vec<(u16, ProbeSlot)>,
    /// When one of them has grown.
    pub due_ms: Option<u64>,
}

impl Spread {
    /// The endpoints that are chosen from, as they are now. `joined_ms` is when each came, 0 where it has been there.
    pub fn assess(
        &self,
        set: &EndpointSet,
        verdicts: &Verdicts,
        joined_ms: &dyn Fn(usize) -> u64,
        now_ms: u64,
    ) -> Assessed {
        let mut assessed = Assessed::default();
        for (endpoint, index) in set.chosen().iter().zip(0_u16..) {
            let verdict = verdicts.endpoints.get(&endpoint.label);
            if let Some(Breaker::HalfOpen(slot)) = verdict.map(|verdict| &verdict.breaker) {
                assessed.half_open.push((index, slot.clone()));
            }
            let back_ms = verdict.and_then(|verdict| verdict.back_since_ms).unwrap_or(0);
            let since_ms = back_ms.max(joined_ms(usize::from(index)));
            let (strength, due_ms) = self.strength(since_ms, now_ms);
            assessed.due_ms = [assessed.due_ms, due_ms].into_iter().flatten().min();
            assessed.seats.push(Seat {
                weight: endpoint.weight,
                tier: endpoint.tier,
                is_own_zone: self.own_zone.is_some() && endpoint.zone == self.own_zone,
                standing: verdict.map_or(Standing::Used, standing),
                strength,
            });
        }
        assessed
    }

    fn strength(&self, since_ms: u64, now_ms: u64) -> (u32, Option<u64>) {
        match self.slow_start {
            Some(slow) if since_ms > 0 => slow.strength(since_ms, now_ms),
            _ => (WHOLE, None),
        }
    }

    /// How all requests are shared, for people. What is growing has its full share here.
    pub fn parts(&self, set: &EndpointSet, verdicts: &Verdicts) -> Vec<Part> {
        parts(&self.assess(set, verdicts, &|_| 0, 0).seats, &self.rules.for_kind(&set.balance))
    }
}

fn standing(verdict: &Verdict) -> Standing {
    match (&verdict.breaker, verdict.out) {
        (Breaker::Closed, None) => Standing::Used,
        (Breaker::Closed, Some(_)) => Standing::Out,
        (Breaker::Open { .. } | Breaker::HalfOpen(_), _) => Standing::Barred,
    }
}
