//! Whether a server that has failed is asked again.
//!
//! After so many failures in a row nobody asks for a while; then one asks, and how that goes decides for all. A plain
//! machine: time comes in as an argument.

/// The machine.
#[derive(Debug, Clone)]
pub struct Breaker {
    failures_max: u32,
    open_ms: u64,
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until_ms: u64,
    },
    /// One asks. If it is never heard of again, another one does after the usual while.
    Probing {
        until_ms: u64,
    },
}

impl Breaker {
    /// Opens for `open_ms` after `failures_max` failures in a row.
    pub fn new(failures_max: u32, open_ms: u64) -> Self {
        Self { failures_max: failures_max.max(1), open_ms, failures: 0, state: State::Closed }
    }

    /// Whether to ask now. Whoever is told so says how it went.
    pub fn admits(&mut self, now_ms: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until_ms } | State::Probing { until_ms } if now_ms >= until_ms => {
                self.state = State::Probing { until_ms: now_ms + self.open_ms };
                true
            }
            State::Open { .. } | State::Probing { .. } => false,
        }
    }

    /// It answered.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.state = State::Closed;
    }

    /// It did not. True if this opens it, or keeps it open.
    pub fn failed(&mut self, now_ms: u64) -> bool {
        self.failures = self.failures.saturating_add(1);
        let is_probe = matches!(self.state, State::Probing { .. });
        // Answers to what was asked before it opened change nothing.
        if is_probe || self.state == State::Closed && self.failures >= self.failures_max {
            self.state = State::Open { until_ms: now_ms + self.open_ms };
            return true;
        }
        false
    }

    /// Whether nobody but a probe asks.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_probe_in() {
        let mut breaker = Breaker::new(3, 1000);
        for _ in 0..2 {
            assert!(breaker.admits(0) && !breaker.failed(0));
        }
        breaker.succeeded();
        for _ in 0..2 {
            assert!(breaker.admits(0) && !breaker.failed(0), "a success begins the count anew");
        }
        assert!(breaker.admits(0) && breaker.failed(0) && breaker.is_open());
        assert!(!breaker.admits(999));
        assert!(breaker.admits(1000), "the probe");
        assert!(!breaker.admits(1001), "and no other one");
        assert!(breaker.failed(1500));
        assert!(!breaker.admits(2499) && breaker.admits(2500));
        breaker.succeeded();
        assert!(breaker.admits(2501) && !breaker.is_open());
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_does_not_keep_it_open_for_ever() {
        let mut breaker = Breaker::new(1, 1000);
        breaker.failed(0);
        assert!(breaker.admits(1000) && !breaker.admits(1999) && breaker.admits(2000));
    }

    #[test]
    fn late_failures_do_not_prolong_it() {
        let mut breaker = Breaker::new(1, 1000);
        assert!(breaker.failed(0));
        assert!(!breaker.failed(900));
        assert!(breaker.admits(1000));
    }

    proptest! {
        #[test]
        fn a_server_that_is_down_is_asked_at_most_once_a_while(
            steps in proptest::collection::vec(1u64..400, 1..200)
        ) {
            let mut breaker = Breaker::new(2, 1000);
            let (mut now, mut asked) = (0, Vec::new());
            for step in steps {
                now += step;
                if breaker.admits(now) {
                    asked.push(now);
                    breaker.failed(now);
                }
            }
            for pair in asked[asked.len().min(2)..].windows(2) {
                prop_assert!(pair[1] - pair[0] >= 1000);
            }
        }
    }
}
