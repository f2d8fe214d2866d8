//! When an endpoint is checked, and what follows from how the checks went.
//!
//! A plain machine: time, outcomes and a seed come in. How a check is carried out is control's.

use super::fuse::millis;
use crate::telemetry::xorshift::Xorshift;
use crate::upstream::config::health::HealthConfig;

/// The first checks of a cluster's endpoints are spread over this much, or over an interval where that is shorter.
const FIRST_WITHIN_MS: u64 = 500;

/// What a check found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Of which kind.
    pub kind: ComplaintKind,
    /// In words.
    pub detail: String,
}

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComplaintKind {
    /// It takes no connection.
    Connect,
    /// It took too long.
    Timeout,
    /// The TLS handshake fails.
    Tls,
    /// What comes is no answer.
    Protocol,
    /// The status is not one of those wanted.
    Status,
    /// The text is not in the body.
    Body,
    /// It says that it does not serve.
    NotServing,
}

impl ComplaintKind {
    /// All of them, in the order of their slots.
    pub const ALL: [Self; 7] =
        [Self::Connect, Self::Timeout, Self::Tls, Self::Protocol, Self::Status, Self::Body, Self::NotServing];

    /// As metrics tell it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Body => "body",
            Self::NotServing => "not_serving",
        }
    }

    /// This with words.
    pub fn because(self, detail: impl Into<String>) -> Complaint {
        Complaint { kind: self, detail: detail.into() }
    }
}

/// What the checks of one endpoint have told.
#[derive(Debug, Clone)]
pub struct Checks {
    random: Xorshift,
    health: Option<bool>,
    /// Checks in a row that say otherwise.
    against: u32,
    /// Whether the last one passed.
    has_passed: bool,
    due_ms: u64,
}

impl Checks {
    /// Before the first one.
    pub fn new(settings: &HealthConfig, now_ms: u64, seed: u64) -> Self {
        let random = Xorshift::new(seed);
        let within = FIRST_WITHIN_MS.min(millis(settings.interval)).max(1);
        let due_ms = now_ms.saturating_add(random.next() % within);
        Self { random, health: None, against: 0, has_passed: true, due_ms }
    }

    /// When the next one is due.
    pub fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// True while it is used no more. Before the first check it is thought to be well.
    pub fn is_unhealthy(&self) -> bool {
        self.health == Some(false)
    }

    /// Whether it has been checked.
    pub fn is_known(&self) -> bool {
        self.health.is_some()
    }

    /// Takes the outcome of a check. True if the endpoint is used no more now, or used again: the first one decides alone,
    /// later ones when there are enough in a row. A first check that passes changes nothing.
    pub fn took(&mut self, settings: &HealthConfig, now_ms: u64, passed: bool) -> bool {
        self.has_passed = passed;
        let has_turned = match self.health {
            None => {
                self.health = Some(passed);
                !passed
            }
            Some(health) if health == passed => {
                self.against = 0;
                false
            }
            Some(health) => {
                self.against += 1;
                let needed = if health { settings.unhealthy_after } else { settings.healthy_after };
                let is_enough = self.against >= needed;
                if is_enough {
                    self.health = Some(passed);
                    self.against = 0;
                }
                is_enough
            }
        };
        self.due_ms = now_ms.saturating_add(self.pause_ms(settings));
        has_turned
    }

    /// Shorter while something is wrong, and never twice the same.
    fn pause_ms(&self, settings: &HealthConfig) -> u64 {
        let is_well = self.has_passed && self.health == Some(true);
        let pause_ms = millis(if is_well { settings.interval } else { settings.interval_failing });
        let spread = pause_ms as f64 * settings.jitter.fraction();
        // 53 bits: all that a float holds.
        let part = (self.random.next() >> 11) as f64 / (1u64 << 53) as f64;
        (pause_ms as f64 + spread * (2.0 * part - 1.0)).max(1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(outcomes: &[bool]) -> (Checks, bool) {
        let settings = HealthConfig::default();
        let mut checks = Checks::new(&settings, 0, 1);
        let turned = outcomes.iter().map(|passed| checks.took(&settings, checks.due_ms(), *passed)).last();
        (checks, turned.unwrap_or_default())
    }

    #[test]
    fn the_first_check_decides_alone() {
        assert!(!after(&[]).0.is_unhealthy());
        assert!(after(&[false]).0.is_unhealthy() && after(&[false]).1);
        assert!(!after(&[true]).0.is_unhealthy() && !after(&[true]).1);
    }

    #[test]
    fn later_ones_decide_when_there_are_enough_in_a_row() {
        assert!(!after(&[true, false, false]).0.is_unhealthy());
        assert!(!after(&[true, false, false, true, false, false]).0.is_unhealthy());
        assert!(after(&[true, false, false, false]).0.is_unhealthy());
        assert!(after(&[false, true]).0.is_unhealthy());
        assert!(after(&[false, true, false, true]).0.is_unhealthy());
        let (checks, turned) = after(&[false, true, true]);
        assert!(!checks.is_unhealthy() && turned);
    }

    #[test]
    fn asks_more_often_from_the_first_failure_until_it_is_well() {
        let pause = |outcomes: &[bool]| {
            let (checks, _) = after(&outcomes[..outcomes.len() - 1]);
            let at = checks.due_ms();
            after(outcomes).0.due_ms() - at
        };
        assert!((4_000..=6_000).contains(&pause(&[true])));
        for failing in [&[false][..], &[true, false], &[false, true]] {
            assert!((800..=1_200).contains(&pause(failing)), "{failing:?}");
        }
        assert!((4_000..=6_000).contains(&pause(&[false, true, true])));
        assert!((4_000..=6_000).contains(&pause(&[true, false, true])));
    }

    proptest! {
        #[test]
        fn stands_as_the_last_long_enough_row_says(
            seed: u64,
            needed in (1u32..6, 1u32..6),
            outcomes in prop::collection::vec(any::<bool>(), 1..200),
        ) {
            let settings = HealthConfig { healthy_after: needed.0, unhealthy_after: needed.1, ..HealthConfig::default() };
            let mut checks = Checks::new(&settings, 1_000, seed);
            prop_assert!((1_000..1_500).contains(&checks.due_ms()));
            let (mut expected, mut row) = (outcomes[0], 0u32);
            for (at, passed) in outcomes.iter().enumerate() {
                let now = checks.due_ms();
                let before = checks.is_unhealthy();
                let turned = checks.took(&settings, now, *passed);
                row = if at > 0 && outcomes[at - 1] == *passed { row + 1 } else { 1 };
                if row >= (if *passed { needed.0 } else { needed.1 }) {
                    expected = *passed;
                }
                prop_assert_eq!(checks.is_unhealthy(), !expected);
                prop_assert_eq!(turned, before != checks.is_unhealthy());
                let pause = checks.due_ms() - now;
                let well = *passed && expected;
                let expected_pause = if well { 4_000..=6_000 } else { 800..=1_200 };
                prop_assert!(expected_pause.contains(&pause), "{pause}");
            }
        }

        #[test]
        fn equal_seeds_agree_and_intervals_do_not_beat_together(seed: u64) {
            let settings = HealthConfig::default();
            let run = |seed| {
                let mut checks = Checks::new(&settings, 0, seed);
                (0..20).map(|_| { checks.took(&settings, checks.due_ms(), true); checks.due_ms() }).collect::<Vec<_>>()
            };
            prop_assert_eq!(run(seed), run(seed));
            prop_assert!(run(seed).iter().zip(run(seed ^ 1)).filter(|(a, b)| **a == *b).count() < 5);
        }
    }
}
