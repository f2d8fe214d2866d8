//! Which requests are copied: a share of them, spread as evenly as a sequence can be.
//!
//! Steps through the circle by the golden section (Weyl, 1916): of any stretch of requests the share is met to within a few,
//! and what comes in a rhythm is not always taken at the same beat, as every tenth request would be.

use std::cell::Cell;

/// 2^64 over the golden section.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Chooses for one route on one worker.
#[derive(Debug)]
pub struct Chooser {
    /// Positions on the circle below this are taken. None takes all.
    below: Option<u64>,
    position: Cell<u64>,
}

impl Chooser {
    /// Takes so many of a million. Workers begin at positions of their own.
    pub fn new(millionths: u32, worker: usize) -> Self {
        let below = (millionths < 1_000_000).then(|| ((u128::from(millionths) << 64) / 1_000_000) as u64);
        Self { below, position: Cell::new((worker as u64).wrapping_mul(0x2545_f491_4f6c_dd1d)) }
    }

    /// Whether the next request is taken.
    #[inline]
    pub fn takes(&self) -> bool {
        let Some(below) = self.below else { return true };
        let position = self.position.get().wrapping_add(STEP);
        self.position.set(position);
        position < below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_its_share_of_every_stretch() {
        for (millionths, worker) in
            [(1_000, 0), (10_000, 1), (100_000, 2), (333_333, 3), (500_000, 63), (999_000, 7)]
        {
            let chooser = Chooser::new(millionths, worker);
            let taken: Vec<bool> = (0..20_000).map(|_| chooser.takes()).collect();
            for stretch in taken.windows(1_000).step_by(37) {
                let count = stretch.iter().filter(|taken| **taken).count() as i64;
                let wanted = i64::from(millionths) / 1_000;
                assert!((count - wanted).abs() <= 4, "{millionths}: {count}");
            }
        }
    }

    #[test]
    fn a_rhythm_of_requests_is_not_always_met_at_the_same_beat() {
        let chooser = Chooser::new(100_000, 0);
        let mut beats = [0; 10];
        (0..100_000).filter(|_| chooser.takes()).map(|at| at % 10).for_each(|beat: usize| beats[beat] += 1);
        assert!(beats.iter().all(|count| (900..=1_100).contains(count)), "{beats:?}");
    }

    #[test]
    fn all_is_all_and_none_is_none() {
        let (all, none) = (Chooser::new(1_000_000, 5), Chooser::new(0, 5));
        assert!((0..10_000).all(|_| all.takes() && !none.takes()));
    }
}
