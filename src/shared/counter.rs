//! Numbers with one writer and any number of readers.
//!
//! Owns one word each. Writing is a plain load and store (no locked instruction, 1 ns or less), which is only
//! right because each lives in a slot with a single writer ([`super::sharded`]). A reader may be a moment
//! behind; it never sees a torn word. Two writers would lose counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A count that only grows. One writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`; wraps after 2^64.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The count so far.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An amount that grows and shrinks. One writer.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `amount`.
    #[inline]
    pub fn add(&self, amount: i64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Takes `amount` away.
    #[inline]
    pub fn sub(&self, amount: i64) {
        self.add(amount.wrapping_neg());
    }

    /// Replaces the amount.
    #[inline]
    pub fn set(&self, amount: i64) {
        self.0.store(amount, Ordering::Relaxed);
    }

    /// The amount now.
    #[inline]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How durations are distributed over fixed buckets. One writer. The sum and the buckets below 5 ms, where nearly all
/// durations are, share a cache line: with many histograms none is in a cache.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Histogram {
    sum_nanos: Counter,
    buckets: [Counter; BUCKETS],
}

/// What a [`Histogram`] held at one moment; adds up over workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Durations per bucket (not cumulative); the last one is everything beyond [`BOUNDS_NANOS`].
    pub counts: [u64; BUCKETS],
    /// Sum of all durations in nanoseconds.
    pub sum_nanos: u64,
}

impl Histogram {
    /// Counts one duration. A bound belongs to the bucket it closes, as `le` says.
    #[inline]
    pub fn record(&self, nanos: u64) {
        // Bounds are at least twice their predecessors, so at most one is as long in bits.
        let first = usize::from(FIRST_OF_BITS[(u64::BITS - nanos.leading_zeros()) as usize]);
        let is_beyond = BOUNDS_NANOS.get(first).is_some_and(|bound| *bound < nanos);
        self.buckets[(first + usize::from(is_beyond)).min(BUCKETS - 1)].add(1);
        self.sum_nanos.add(nanos);
    }

    /// What it holds now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            counts: std::array::from_fn(|index| self.buckets[index].get()),
            sum_nanos: self.sum_nanos.get(),
        }
    }
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], sum_nanos: 0 }
    }
}

impl HistogramSnapshot {
    /// Adds what another worker recorded.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.wrapping_add(theirs);
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bounds in seconds, infinity for the last, each with its own (not cumulative) count.
    pub fn seconds(&self) -> [(f64, u64); BUCKETS] {
        std::array::from_fn(|index| {
            // The quotient of these literals prints as it is written in the pages: 0.00005, not 4.9e-5.
            let bound = BOUNDS_NANOS.get(index).map_or(f64::INFINITY, |nanos| *nanos as f64 / 1e9);
            (bound, self.counts[index])
        })
    }
}

/// Upper bounds in nanoseconds, 50 us to 60 s: the finest tell a gateway's own cost, the widest its timeouts.
pub const BOUNDS_NANOS: [u64; BUCKETS - 1] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// For durations of so many bits, how many bounds have fewer.
const FIRST_OF_BITS: [u8; u64::BITS as usize + 1] = {
    let mut first = [0; u64::BITS as usize + 1];
    let mut bits = 0;
    while bits < first.len() {
        while (first[bits] as usize) < BOUNDS_NANOS.len()
            && u64::BITS - BOUNDS_NANOS[first[bits] as usize].leading_zeros() < bits as u32
        {
            first[bits] += 1;
        }
        bits += 1;
    }
    first
};

/// Buckets of a histogram: one per bound and one beyond.
pub const BUCKETS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gauge_goes_below_zero_and_back() {
        let gauge = Gauge::default();
        gauge.sub(3);
        assert_eq!(gauge.get(), -3);
        gauge.add(5);
        assert_eq!(gauge.get(), 2);
        gauge.set(9);
        assert_eq!(gauge.get(), 9);
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_it_closes() {
        for (index, bound) in BOUNDS_NANOS.iter().enumerate() {
            let histogram = Histogram::default();
            histogram.record(*bound);
            histogram.record(*bound + 1);
            let snapshot = histogram.snapshot();
            assert_eq!((snapshot.counts[index], snapshot.counts[index + 1]), (1, 1));
        }
    }

    #[test]
    fn bounds_at_least_double() {
        assert!(BOUNDS_NANOS.is_sorted_by(|a, b| 2 * a <= *b));
    }

    #[test]
    fn bounds_print_in_seconds() {
        let bounds = HistogramSnapshot::default().seconds();
        assert_eq!(bounds[0].0.to_string(), "0.00005");
        assert_eq!(bounds[18].0.to_string(), "60");
        assert_eq!(bounds[19].0, f64::INFINITY);
    }

    proptest! {
        #[test]
        fn every_duration_is_counted_once_where_a_search_puts_it(nanos in prop::collection::vec(0u64..120_000_000_000, 0..50)) {
            let histogram = Histogram::default();
            let mut expected = HistogramSnapshot::default();
            for value in &nanos {
                histogram.record(*value);
                expected.counts[BOUNDS_NANOS.iter().position(|bound| value <= bound).unwrap_or(BUCKETS - 1)] += 1;
                expected.sum_nanos += value;
            }
            prop_assert_eq!(histogram.snapshot(), expected);
        }
    }
}
