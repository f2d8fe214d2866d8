//! A budget for what is done in excess: so much for each request, and a little in any case.
//!
//! One number for the machine. Earned by a count of requests that only grows and is read when something is to be spent;
//! so the path of a request that spends nothing does not touch it. Amounts are thousandths. Never more is spent than
//! was earned: whoever sees a larger count credits the difference, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What one thing costs.
const ONE: i64 = 1_000;

/// How a budget is earned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earning {
    /// For each request, 0 to 1.
    pub share: f64,
    /// In any case, a second. Also what is there at the beginning.
    pub per_second: f64,
}

/// A budget. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<Inner>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Inner {
    /// Thousandths that are left.
    left: AtomicI64,
    /// The largest count of requests that was credited.
    credited: AtomicU64,
    /// Until when time was credited, in milliseconds; 0 before the first.
    credited_ms: AtomicU64,
}

/// What has happened so far, as whoever spends sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Requests since the process began.
    pub requests: u64,
    /// Requests under way.
    pub live: u64,
    /// By the coarse clock.
    pub now_ms: u64,
}

impl Budget {
    /// Spends one, if there is one. What is saved up is bounded by what the requests under way would earn, so that a
    /// long calm does not pay for a storm.
    pub fn try_spend(&self, earning: Earning, seen: Seen) -> bool {
        self.credit(earning, seen);
        let spent = self
            .0
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left >= ONE).then_some(left - ONE));
        spent.is_ok()
    }

    /// What is left, in whole things.
    pub fn left(&self, earning: Earning, seen: Seen) -> u64 {
        self.credit(earning, seen);
        u64::try_from(self.0.left.load(Ordering::Relaxed) / ONE).unwrap_or(0)
    }

    fn credit(&self, earning: Earning, seen: Seen) {
        let before = self.0.credited.fetch_max(seen.requests, Ordering::Relaxed);
        let requests = seen.requests.saturating_sub(before);
        let before_ms = self.0.credited_ms.fetch_max(seen.now_ms.max(1), Ordering::Relaxed);
        // At the beginning there is what a second earns.
        let passed_ms = if before_ms == 0 { 1_000 } else { seen.now_ms.saturating_sub(before_ms) };
        let earned = requests as f64 * earning.share * 1e3 + passed_ms as f64 * earning.per_second;
        let most = (earning.per_second.max(1.0)).max(seen.live as f64 * earning.share) * 1e3;
        let (earned, most) = (earned.min(most) as i64, most as i64);
        // What somebody has saved up already stays, though no more may be saved now.
        let _ = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_add(earned).min(most.max(left)))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARNING: Earning = Earning { share: 0.2, per_second: 10.0 };

    #[test]
    fn a_storm_spends_what_requests_earn_and_a_little() {
        let budget = Budget::default();
        let mut spent = 0_u64;
        for requests in 1..=100_000_u64 {
            let seen = Seen { requests, live: 50, now_ms: 1_000 + requests / 100 };
            spent += (0..5).filter(|_| budget.try_spend(EARNING, seen)).count() as u64;
        }
        // A second's worth at the beginning, a second passed, and a fifth of the requests.
        let most = 10 + 10 + 20_000;
        assert!((most - 100..=most).contains(&spent), "{spent}");
    }

    #[test]
    fn a_long_calm_pays_for_no_storm() {
        let budget = Budget::default();
        let calm = Seen { requests: 1_000_000, live: 1_000, now_ms: 3_600_000 };
        assert_eq!(budget.left(EARNING, calm), 200);
        assert_eq!((0..1_000).filter(|_| budget.try_spend(EARNING, calm)).count(), 200);
        assert!(!budget.try_spend(EARNING, calm));
    }

    #[test]
    fn who_sends_little_has_a_little_in_any_case() {
        let budget = Budget::default();
        let seen = |now_ms| Seen { requests: 1, live: 1, now_ms };
        assert_eq!((0..20).filter(|_| budget.try_spend(EARNING, seen(5_000))).count(), 10);
        assert_eq!((0..20).filter(|_| budget.try_spend(EARNING, seen(5_500))).count(), 5);
        assert!(!budget.try_spend(EARNING, seen(5_400)), "a clock that is read late earns nothing twice");
    }

    #[test]
    fn several_threads_spend_no_more_than_one_would() {
        let budget = Budget::default();
        let spent: usize = std::thread::scope(|scope| {
            let work = || {
                let seen = |requests| Seen { requests, live: 1_000_000, now_ms: 1 };
                (0..10_000).filter(|&requests| budget.try_spend(EARNING, seen(requests))).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(spent <= 10 + 2_000, "{spent}");
    }
}
