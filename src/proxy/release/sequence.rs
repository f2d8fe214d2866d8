//! Which variant is next, where nobody has to stay with one: a worker's own sequence, as even as whole numbers can be.
//!
//! A chain of Bresenham's lines: the smallest share is taken out of all requests, the next one out of those that are left,
//! and so on. One addition and one comparison for each variant that is passed by; no randomness, no clock, nothing shared.
//!
//! What holds, with shares in thousandths:
//! - *On a worker* any 1000 requests in a row are split exactly, wherever one begins to count: the first line comes back
//!   to where it was after 1000 requests, the second after those of them that it sees, and so on. In between, a variant is
//!   off by less than one request with two variants, by less than their number less one with more.
//! - *On the box* with N workers, whichever of them serve how many of any 1000 requests, a share of two variants is off by
//!   less than N requests: by less than one for each worker.
//! - Workers begin at different places: worker k of N has gone k/N of the way to its first one. Where they have served
//!   equally many requests, the box has the very count that one sequence for all would have, since
//!   floor(x) + floor(x + 1/N) + ... + floor(x + (N-1)/N) = floor(N x) (Hermite's identity).

use smallvec::SmallVec;

use super::shares::{Shares, WHOLE};

/// One worker's sequence. Begins anew with other shares.
#[derive(Debug, Clone)]
pub struct Sequence {
    lines: SmallVec<[Line; 3]>,
    /// Who gets what no line has taken.
    last: usize,
}

/// Takes `step` of every `period` requests that come by.
#[derive(Debug, Clone)]
struct Line {
    variant: usize,
    step: u32,
    period: u32,
    /// Below `period`.
    at: u32,
}

impl Sequence {
    /// Of worker `worker` of `workers`.
    pub fn new(shares: &Shares, worker: usize, workers: usize) -> Self {
        let mut order: SmallVec<[usize; 4]> =
            (0..shares.parts().len()).filter(|&variant| shares.of(variant) > 0).collect();
        order.sort_by_key(|&variant| shares.of(variant));
        let last = order.pop().unwrap_or(0);
        let mut left = WHOLE;
        let lines = order
            .into_iter()
            .map(|variant| {
                let (period, step) = (left, shares.of(variant));
                left -= step;
                let at = (u64::from(period) * worker as u64 / workers.max(1) as u64) as u32 % period;
                Line { variant, step, period, at }
            })
            .collect();
        Self { lines, last }
    }

    /// The next request's.
    #[inline]
    pub fn deal(&mut self) -> usize {
        for line in &mut self.lines {
            line.at += line.step;
            if line.at >= line.period {
                line.at -= line.period;
                return line.variant;
            }
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares() -> impl Strategy<Value = Shares> {
        prop::collection::vec(0u32..=1000, 1..6)
            .prop_filter_map("nothing", |weights| Shares::by_weight(&weights))
    }

    fn counts(sequence: &mut Sequence, variants: usize, requests: usize) -> Vec<u32> {
        let mut counts = vec![0; variants];
        (0..requests).for_each(|_| counts[sequence.deal()] += 1);
        counts
    }

    proptest! {
        #[test]
        fn any_thousand_requests_of_a_worker_are_exact(
            shares in shares(), worker in 0usize..64, workers in 1usize..64, skipped in 0usize..5_000,
        ) {
            let mut sequence = Sequence::new(&shares, worker % workers, workers);
            counts(&mut sequence, shares.parts().len(), skipped);
            let counts = counts(&mut sequence, shares.parts().len(), WHOLE as usize);
            prop_assert_eq!(&counts[..], shares.parts());
        }

        #[test]
        fn any_stretch_of_a_worker_is_off_by_less_than_the_others_there_are(
            shares in shares(), skipped in 0usize..1_000, requests in 1usize..3_000,
        ) {
            let variants = shares.parts().len();
            let mut sequence = Sequence::new(&shares, 0, 1);
            counts(&mut sequence, variants, skipped);
            let counts = counts(&mut sequence, variants, requests);
            let running = shares.parts().iter().filter(|part| **part > 0).count();
            for (count, part) in counts.iter().zip(shares.parts()) {
                let off = (f64::from(*count) - requests as f64 * f64::from(*part) / 1e3).abs();
                prop_assert!(off < (running.max(2) - 1) as f64, "{off} with {:?}", shares);
            }
        }

        #[test]
        fn any_thousand_requests_of_the_box_are_off_by_less_than_one_for_each_worker(
            canary in 0u32..=1000, workers in 1usize..17, order in prop::collection::vec(0usize..17, 3_000), from in 0usize..2_000,
        ) {
            let shares = Shares::exactly(&[WHOLE - canary, canary]).expect("the whole");
            let mut sequences: Vec<_> =
                (0..workers).map(|worker| Sequence::new(&shares, worker, workers)).collect();
            let chosen: Vec<usize> = order.iter().map(|worker| sequences[worker % workers].deal()).collect();
            let count = chosen[from..from + 1000].iter().filter(|variant| **variant == 1).count();
            let off = (count as f64 - f64::from(canary)).abs();
            prop_assert!(off < workers as f64, "{off} with {workers} workers");
        }

        #[test]
        fn workers_that_served_as_many_have_what_one_sequence_would_have(
            canary in 0u32..=500, workers in prop::sample::select(vec![1usize, 2, 4, 5, 8, 10]), each in 1usize..3_000,
        ) {
            let shares = Shares::exactly(&[WHOLE - canary, canary]).expect("the whole");
            let of = |worker, workers, requests| counts(&mut Sequence::new(&shares, worker, workers), 2, requests)[1];
            let together: u32 = (0..workers).map(|worker| of(worker, workers, each)).sum();
            prop_assert_eq!(together, of(0, 1, each * workers));
        }
    }

    #[test]
    fn a_tenth_comes_every_tenth_time() {
        let shares = Shares::by_weight(&[9, 1]).expect("a weight");
        let mut sequence = Sequence::new(&shares, 0, 1);
        let chosen: Vec<usize> = (0..20).map(|_| sequence.deal()).collect();
        assert_eq!(chosen, [[0; 9].as_slice(), &[1], &[0; 9], &[1]].concat());
    }

    #[test]
    fn who_has_nothing_gets_nothing() {
        let mut sequence = Sequence::new(&Shares::all_for(2, 4), 1, 3);
        assert_eq!(counts(&mut sequence, 4, 5_000), [0, 0, 5_000, 0]);
    }
}
