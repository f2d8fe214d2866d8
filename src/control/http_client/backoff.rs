//! How long to wait before asking again, so that a fleet does not ask in step.
//!
//! After a failure: doubling up to a bound, each time at a random point of the upper half. After a success: around the
//! usual interval. Plain numbers from a seed; it sleeps nowhere.

use std::time::Duration;

use crate::rt::clock;
use crate::telemetry::xorshift::Xorshift;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(500);

/// Waits of one that asks.
#[derive(Debug, Clone)]
pub struct Backoff {
    random: Xorshift,
    failures: u32,
    longest: Duration,
}

impl Backoff {
    /// Waits of at most `longest`.
    pub fn new(seed: u64, longest: Duration) -> Self {
        Self { random: Xorshift::new(seed), failures: 0, longest }
    }

    /// After a failure: how long to wait.
    pub fn failed(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        whole / 2 + self.part(whole / 2)
    }

    /// The next failure is the first again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A time within a tenth of `usual`.
    pub fn around(&self, usual: Duration) -> Duration {
        usual - usual / 10 + self.part(usual / 5)
    }

    fn part(&self, of: Duration) -> Duration {
        // The upper 53 bits are as even as a double can hold.
        of.mul_f64((self.random.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// A seed that differs between gateways that follow the same thing.
pub fn seed(what: &str) -> u64 {
    let name = what.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    name ^ clock::nanos() ^ u64::from(std::process::id()) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(1, Duration::from_secs(4));
        for whole in [500, 1000, 2000, 4000, 4000, 4000] {
            let wait = backoff.failed().as_millis();
            assert!((whole / 2..=whole).contains(&wait), "{wait} of {whole}");
        }
        backoff.succeeded();
        assert!(backoff.failed() <= FIRST);
    }

    #[test]
    fn a_thousand_gateways_do_not_ask_at_once() {
        let usual = Duration::from_secs(30);
        let waits: Vec<u128> =
            (0..1000).map(|seed| Backoff::new(seed, usual).around(usual).as_millis()).collect();
        assert!(waits.iter().all(|wait| (27_000..=33_000).contains(wait)));
        for second in 27..33 {
            let within = waits.iter().filter(|wait| *wait / 1000 == second).count();
            assert!((100..250).contains(&within), "{within} in second {second}");
        }
    }
}
