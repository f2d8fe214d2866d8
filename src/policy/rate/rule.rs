//! What a limit admits, as numbers: algorithm, size, speed.
//!
//! Buckets count debt in units that are fractions of a nanosecond, so that a token is a whole number of them; where
//! it cannot be, a token is rounded up, and the limit admits less by a part in 10^12, never more. Windows are
//! counted from 1970 by the wall clock. Everything here is a plain value.

use std::time::Duration;

/// Units of a nanosecond are at most 2^this.
const SHIFT_MAX: u32 = 20;

/// Debt in units stays below 2^this, so that sums of two fit into 64 bits.
const DEBT_BITS: u32 = 62;

/// Most that a log of single times may hold: 8 bytes each, for every key.
pub const LOG_MAX: u32 = 1_024;

const DAY_NS: u64 = 86_400_000_000_000;

/// How it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Tokens flow in at the rate, up to the burst; a request takes some.
    TokenBucket,
    /// Requests leave at the rate, and wait for that.
    LeakyBucket,
    /// So many in each window of the calendar.
    FixedWindow,
    /// The same, with the window before weighed by how much of it is still in sight.
    SlidingWindow,
    /// The times of all that were admitted within the period.
    SlidingLog,
    /// So many at once.
    Slots,
}

/// How long a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// So many nanoseconds.
    Every(u64),
    /// A month of the calendar, UTC.
    Month,
}

/// A window of the calendar, by the clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Counted from 1970.
    pub number: u64,
    /// When it began.
    pub begin: u64,
    /// When the next one begins.
    pub end: u64,
}

/// What a limit admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How it is counted.
    pub algorithm: Algorithm,
    /// So many in a period; of slots, so many at once.
    pub count: u32,
    /// The period.
    pub period: Period,
    /// Most at once, in a bucket.
    pub burst: u32,
    /// How long a request may wait for its turn, in a leaky bucket.
    pub max_wait_ns: u64,
    /// Wall clock less the clock that never goes back.
    pub offset_ns: u64,
    /// Units of debt that are one token.
    pub(super) token: u64,
    /// Units of debt in a nanosecond, as a power of two.
    pub(super) shift: u32,
}

impl Rule {
    /// A bucket that gets `count` tokens in each `period` and holds `burst`.
    pub fn token_bucket(count: u32, period: Duration, burst: u32) -> Self {
        Self::bucket(Algorithm::TokenBucket, count, period, burst, 0)
    }

    /// A queue that lets `burst` go at once and then `count` in each `period`, if they need not wait for longer.
    pub fn leaky_bucket(count: u32, period: Duration, burst: u32, max_wait: Duration) -> Self {
        let max_wait_ns = u64::try_from(max_wait.as_nanos()).unwrap_or(u64::MAX).min(DAY_NS);
        Self::bucket(Algorithm::LeakyBucket, count, period, burst, max_wait_ns)
    }

    /// `count` in each window of `period`.
    pub fn fixed_window(count: u32, period: Duration) -> Self {
        Self::counted(Algorithm::FixedWindow, count, Period::Every(nanos(period)))
    }

    /// `count` in each month of the calendar.
    pub fn month(count: u32) -> Self {
        Self::counted(Algorithm::FixedWindow, count, Period::Month)
    }

    /// `count` in a period before now, estimated from two windows.
    pub fn sliding_window(count: u32, period: Duration) -> Self {
        Self::counted(Algorithm::SlidingWindow, count, Period::Every(nanos(period)))
    }

    /// `count`, at most [`LOG_MAX`], in any period.
    pub fn sliding_log(count: u32, period: Duration) -> Self {
        Self::counted(Algorithm::SlidingLog, count.min(LOG_MAX), Period::Every(nanos(period)))
    }

    /// `count` at once.
    pub fn slots(count: u32) -> Self {
        Self::counted(Algorithm::Slots, count, Period::Every(1))
    }

    /// With windows as the wall clock has them: it is ahead of the other one by so much.
    #[must_use]
    pub fn aligned(self, offset_ns: u64) -> Self {
        Self { offset_ns, ..self }
    }

    /// Most that is admitted at once.
    pub fn size(&self) -> u32 {
        if self.is_bucket() { self.burst } else { self.count }
    }

    /// Whether it counts debt that flows off.
    pub fn is_bucket(&self) -> bool {
        matches!(self.algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket)
    }

    /// Whether what was taken can be given back later. Not a turn in a queue: others have had theirs after it.
    pub fn can_give_back(&self) -> bool {
        self.algorithm != Algorithm::LeakyBucket
    }

    /// Whether it makes no difference when what was taken is used. It does for a turn in a queue and a time in a log.
    pub fn can_lend(&self) -> bool {
        !matches!(self.algorithm, Algorithm::LeakyBucket | Algorithm::SlidingLog)
    }

    /// Whether what is left of one window is worth nothing in the next.
    pub fn has_windows(&self) -> bool {
        matches!(self.algorithm, Algorithm::FixedWindow | Algorithm::SlidingWindow)
    }

    /// Whether its accounts can be carried over to `other`.
    pub fn counts_like(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && (self.is_bucket() || self.period == other.period)
    }

