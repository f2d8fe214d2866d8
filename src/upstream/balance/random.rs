//! Random choice by weight, and the random numbers of the balancers.
//!
//! Not for secrets: SplitMix64 (Steele, Lea, Flood 2014), chosen for one word of state and even bits.

use std::cell::Cell;

/// Draws before the remaining endpoints are counted. With half of the weight excluded, all of them fail once in 256.
const DRAWS_MAX: usize = 8;

/// One worker's source of random numbers.
#[derive(Debug)]
pub(super) struct Random {
    state: Cell<u64>,
}

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    pub(super) fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        mixed(state)
    }

    /// A number below `bound`; its bias is below `bound` / 2^64.
    pub(super) fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Every bit of the result depends on every bit of `word`.
pub(super) fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// Weights, summed from the first endpoint to each.
#[derive(Debug, Clone)]
pub(super) struct Cumulative(Vec<u64>);

impl Cumulative {
    pub(super) fn of(weights: &[u32]) -> Self {
        let add = |sum: &mut u64, weight: &u32| {
            *sum += u64::from(*weight);
            Some(*sum)
        };
        Self(weights.iter().scan(0, add).collect())
    }

    fn total(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    fn weight(&self, index: usize) -> u64 {
        self.0[index] - if index == 0 { 0 } else { self.0[index - 1] }
    }

    fn draw(&self, random: &Random) -> usize {
        let point = random.below(self.total());
        self.0.partition_point(|sum| *sum <= point)
    }

    /// The endpoint at this part of all, in parts of 2^32.
    pub(super) fn at(&self, part: u32) -> usize {
        let point = part_of(self.total(), part);
        self.0.partition_point(|sum| *sum <= point)
    }
}

/// An endpoint that is not excluded, each with the probability of its weight among those.
pub(super) fn pick(
    weights: &Cumulative,
    random: &Random,
    is_excluded: impl Fn(usize) -> bool,
) -> Option<usize> {
    for _ in 0..DRAWS_MAX {
        let index = weights.draw(random);
        if !is_excluded(index) {
            return Some(index);
        }
    }
    pick_of_remaining(weights, (random.next() >> 32) as u32, is_excluded)
}

fn part_of(total: u64, part: u32) -> u64 {
    ((u128::from(total) * u128::from(part)) >> 32) as u64
}

/// Looks at all that are not excluded; that at this part of their weights, in parts of 2^32.
pub(super) fn pick_of_remaining(
    weights: &Cumulative,
    part: u32,
    is_excluded: impl Fn(usize) -> bool,
) -> Option<usize> {
    let remaining = || (0..weights.0.len()).filter(|index| !is_excluded(*index));
    let total: u64 = remaining().map(|index| weights.weight(index)).sum();
    let mut point = part_of(total, part);
    for index in remaining() {
        match point.checked_sub(weights.weight(index)) {
            Some(rest) => point = rest,
            None => return Some(index),
        }
    }
    None
}
