//! A part of a whole, as `25%`.
//!
//! Steps of a millionth, so that two shares can be compared and printed exactly.

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, Inexact};
use super::{Unit, UnitError, written_as_text};

/// A part of a whole, none to all of it. Default: all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    millionths: u32,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { millionths: 1_000_000 };
    /// Nothing of it.
    pub const NONE: Self = Self { millionths: 0 };

    /// Whole percents, at most 100.
    pub const fn percent(percent: u32) -> Self {
        assert!(percent <= 100, "a share is at most the whole");
        Self { millionths: percent * 10_000 }
    }

    /// One in so many, rounded down to a millionth.
    pub const fn one_in(number: u32) -> Self {
        assert!(number > 0, "a share of nothing is none");
        Self { millionths: 1_000_000 / number }
    }

    /// 0.0 to 1.0.
    pub fn fraction(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }

    /// 0 to 1,000,000.
    pub const fn millionths(self) -> u32 {
        self.millionths
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(UnitError::new(format!("`{text}` is not a share")).hint(percents(text)));
        };
        let millionths = decimal::scaled(number, 10_000).map_err(|why| match why {
            Inexact::NotANumber => {
                UnitError::new(format!("`{number}` is not a number")).hint("write 25% or 0.5%")
            }
            Inexact::TooFine => UnitError::new(format!("`{text}` has more than four digits after the point")),
            Inexact::TooLarge => above_all(text),
        })?;
        match u32::try_from(millionths) {
            Ok(millionths @ 0..=1_000_000) => Ok(Self { millionths }),
            _ => Err(above_all(text)),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.millionths / 10_000, self.millionths % 10_000);
        if part == 0 {
            return write!(f, "{whole}%");
        }
        let part = format!("{part:04}");
        write!(f, "{whole}.{}%", part.trim_end_matches('0'))
    }
}

fn above_all(text: &str) -> UnitError {
    UnitError::new(format!("`{text}` is more than all of it")).hint("a share is 0% to 100%")
}

/// What a number without `%` was meant to be: `0.25` is 25%, `25` is 25%.
fn percents(text: &str) -> String {
    let shifted = decimal::scaled(text, 1_000_000).ok().and_then(|millionths| u32::try_from(millionths).ok());
    match shifted {
        Some(millionths @ 1..=1_000_000) => format!("write {}", Share { millionths }),
        Some(_) => format!("write {text}%"),
        None => "write 25% or 0.5%".to_owned(),
    }
}

impl Unit for Share {
    const FORMAT: &'static str = "share";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?%$";
    const EXAMPLES: &'static [&'static str] = &["25%", "0.5%", "100%"];
    const ABOUT: &'static str = "A part of a whole, 0% to 100%.";
}
written_as_text!(Share);
