//! A breaker as a plain machine of time and numbers, one for the whole gateway.
//!
//! Closed it counts; open it waits, longer each time; half open it lets one try after another through. What is tried, and
//! who else is told, is not its business: it says in which state it is, and the number of the try it waits for.

use std::fmt;

use super::window::{Tally, Window};
use crate::upstream::config::health::BreakerConfig;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything goes.
    Closed,
    /// Nothing goes until then, at least.
    Open {
        /// When one may try.
        until_ms: u64,
    },
    /// One may try, and then the next.
    HalfOpen {
        /// Of the try that is awaited: never used twice.
        probe: u64,
    },
}

impl Standing {
    /// As metrics and views tell it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// Its place among the three.
    pub const fn slot(self) -> usize {
        match self {
            Self::Closed => 0,
            Self::Open { .. } => 1,
            Self::HalfOpen { .. } => 2,
        }
    }
}

/// What the operator has said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Held {
    /// Nothing: it does what it does.
    #[default]
    Auto,
    /// To stay open.
    Open,
    /// To stay closed.
    Closed,
}

/// Why it stands so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// It has not moved yet.
    Start,
    /// Too many failures.
    Failures {
        /// How many.
        failures: u64,
        /// Of how many calls.
        calls: u64,
    },
    /// Too many slow calls.
    Slow {
        /// How many.
        slow: u64,
        /// Of how many calls.
        calls: u64,
    },
    /// Its time is over.
    Waited,
    /// A try has failed.
    ProbeFailed,
    /// So many tries have passed.
    ProbesPassed(u32),
    /// The operator wants it so.
    Operator,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => write!(f, "nothing has happened"),
            Self::Failures { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::Slow { slow, calls } => write!(f, "{slow} of {calls} calls were slow"),
            Self::Waited => write!(f, "its time is over: one may try"),
            Self::ProbeFailed => write!(f, "a try has failed"),
            Self::ProbesPassed(1) => write!(f, "a try has passed"),
            Self::ProbesPassed(passed) => write!(f, "{passed} tries have passed"),
            Self::Operator => write!(f, "the operator wants it so"),
        }
    }
}

/// A breaker.
#[derive(Debug, Clone)]
pub struct Fuse {
    settings: BreakerConfig,
    window: Window,
    standing: Standing,
    held: Held,
    cause: Cause,
    since_ms: u64,
    /// Times it has opened in a row, without being closed for long in between.
    openings: u32,
    /// Tries that have passed since it is half open.
    passed: u32,
    probes: u64,
}

