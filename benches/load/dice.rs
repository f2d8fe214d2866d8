//! Random numbers of no quality: to shuffle contenders and to space requests.
//!
//! xorshift64. A seed can be given, so that every contender of a round meets the same schedule.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of random numbers.
pub struct Dice(u64);

impl Dice {
    /// Seeded by the time of day.
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::seeded(now.map_or(1, |now| now.as_nanos() as u64))
    }

    /// The same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        // An odd multiple spreads small seeds over all bits; zero is the one state that xorshift never leaves.
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// The time between two events that know nothing of each other, `mean` on average.
    pub fn spacing(&mut self, mean: Duration) -> Duration {
        // 53 bits fit a float; never zero, whose logarithm is infinite.
        let share = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        mean.mul_f64(-share.ln())
    }

    /// A random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