    /// Length of a period in nanoseconds; that of a month is taken for 30 days.
    pub fn period_ns(&self) -> u64 {
        match self.period {
            Period::Every(nanos) => nanos,
            Period::Month => 30 * DAY_NS,
        }
    }

    /// The window that `now` is in.
    pub fn window(&self, now: u64) -> Window {
        let wall = now.saturating_add(self.offset_ns);
        let (number, begin, end) = match self.period {
            Period::Every(nanos) => {
                let number = wall / nanos;
                (number, number * nanos, (number + 1).saturating_mul(nanos))
            }
            Period::Month => month_at(wall),
        };
        // A window that began before this clock did begins at 0 as far as it knows.
        Window {
            number,
            begin: begin.saturating_sub(self.offset_ns),
            end: end.saturating_sub(self.offset_ns),
        }
    }

    fn bucket(algorithm: Algorithm, count: u32, period: Duration, burst: u32, max_wait_ns: u64) -> Self {
        let count = count.max(1);
        let period_ns = nanos(period);
        let burst = burst.clamp(1, burst_max(count, period_ns));
        let tokens = u128::from(burst) + 1;
        let fits = |shift: u32| {
            let most =
                tokens * u128::from(token(count, period_ns, shift)) + (u128::from(max_wait_ns) << shift);
            most < 1 << DEBT_BITS
        };
        let shift = (0..=SHIFT_MAX).rev().find(|&shift| fits(shift)).unwrap_or(0);
        let token = token(count, period_ns, shift);
        let period = Period::Every(period_ns);
        Self { algorithm, count, period, burst, max_wait_ns, offset_ns: 0, token, shift }
    }

    fn counted(algorithm: Algorithm, count: u32, period: Period) -> Self {
        let count = count.max(1);
        Self { algorithm, count, period, burst: count, max_wait_ns: 0, offset_ns: 0, token: 0, shift: 0 }
    }
}

/// Largest burst that such a rate can have: one that takes 36 years to come back.
pub fn burst_max(count: u32, period_ns: u64) -> u32 {
    let token = u128::from(token(count.max(1), period_ns, 0));
    u32::try_from((1 << (DEBT_BITS - 2)) / token).unwrap_or(u32::MAX).max(1)
}

/// Units of a token, rounded up.
fn token(count: u32, period_ns: u64, shift: u32) -> u64 {
    let units = (u128::from(period_ns) << shift).div_ceil(u128::from(count));
    u64::try_from(units).unwrap_or(u64::MAX)
}

fn nanos(period: Duration) -> u64 {
    u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Number, begin and end of the month that `wall` nanoseconds since 1970 are in.
fn month_at(wall: u64) -> (u64, u64, u64) {
    let mut days = wall / DAY_NS;
    let mut year = 1970;
    let mut begin = 0;
    // Some 60 turns; a month has its accounts looked at far less often than it would take to notice.
    while days >= year_days(year) {
        days -= year_days(year);
        begin += year_days(year);
        year += 1;
    }
    let leap = u64::from(year_days(year) == 366);
    let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        begin += lengths[month];
        month += 1;
    }
    ((year - 1970) * 12 + month as u64, begin * DAY_NS, (begin + lengths[month]) * DAY_NS)
}

fn year_days(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if is_leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exact_where_the_rate_divides_the_period() {
        let rule = Rule::token_bucket(100, Duration::from_secs(1), 200);
        assert_eq!(u128::from(rule.token), 10_000_000u128 << rule.shift);
        let rule = Rule::token_bucket(3, Duration::from_secs(1), 1);
        assert!(u128::from(rule.token) * 3 >= 1_000_000_000u128 << rule.shift, "never more than the rate");
        assert!((u128::from(rule.token) - 1) * 3 < 1_000_000_000u128 << rule.shift);
    }

    #[test]
    fn the_largest_debt_fits_whatever_is_asked_for() {
        for (count, seconds, burst) in
            [(1, 86_400, u32::MAX), (u32::MAX, 1, u32::MAX), (999_983, 86_400, 999_983), (5, 60, 5)]
        {
            let rule = Rule::leaky_bucket(count, Duration::from_secs(seconds), burst, Duration::from_secs(9));
            let most = u128::from(rule.burst) * u128::from(rule.token)
                + (u128::from(rule.max_wait_ns) << rule.shift);
            assert!(most < 1 << DEBT_BITS, "{count} in {seconds} s, {burst} at once");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let rule = Rule::month(10);
        let at = |days: u64| rule.window(days * DAY_NS + 1);
        assert_eq!((at(0).number, at(30).number, at(31).number), (0, 0, 1));
        // 1972 was a leap year: its March began 2 * 365 + 31 + 29 days after 1970.
        assert_eq!((at(789).number, at(790).number), (25, 26));
        assert_eq!((at(790).begin, at(790).end), (790 * DAY_NS, 821 * DAY_NS));
    }

    #[test]
    fn windows_are_those_of_the_wall_clock() {
        let rule = Rule::fixed_window(10, Duration::from_secs(60)).aligned(45_000_000_000);
        assert_eq!(rule.window(0), Window { number: 0, begin: 0, end: 15_000_000_000 });
        let next = Window { number: 1, begin: 15_000_000_000, end: 75_000_000_000 };
        assert_eq!(rule.window(15_000_000_000), next);
    }
}
