//! How long an endpoint makes one wait, by what it did lately: a moving average that rises at once and falls slowly.
//!
//! Peak EWMA as in Finagle and Linkerd. A worker's own, in Cells. Times come in as arguments.

use std::cell::Cell;

/// In which what is known loses all but a third of its weight. Linkerd and Finagle have the same.
const DECAY_MS: f64 = 10_000.0;
/// Nanoseconds that an endpoint is taken to need which has not answered yet but is being asked: more than any that has.
const UNKNOWN_NANOS: f64 = 1e12;
/// The least that a failure is taken for: an endpoint that fails at once must not look quick.
const FAILURE_NANOS_MIN: f64 = 10e6;
/// The most that failures make of it. Beyond that nothing gets worse.
const FAILURE_NANOS_MAX: f64 = 10e9;
/// Less is as good as never heard of.
const KNOWN_NANOS_MIN: f64 = 1.0;

/// What is known of one endpoint.
#[derive(Debug, Default)]
pub struct PeakEwma {
    nanos: Cell<f64>,
    at_ms: Cell<u64>,
}

impl PeakEwma {
    /// An answer that took so long.
    pub fn observe(&self, nanos: u64, now_ms: u64) {
        let (known, sample) = (self.nanos.get(), nanos as f64);
        let rest = decay(now_ms.saturating_sub(self.at_ms.get()));
        // A peak counts at once; what is better has to be so for a while.
        let next = if sample > known { sample } else { known * rest + sample * (1.0 - rest) };
        self.nanos.set(next);
        self.at_ms.set(now_ms.max(self.at_ms.get()));
    }

    /// A failure after so long: each makes it twice as slow.
    pub fn fail(&self, nanos: u64, now_ms: u64) {
        let doubled = (self.at(now_ms) * 2.0).clamp(FAILURE_NANOS_MIN, FAILURE_NANOS_MAX);
        self.observe(nanos.max(doubled as u64), now_ms);
    }

    /// An exchange that was given up: it would have taken at least so long.
    pub fn abandon(&self, nanos: u64, now_ms: u64) {
        if nanos as f64 > self.at(now_ms) {
            self.observe(nanos, now_ms);
        }
    }

    /// Nanoseconds that an answer takes, as far as is known now. Falls while nothing is heard, so that a slow endpoint is
    /// tried again.
    pub fn at(&self, now_ms: u64) -> f64 {
        let known = self.nanos.get();
        if known < KNOWN_NANOS_MIN { 0.0 } else { known * decay(now_ms.saturating_sub(self.at_ms.get())) }
    }
}

/// What one more request at an endpoint costs that answers in `nanos` and has `in_flight` of weight `weight`.
pub fn cost(nanos: f64, in_flight: u32, weight: u32) -> f64 {
    let waiting = f64::from(in_flight);
    // One that is not known is tried, by one request at a time.
    let cost = match nanos < KNOWN_NANOS_MIN {
        true if in_flight > 0 => UNKNOWN_NANOS + waiting,
        true => 0.0,
        false => nanos * (waiting + 1.0),
    };
    cost / f64::from(weight)
}

fn decay(elapsed_ms: u64) -> f64 {
    if elapsed_ms == 0 {
        return 1.0;
    }
    (-(elapsed_ms as f64) / DECAY_MS).exp()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let ewma = PeakEwma::default();
        ewma.observe(5 * MS, 0);
        ewma.observe(100 * MS, 10);
        assert!((ewma.at(10) - 100e6).abs() < 1.0);
        ewma.observe(5 * MS, 1_010);
        let after = ewma.at(1_010);
        assert!(after > 85e6 && after < 95e6, "{after}");
        assert!(ewma.at(31_010) < 6e6, "nothing heard for 30 s");
    }

    #[test]
    fn failing_at_once_is_not_quick() {
        let (good, bad) = (PeakEwma::default(), PeakEwma::default());
        for turn in 0..20 {
            good.observe(50 * MS, turn * 10);
            bad.fail(MS, turn * 10);
        }
        assert!(bad.at(200) > 10.0 * good.at(200));
        assert!(bad.at(200) <= FAILURE_NANOS_MAX);
    }

    #[test]
    fn what_was_given_up_tells_only_that_it_took_so_long() {
        let ewma = PeakEwma::default();
        ewma.observe(50 * MS, 0);
        ewma.abandon(MS, 0);
        assert!((ewma.at(0) - 50e6).abs() < 1.0);
        ewma.abandon(80 * MS, 0);
        assert!((ewma.at(0) - 80e6).abs() < 1.0);
    }

    #[test]
    fn an_unknown_endpoint_is_tried_by_one_request() {
        assert!(cost(0.0, 0, 1) < cost(1e6, 0, 1));
        assert!(cost(0.0, 1, 1) > cost(1e9, 100, 1));
        assert!(cost(1e6, 4, 10) < cost(1e6, 1, 1), "the heavier takes more");
    }

    proptest! {
        #[test]
        fn stays_between_the_least_and_the_most_that_was_seen(samples in vec((1u64..10_000, 0u64..5_000), 1..60)) {
            let ewma = PeakEwma::default();
            let mut now = 0;
            let (mut least, mut most) = (f64::MAX, 0.0f64);
            for (sample_us, pause) in samples {
                now += pause;
                ewma.observe(sample_us * 1_000, now);
                let sample = sample_us as f64 * 1e3;
                (least, most) = (least.min(sample), most.max(sample));
                prop_assert!(ewma.at(now) >= sample.min(least) - 1.0 && ewma.at(now) <= most + 1.0);
                prop_assert!(ewma.at(now) + 1.0 >= sample, "a peak is never hidden");
                prop_assert!(ewma.at(now + 1_000) < ewma.at(now));
            }
        }
    }
}