impl Fuse {
    /// Closed.
    pub fn new(settings: &BreakerConfig, now_ms: u64) -> Self {
        Self {
            window: Window::new(millis(settings.window)),
            settings: settings.clone(),
            standing: Standing::Closed,
            held: Held::Auto,
            cause: Cause::Start,
            since_ms: now_ms,
            openings: 0,
            passed: 0,
            probes: 0,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What the operator has said.
    pub fn held(&self) -> Held {
        self.held
    }

    /// Why it stands so, and since when.
    pub fn cause(&self) -> (Cause, u64) {
        (self.cause, self.since_ms)
    }

    /// Whether it waits for a time or a try, so that it has to be looked at also when nothing comes.
    pub fn is_waiting(&self) -> bool {
        self.held == Held::Auto && self.standing != Standing::Closed
    }

    /// Goes on with other settings. What has been counted is forgotten if it was counted in another window.
    pub fn set(&mut self, settings: &BreakerConfig) {
        if self.settings.window != settings.window {
            self.window = Window::new(millis(settings.window));
        }
        self.settings = settings.clone();
    }

    /// Holds it open or closed, or lets it go. True if it stands otherwise now.
    pub fn hold(&mut self, held: Held, now_ms: u64) -> bool {
        if held == self.held {
            return false;
        }
        self.held = held;
        self.openings = 0;
        let before = self.standing;
        match held {
            Held::Open => {
                let until_ms = now_ms.saturating_add(millis(self.settings.open_max));
                self.turn(Standing::Open { until_ms }, Cause::Operator, now_ms);
            }
            Held::Auto if matches!(before, Standing::Open { .. }) => {
                self.passed = 0;
                self.next_probe(Cause::Operator, now_ms);
            }
            Held::Closed | Held::Auto => self.turn(Standing::Closed, Cause::Operator, now_ms),
        }
        self.standing != before
    }

    /// Looks at what has come since the last look, and at how the try went that it waits for. True if it stands
    /// otherwise now.
    pub fn look(&mut self, now_ms: u64, came: &Tally, probe: Option<bool>) -> bool {
        if self.held != Held::Auto {
            return false;
        }
        match self.standing {
            Standing::Closed => self.look_closed(now_ms, came),
            Standing::Open { until_ms } if now_ms >= until_ms => {
                self.passed = 0;
                self.next_probe(Cause::Waited, now_ms);
                true
            }
            Standing::Open { .. } => false,
            Standing::HalfOpen { .. } => match probe {
                None => false,
                Some(passed) => {
                    self.tried(passed, now_ms);
                    true
                }
            },
        }
    }

    fn look_closed(&mut self, now_ms: u64, came: &Tally) -> bool {
        if *came == Tally::default() {
            // What gets older makes no share larger by itself that has not been looked at: calls get fewer.
            return false;
        }
        self.window.add(now_ms, came);
        let sum = self.window.sum(now_ms);
        if sum.calls() < u64::from(self.settings.calls) {
            return false;
        }
        let calls = sum.calls();
        let slow = self.settings.slow.as_ref().map(|slow| slow.share.fraction());
        let cause = if sum.failure_share() >= self.settings.failures.fraction() {
            Cause::Failures { failures: sum.failures, calls }
        } else if slow.is_some_and(|share| sum.slow_share() >= share) {
            Cause::Slow { slow: sum.slow, calls }
        } else {
            return false;
        };
        self.calm_down(now_ms);
        self.open(cause, now_ms);
        true
    }

    fn tried(&mut self, passed: bool, now_ms: u64) {
        if !passed {
            self.open(Cause::ProbeFailed, now_ms);
            return;
        }
        self.passed += 1;
        if self.passed < self.settings.probes {
            // The same state goes on: since when and why it is half open stays as it was.
            self.probes += 1;
            self.standing = Standing::HalfOpen { probe: self.probes };
            return;
        }
        self.turn(Standing::Closed, Cause::ProbesPassed(self.passed), now_ms);
    }

    fn next_probe(&mut self, cause: Cause, now_ms: u64) {
        self.probes += 1;
        self.turn(Standing::HalfOpen { probe: self.probes }, cause, now_ms);
    }

    fn open(&mut self, cause: Cause, now_ms: u64) {
        let until_ms = now_ms.saturating_add(self.open_ms());
        self.openings = self.openings.saturating_add(1);
        self.turn(Standing::Open { until_ms }, cause, now_ms);
    }

    /// How long it stays open the next time.
    fn open_ms(&self) -> u64 {
        let (first, most) = (millis(self.settings.open), millis(self.settings.open_max));
        let grown = first as f64 * self.settings.growth.powi(self.openings.min(1000).cast_signed());
        // A float beyond u64 becomes its largest value.
        (grown as u64).clamp(first.min(most), most)
    }

    /// Having been closed for as long as it would stay open now, and for a window at least, it begins anew.
    fn calm_down(&mut self, now_ms: u64) {
        let calm_ms = self.open_ms().max(millis(self.settings.window));
        if now_ms.saturating_sub(self.since_ms) >= calm_ms {
            self.openings = 0;
        }
    }

    fn turn(&mut self, standing: Standing, cause: Cause, now_ms: u64) {
        self.window.clear();
        self.standing = standing;
        self.cause = cause;
        self.since_ms = now_ms;
    }
}

/// Whole milliseconds.
pub fn millis(span: crate::config::units::Span) -> u64 {
    u64::try_from(span.duration().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::Span;

    fn failures(failures: u64) -> Tally {
        Tally { failures, ..Tally::default() }
    }

    fn fuse() -> Fuse {
        Fuse::new(&BreakerConfig::default(), 0)
    }

    #[test]
    fn opens_at_the_share_and_not_before_there_are_enough_calls() {
        let mut fuse = fuse();
        assert!(!fuse.look(10, &failures(19), None));
        assert!(fuse.look(20, &failures(1), None));
        assert_eq!(fuse.standing(), Standing::Open { until_ms: 5_020 });
        assert_eq!(fuse.cause().0.to_string(), "20 of 20 calls failed");
    }

    #[test]
    fn half_of_the_calls_are_enough_and_less_are_not() {
        let mut fuse = fuse();
        assert!(!fuse.look(10, &Tally { successes: 51, failures: 49, ..Tally::default() }, None));
        assert!(fuse.look(20, &failures(2), None));
    }

    #[test]
    fn opens_for_slow_calls_where_told_to() {
        let came = Tally { successes: 30, slow: 15, ..Tally::default() };
        assert!(!fuse().look(10, &came, None));
        let slow: crate::upstream::config::health::SlowCallsConfig =
            serde_json::from_str(r#"{"after": "1s"}"#).unwrap();
        let settings = BreakerConfig { slow: Some(slow), ..BreakerConfig::default() };
        let mut fuse = Fuse::new(&settings, 0);
        assert!(fuse.look(10, &came, None));
        assert_eq!(fuse.cause().0.to_string(), "15 of 30 calls were slow");
    }

    #[test]
    fn tries_one_after_another_and_closes() {
        let mut fuse = fuse();
        fuse.look(0, &failures(20), None);
        assert!(!fuse.look(4_999, &Tally::default(), None));
        assert!(fuse.look(5_000, &Tally::default(), None));
        assert_eq!(fuse.standing(), Standing::HalfOpen { probe: 1 });
        assert!(!fuse.look(5_010, &failures(50), None), "what was on its way is of no interest");
        assert!(fuse.look(5_020, &Tally::default(), Some(true)));
        assert!(fuse.look(5_030, &Tally::default(), Some(true)));
        assert_eq!(fuse.standing(), Standing::HalfOpen { probe: 3 });
        assert!(fuse.look(5_040, &Tally::default(), Some(true)));
        assert_eq!((fuse.standing(), fuse.cause().1), (Standing::Closed, 5_040));
    }

    #[test]
    fn stays_open_longer_each_time_up_to_a_bound_and_begins_anew_when_calm() {
        let mut fuse = fuse();
        let mut now = 0;
        fuse.look(now, &failures(20), None);
        let mut times = Vec::new();
        for _ in 0..6 {
            let Standing::Open { until_ms } = fuse.standing() else { panic!("{fuse:?}") };
            times.push(until_ms - now);
            now = until_ms;
            fuse.look(now, &Tally::default(), None);
            fuse.look(now, &Tally::default(), Some(false));
        }
        assert_eq!(times, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        now += 60_000;
        (0..4).for_each(|_| _ = fuse.look(now, &Tally::default(), Some(true)));
        assert_eq!(fuse.standing(), Standing::Closed);
        let mut soon = fuse.clone();
        soon.look(now + 1_000, &failures(20), None);
        assert_eq!(soon.standing(), Standing::Open { until_ms: now + 61_000 });
        fuse.look(now + 60_000, &failures(20), None);
        assert_eq!(fuse.standing(), Standing::Open { until_ms: now + 65_000 });
    }

    #[test]
    fn the_operator_has_the_last_word_and_can_let_go() {
        let mut fuse = fuse();
        assert!(fuse.hold(Held::Open, 100));
        assert!(!fuse.look(1_000_000, &Tally::default(), Some(true)));
        assert!(matches!(fuse.standing(), Standing::Open { .. }));
        assert!(fuse.hold(Held::Closed, 200));
        assert!(!fuse.look(300, &failures(500), None));
        assert!(!fuse.hold(Held::Auto, 400), "it stays closed until something comes");
        assert!(fuse.look(500, &failures(20), None));
        fuse.hold(Held::Open, 600);
        assert!(fuse.hold(Held::Auto, 700));
        assert!(matches!(fuse.standing(), Standing::HalfOpen { .. }), "one tries first");
    }

    #[test]
    fn other_settings_hold_at_once_and_forget_another_window() {
        let mut fuse = fuse();
        fuse.look(0, &failures(10), None);
        fuse.set(&BreakerConfig { calls: 11, ..BreakerConfig::default() });
        assert!(fuse.clone().look(10, &failures(1), None));
        fuse.set(&BreakerConfig { calls: 11, window: Span::from_secs(5), ..BreakerConfig::default() });
        assert!(!fuse.look(10, &failures(1), None));
    }
}
