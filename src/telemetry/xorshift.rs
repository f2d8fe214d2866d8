//! Random numbers for sampling and ids: cheap, repeatable from a seed, **not for secrets**.
//!
//! xorshift64* (Marsaglia 2003, Vigna 2016), one word of state and period 2^64 - 1. It never asks the system
//! for anything; whoever makes one brings the seed.

use std::cell::Cell;

/// A generator of one worker.
#[derive(Debug, Clone)]
pub struct Xorshift(Cell<u64>);

impl Xorshift {
    /// A generator; equal seeds give equal numbers, neighbouring seeds unrelated ones.
    pub fn new(seed: u64) -> Self {
        // splitmix64's finalizer; the state must not be zero, where xorshift stays for ever.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(Cell::new((state ^ (state >> 31)).max(1)))
    }

    /// The next number; never zero.
    #[inline]
    pub fn next(&self) -> u64 {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_agree_and_neighbours_do_not() {
        let (first, second, other) = (Xorshift::new(0), Xorshift::new(0), Xorshift::new(1));
        let numbers: Vec<u64> = (0..100).map(|_| first.next()).collect();
        assert_eq!(numbers, (0..100).map(|_| second.next()).collect::<Vec<_>>());
        assert!((0..100).all(|_| !numbers.contains(&other.next())));
        assert!(!numbers.contains(&0));
    }

    #[test]
    fn bits_are_set_half_of_the_time() {
        let numbers = Xorshift::new(7);
        let ones: u32 = (0..10_000).map(|_| numbers.next().count_ones()).sum();
        assert!((310_000..330_000).contains(&ones), "{ones} of 640000");
    }
}
