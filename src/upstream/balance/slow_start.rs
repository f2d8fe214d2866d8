//! How much of its weight an endpoint has that has come, or come back, a moment ago: a function of time alone.
//!
//! Caches are cold and pools empty; its full share at once would make it slow, and with luck it would be taken out again.

use super::tiers::WHOLE;

/// Steps from the first part of the weight to all of it: as often tables are made anew.
const STEPS: u64 = 50;

/// How an endpoint grows into its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowStart {
    /// Until it has all of it, in milliseconds.
    pub window_ms: u64,
    /// What it has at once, in millionths.
    pub from: u32,
}

impl SlowStart {
    /// Part of the weight of an endpoint that takes part since `since_ms`, in millionths, and when that changes next.
    /// Grows evenly, by steps.
    pub fn strength(self, since_ms: u64, now_ms: u64) -> (u32, Option<u64>) {
        let elapsed_ms = now_ms.saturating_sub(since_ms);
        if elapsed_ms >= self.window_ms {
            return (WHOLE, None);
        }
        let step = elapsed_ms * STEPS / self.window_ms;
        let grown = u64::from(WHOLE - self.from) * step / STEPS;
        let next_ms = since_ms + ((step + 1) * self.window_ms).div_ceil(STEPS);
        ((u64::from(self.from) + grown) as u32, Some(next_ms))
    }
}

/// A weight in millionths of its strength, so that a light one has room to be a part of itself.
pub fn weakened(weight: u32, strength: u32) -> u32 {
    // A weight is at most 1000, so this fits; nothing is without any.
    (u64::from(weight) * u64::from(strength) / 1_000).max(1) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn begins_with_a_part_and_ends_with_all() {
        let slow = SlowStart { window_ms: 10_000, from: 100_000 };
        assert_eq!(slow.strength(500, 500), (100_000, Some(700)));
        assert_eq!(slow.strength(500, 5_500), (550_000, Some(5_700)));
        assert_eq!(slow.strength(500, 10_499).0, 982_000);
        assert_eq!(slow.strength(500, 10_500), (WHOLE, None));
        assert_eq!(weakened(3, 500_000), 1_500);
        assert_eq!(weakened(1, 1), 1);
    }

    proptest! {
        #[test]
        fn never_shrinks_and_changes_exactly_when_it_says(window_ms in 1u64..100_000, from in 0..WHOLE, since in 0u64..10_000) {
            let slow = SlowStart { window_ms, from };
            let (mut now, mut before) = (since, 0);
            let mut changes = 0;
            loop {
                let (strength, next) = slow.strength(since, now);
                prop_assert!(strength >= before && strength <= WHOLE);
                before = strength;
                let Some(next) = next else { break };
                prop_assert!(next > now);
                prop_assert_eq!(slow.strength(since, next - 1).0, strength);
                now = next;
                changes += 1;
                prop_assert!(changes <= STEPS);
            }
            prop_assert_eq!(before, WHOLE);
            prop_assert!(now >= since + window_ms);
        }
    }
}
