//! So many in so much time, as `100/s`.
//!
//! The count and the period are kept apart: `60/m` and `1/s` admit different bursts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Unit, UnitError, written_as_text};

/// So many in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u32,
    period: Period,
}

impl Rate {
    /// How many, at least one.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// In how long, at least a second.
    pub const fn period(self) -> Duration {
        Duration::from_secs(match self.period {
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3_600,
            Period::Day => 86_400,
        })
    }

    /// So many each second; `count` is at least one.
    pub const fn per_second(count: u32) -> Self {
        assert!(count > 0, "a rate admits something");
        Self { count, period: Period::Second }
    }

    /// So many each minute; `count` is at least one.
    pub const fn per_minute(count: u32) -> Self {
        assert!(count > 0, "a rate admits something");
        Self { count, period: Period::Minute }
    }

    /// So many each day; `count` is at least one.
    pub const fn per_day(count: u32) -> Self {
        assert!(count > 0, "a rate admits something");
        Self { count, period: Period::Day }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Period {
    Second,
    Minute,
    Hour,
    Day,
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some((count, period)) = text.split_once('/') else {
            let whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let example = if whole { text } else { "100" };
            return Err(UnitError::new(format!("`{text}` does not say in how much time"))
                .hint(format!("write {example}/s, {example}/m or {example}/h")));
        };
        let period = match period {
            "s" | "sec" | "second" => Period::Second,
            "m" | "min" | "minute" => Period::Minute,
            "h" | "hour" => Period::Hour,
            "d" | "day" => Period::Day,
            _ => {
                return Err(UnitError::new(format!("`{period}` is not a period of a rate"))
                    .hint(format!("write {count}/s, {count}/m, {count}/h or {count}/d")));
            }
        };
        let digits = count.bytes().all(|b| b.is_ascii_digit());
        match count.parse::<u32>() {
            Ok(0) => Err(UnitError::new("a rate of zero admits nothing").hint("write at least 1")),
            Ok(count) if digits => Ok(Self { count, period }),
            _ => Err(UnitError::new(format!("`{count}` is not a whole number up to {}", u32::MAX))),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            Period::Second => "s",
            Period::Minute => "m",
            Period::Hour => "h",
            Period::Day => "d",
        };
        write!(f, "{}/{period}", self.count)
    }
}

impl Unit for Rate {
    const FORMAT: &'static str = "rate";
    const PATTERN: &'static str = r"^[0-9]+/(s|sec|second|m|min|minute|h|hour|d|day)$";
    const EXAMPLES: &'static [&'static str] = &["100/s", "1000/min", "5/h"];
    const ABOUT: &'static str = "So many in so much time: a second, minute, hour or day.";
}
written_as_text!(Rate);
