//! A moment as people write it: `2027-03-31`, or `2027-03-31T12:00:00Z` (RFC 3339, UTC).
//!
//! Owns reading and writing. Other zones are refused: whoever reads the file should not have to reckon.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::telemetry::timestamp::TimestampCache;

/// Seconds since 1970; a date alone is its first second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// The first moment that no calendar of four digits has.
const END: u64 = 253_402_300_800;

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a moment is written `2027-03-31` or `2027-03-31T12:00:00Z`";
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let mut days = numbers::<3>(date, '-', [4, 2, 2]).ok_or(WRONG)?;
        let [year, month, day] = &mut days;
        let [hour, minute, second] = match time {
            None => [0; 3],
            Some(time) => numbers(time.strip_suffix('Z').ok_or(WRONG)?, ':', [2; 3]).ok_or(WRONG)?,
        };
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let february = if is_leap { 29 } else { 28 };
        let longest = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let is_date = *year >= 1970
            && (1..=12).contains(month)
            && (1..=longest[usize::try_from(*month - 1).map_err(|_| WRONG)?]).contains(day);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return Err(WRONG);
        }
        Ok(Self(days_from_civil(*year, *month, *day) * 86_400 + hour * 3600 + minute * 60 + second))
    }
}

/// Exactly `N` numbers of so many digits.
fn numbers<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 of a day of the Gregorian calendar, by the years from March to February.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = TimestampCache::default().at(self.0.min(END - 1) * 1000);
        // Without the milliseconds.
        write!(f, "{}Z", String::from_utf8_lossy(&text.as_bytes()[..19]))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$"
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_days_and_seconds() {
        for (text, second) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01Z", 1),
            ("2000-02-29", 951_782_400),
            ("2027-03-31T12:34:56Z", 1_806_496_496),
            ("9999-12-31T23:59:59Z", END - 1),
        ] {
            assert_eq!(text.parse(), Ok(Moment(second)), "{text}");
        }
        for bad in [
            "",
            "2027",
            "2027-13-01",
            "2027-02-29",
            "1900-02-29",
            "2027-00-10",
            "2027-01-00",
            "2027-1-01",
            "2027-01-01T",
            "2027-01-01T24:00:00Z",
            "2027-01-01T12:00:00",
            "2027-01-01T12:00:00+01:00",
            "2027-01-01 12:00:00Z",
            "1969-12-31",
            "+027-01-01",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(second in 0u64..END) {
            prop_assert_eq!(Moment(second).to_string().parse(), Ok(Moment(second)));
        }
    }
}
