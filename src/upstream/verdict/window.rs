//! What has happened within the last so many milliseconds, as sums of a few numbers.
//!
//! A ring of [`SLOTS`] sums, so that its size does not depend on traffic or time. What is told of is at most a window
//! old, and at least nine tenths of it are covered. Plain arithmetic: time comes in.

/// Parts of a window.
const SLOTS: usize = 10;

/// Calls and how they went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that went well.
    pub successes: u64,
    /// Calls that did not.
    pub failures: u64,
    /// Of both, those that took too long.
    pub slow: u64,
    /// Nanoseconds that those took together that went well.
    pub nanos: u64,
}

impl Tally {
    /// All calls.
    pub fn calls(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// Failures as a part of the calls; nothing where there are none.
    pub fn failure_share(&self) -> f64 {
        share(self.failures, self.calls())
    }

    /// Slow calls as a part of the calls; nothing where there are none.
    pub fn slow_share(&self) -> f64 {
        share(self.slow, self.calls())
    }

    /// What a call took that went well; nothing where there are none.
    pub fn mean_nanos(&self) -> f64 {
        share(self.nanos, self.successes)
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.successes = self.successes.saturating_add(other.successes);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
        self.nanos = self.nanos.saturating_add(other.nanos);
    }

    /// What has come since `before`, of counts that only grow. Where they began anew, nothing has.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            successes: self.successes.saturating_sub(before.successes),
            failures: self.failures.saturating_sub(before.failures),
            slow: self.slow.saturating_sub(before.slow),
            nanos: self.nanos.saturating_sub(before.nanos),
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Sums over the last so many milliseconds.
#[derive(Debug, Clone)]
pub struct Window {
    slot_ms: u64,
    slots: [Tally; SLOTS],
    /// Number of the newest slot since the clock began.
    newest: u64,
}

impl Window {
    /// An empty one of this length.
    pub fn new(length_ms: u64) -> Self {
        Self { slot_ms: (length_ms / SLOTS as u64).max(1), slots: [Tally::default(); SLOTS], newest: 0 }
    }

    /// Adds what has come until now.
    pub fn add(&mut self, now_ms: u64, came: &Tally) {
        self.advance(now_ms);
        self.slots[self.newest as usize % SLOTS].add(came);
    }

    /// What is not older than the window.
    pub fn sum(&mut self, now_ms: u64) -> Tally {
        self.advance(now_ms);
        let mut sum = Tally::default();
        self.slots.iter().for_each(|slot| sum.add(slot));
        sum
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots = [Tally::default(); SLOTS];
    }

    /// Makes room for now. A clock that went back counts as standing still.
    fn advance(&mut self, now_ms: u64) {
        let number = now_ms / self.slot_ms;
        let passed = number.saturating_sub(self.newest).min(SLOTS as u64);
        for at in 1..=passed {
            self.slots[(number - passed + at) as usize % SLOTS] = Tally::default();
        }
        self.newest = self.newest.max(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(failures: u64) -> Tally {
        Tally { failures, ..Tally::default() }
    }

    #[test]
    fn forgets_what_is_older_than_itself() {
        let mut window = Window::new(1000);
        window.add(5_050, &failures(1));
        window.add(5_950, &failures(2));
        assert_eq!(window.sum(5_999).failures, 3);
        assert_eq!(window.sum(6_000).failures, 2);
        assert_eq!(window.sum(6_899).failures, 2);
        assert_eq!(window.sum(6_900).failures, 0);
    }

    #[test]
    fn a_long_silence_leaves_nothing() {
        let mut window = Window::new(1000);
        window.add(5_000, &failures(7));
        assert_eq!(window.sum(5_000_000), Tally::default());
        window.add(5_000_000, &failures(1));
        assert_eq!(window.sum(5_000_001).calls(), 1);
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut window = Window::new(1000);
        window.add(5_000, &failures(1));
        window.add(4_000, &failures(1));
        assert_eq!(window.sum(5_000).failures, 2);
    }

    #[test]
    fn counts_that_begin_anew_are_not_counted_backwards() {
        let before = Tally { successes: 10, failures: 3, slow: 1, nanos: 5 };
        assert_eq!(Tally::default().since(&before), Tally::default());
        let now = Tally { successes: 12, ..before };
        assert_eq!(now.since(&before), Tally { successes: 2, ..Tally::default() });
    }
}
