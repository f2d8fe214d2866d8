//! How long a first attempt is waited for before a second endpoint is asked.
//!
//! A fixed time, or what 95 % of the route's answers took at most in the last ten seconds, on all workers, looked at once a
//! second. Before there are enough of them, nobody is asked twice.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use crate::shared::counter::HistogramSnapshot;
use crate::shared::sharded::Sharded;
use crate::telemetry::metrics::RouteMetrics;

/// How far back is looked.
const WINDOW_MS: u64 = 10_000;
/// Between two looks.
const LOOK_MS: u64 = 1_000;
/// Answers that a percentile needs to mean anything.
const ANSWERS_MIN: u64 = 100;
/// Which percentile.
const QUANTILE: f64 = 0.95;

/// How long a first attempt is waited for.
pub struct HedgeClock {
    fixed: Option<Duration>,
    at_least: Duration,
    figures: Sharded<RouteMetrics>,
    /// What was there at former looks, the oldest first, with the time.
    looks: RefCell<VecDeque<(u64, HistogramSnapshot)>>,
    current: Cell<Option<Duration>>,
}

impl HedgeClock {
    /// For a route with these figures, of all workers.
    pub fn new(fixed: Option<Duration>, at_least: Duration, figures: Sharded<RouteMetrics>) -> Self {
        let current = Cell::new(fixed.map(|fixed| fixed.max(at_least)));
        Self { fixed, at_least, figures, looks: RefCell::default(), current }
    }

    /// How long; none while that is not known.
    pub fn wait(&self, now_ms: u64) -> Option<Duration> {
        if self.fixed.is_none() {
            self.look(now_ms);
        }
        self.current.get()
    }

    fn look(&self, now_ms: u64) {
        let mut looks = self.looks.borrow_mut();
        if looks.back().is_some_and(|(at_ms, _)| now_ms.saturating_sub(*at_ms) < LOOK_MS) {
            return;
        }
        let mut now = HistogramSnapshot::default();
        for worker in self.figures.iter() {
            now.merge(&worker.upstream_duration.snapshot());
        }
        while looks.len() > 1 && looks.front().is_some_and(|(at_ms, _)| at_ms + WINDOW_MS < now_ms) {
            looks.pop_front();
        }
        let before = looks.front().map(|(_, before)| before.clone()).unwrap_or_default();
        self.current.set(quantile(&before, &now).map(|it| it.max(self.at_least)));
        looks.push_back((now_ms, now));
    }
}

/// The percentile of what came between two looks; within a bucket as if all were spread evenly.
fn quantile(before: &HistogramSnapshot, now: &HistogramSnapshot) -> Option<Duration> {
    let rows: Vec<(f64, u64)> = now
        .seconds()
        .iter()
        .zip(before.counts)
        .map(|((bound, count), before)| (*bound, count.wrapping_sub(before)))
        .collect();
    let total: u64 = rows.iter().map(|(_, count)| count).sum();
    if total < ANSWERS_MIN {
        return None;
    }
    let wanted = total as f64 * QUANTILE;
    let (mut below, mut from) = (0.0, 0.0);
    for (bound, count) in rows {
        let here = count as f64;
        if below + here >= wanted {
            // Nothing is known beyond the last bound.
            let seconds =
                if bound.is_finite() { from + (bound - from) * (wanted - below) / here } else { from };
            return Some(Duration::from_secs_f64(seconds));
        }
        (below, from) = (below + here, bound);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(fixed: Option<Duration>) -> (HedgeClock, Sharded<RouteMetrics>) {
        let figures = Sharded::new(2, |_| RouteMetrics::default());
        (HedgeClock::new(fixed, Duration::from_millis(5), figures.clone()), figures)
    }

    #[test]
    fn a_fixed_time_is_that_but_never_less_than_the_least() {
        let ms = Duration::from_millis;
        assert_eq!(clock(Some(ms(40))).0.wait(1), Some(ms(40)));
        assert_eq!(clock(Some(ms(1))).0.wait(1), Some(ms(5)));
    }

    #[test]
    fn follows_what_the_answers_of_all_workers_took() {
        let (clock, figures) = clock(None);
        assert_eq!(clock.wait(0), None, "nothing is known");
        for at in 0..100 {
            figures.slot(at % 2).upstream_duration.record(if at < 90 { 20_000_000 } else { 400_000_000 });
        }
        assert_eq!(clock.wait(500), None, "not looked at yet");
        let waited = clock.wait(1_000).expect("a hundred are enough").as_millis();
        assert!((250..=500).contains(&waited), "{waited}");
        for _ in 0..2_000 {
            figures.slot(0).upstream_duration.record(20_000_000);
        }
        for second in 2..20 {
            clock.wait(second * 1_000);
        }
        assert_eq!(clock.wait(20_000), None, "all of it is long ago");
    }
}
