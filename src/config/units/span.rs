//! A length of time, as `250ms`.
//!
//! Steps of a microsecond, at most ten years: enough for every timeout, and no sum of a few overflows.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::decimal::{self, Inexact};
use super::{Unit, UnitError, written_as_text};

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// The longest: ten years.
    pub const MAX: Self = Self::from_secs(3650 * 86_400);

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = decimal::split(text);
        if number.is_empty() {
            return Err(UnitError::new(format!("`{text}` is not a length of time"))
                .hint("write 5s, 250ms, 2m, 1h or 1d"));
        }
        if unit.is_empty() {
            return Err(
                UnitError::new(format!("`{text}` has no unit")).hint(format!("write {text}s or {text}ms"))
            );
        }
        let Some((_, micros)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(
                UnitError::new(format!("`{}` is not a unit of time", unit.trim())).hint(near(number, unit))
            );
        };
        let micros = decimal::scaled(number, *micros).map_err(|why| match why {
            Inexact::NotANumber => UnitError::new(format!("`{number}` is not a number")),
            Inexact::TooFine => UnitError::new(format!("`{text}` is finer than a microsecond")),
            Inexact::TooLarge => too_long(text),
        })?;
        let span = Self(Duration::from_micros(micros));
        if span > Self::MAX { Err(too_long(text)) } else { Ok(span) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros == 0 {
            return f.write_str("0s");
        }
        let (name, step) =
            UNITS.iter().rfind(|(_, step)| micros.is_multiple_of(u128::from(*step))).unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", micros / u128::from(*step))
    }
}

fn too_long(text: &str) -> UnitError {
    UnitError::new(format!("`{text}` is longer than ten years"))
}

fn near(number: &str, unit: &str) -> String {
    let short = match unit.trim().to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" | "s" => "s",
        "msec" | "millis" | "milliseconds" | "ms" => "ms",
        "min" | "mins" | "minute" | "minutes" | "m" => "m",
        "hr" | "hrs" | "hour" | "hours" | "h" => "h",
        "day" | "days" | "d" => "d",
        "usec" | "micros" | "us" | "µs" | "μs" => "us",
        _ => return "units are us, ms, s, m, h and d".to_owned(),
    };
    format!("write {number}{short}")
}

/// In microseconds, shortest first.
const UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

impl Unit for Span {
    const FORMAT: &'static str = "span";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d)$";
    const EXAMPLES: &'static [&'static str] = &["5s", "250ms", "1.5s", "2m", "1h"];
    const ABOUT: &'static str = "A length of time with its unit: us, ms, s, m, h or d.";
}
written_as_text!(Span);
