//! Numbers as they are compared: exactly, whatever they were written as; and dates as seconds.
//!
//! A claim of 2^53 + 1 is not 2^53: integers are compared as integers, and with fractions without rounding either.

use std::cmp::Ordering;

use serde_json::Number as Json;

/// A finite number.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole one.
    Whole(i128),
    /// Any other.
    Fraction(f64),
}

impl Number {
    /// A number of JSON. None for what is beyond a float, which no parser gives.
    pub fn of(json: &Json) -> Option<Self> {
        if let Some(whole) = json.as_i64() {
            return Some(Self::Whole(whole.into()));
        }
        if let Some(whole) = json.as_u64() {
            return Some(Self::Whole(whole.into()));
        }
        json.as_f64().filter(|value| value.is_finite()).map(Self::Fraction)
    }

    /// A number as text: digits, and perhaps a fraction. No exponent, no sign but minus.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty()
            || digits.len() > 30
            || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return None;
        }
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        text.parse().ok().map(Self::Fraction)
    }

    /// A date of RFC 3339, `2026-11-22` or `2026-11-22T12:00:00Z`, as seconds since 1970. Parts of a second are left out.
    pub fn parse_date(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let days = days(date)?;
        let seconds = if time.is_empty() { 0 } else { seconds(time)? };
        Some(Self::Whole(i128::from(days * 86_400 + seconds)))
    }

    /// Which of both is greater.
    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(&b),
            (Self::Fraction(a), Self::Fraction(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Whole(a), Self::Fraction(b)) => compare_mixed(a, b),
            (Self::Fraction(a), Self::Whole(b)) => compare_mixed(b, a).reverse(),
        }
    }
}

/// Within 2^100 a float's whole part is a whole number of ours; beyond, the float is the greater by its sign alone,
/// because claims are not larger than 2^64.
fn compare_mixed(whole: i128, fraction: f64) -> Ordering {
    const FAR: f64 = (1_u128 << 100) as f64;
    if fraction >= FAR {
        return Ordering::Less;
    }
    if fraction <= -FAR {
        return Ordering::Greater;
    }
    let below = fraction.floor();
    whole.cmp(&(below as i128)).then(if fraction > below { Ordering::Less } else { Ordering::Equal })
}

fn part(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days since 1970 of `2026-11-22` (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days(date: &str) -> Option<i64> {
    let bytes = date.as_bytes();
    let (year, month, day) = (part(date, 0, 4)?, part(date, 5, 7)?, part(date, 8, 10)?);
    if bytes[4] != b'-' || bytes[7] != b'-' || !(1..=12).contains(&month) {
        return None;
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day < 1 || day > last[usize::try_from(month - 1).ok()?] {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Seconds of `T12:00:00.5Z` or `T12:00:00+02:00`, the offset taken off.
fn seconds(time: &str) -> Option<i64> {
    let bytes = time.as_bytes();
    if bytes.len() < 10 || !matches!(bytes[0], b'T' | b't' | b' ') || bytes[3] != b':' || bytes[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (part(time, 1, 3)?, part(time, 4, 6)?, part(time, 7, 9)?);
    // RFC 3339 5.6: 60 for a leap second.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &time[9..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.bytes().position(|byte| !byte.is_ascii_digit())?;
        if end == 0 {
            return None;
        }
        rest = &fraction[end..];
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (part(rest, 1, 3)?, part(rest, 4, 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3_600 + minutes * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(hour * 3_600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(number: Option<Number>) -> Option<i128> {
        match number? {
            Number::Whole(whole) => Some(whole),
            Number::Fraction(_) => None,
        }
    }

    #[test]
    fn large_numbers_and_fractions_compare_exactly() {
        let json = |text: &str| Number::of(&serde_json::from_str(text).unwrap()).unwrap();
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551614", "18446744073709551615"),
            ("-1", "0"),
            ("2.5", "3"),
            ("2", "2.5"),
            ("-3", "-2.5"),
            ("18446744073709551615", "1e300"),
            ("-1e300", "-9223372036854775808"),
        ] {
            assert_eq!(json(less).compare(json(more)), Ordering::Less, "{less} {more}");
            assert_eq!(json(more).compare(json(less)), Ordering::Greater, "{less} {more}");
        }
        for (one, other) in [("3", "3.0"), ("0", "-0.0"), ("0.0", "-0.0")] {
            assert_eq!(json(one).compare(json(other)), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn dates_are_seconds() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(951_782_400)),
            ("2026-11-22T12:00:00Z", Some(1_795_348_800)),
            ("2026-11-22T14:00:00.25+02:00", Some(1_795_348_800)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("2023-02-29", None),
            ("2026-13-01", None),
            ("2026-11-22T12:00:00", None),
            ("2026-11-22T25:00:00Z", None),
            ("2026-11-22T12:00:00.Z", None),
            ("2026-11-22x", None),
            ("now", None),
            ("é026-11-22", None),
        ] {
            assert_eq!(whole(Number::parse_date(text)), expected, "{text}");
        }
    }

    #[test]
    fn text_is_a_number_only_if_it_is_nothing_else() {
        assert_eq!(whole(Number::parse("-12")), Some(-12));
        assert!(matches!(Number::parse("1.5"), Some(Number::Fraction(_))));
        for text in ["", "-", "+1", "1e3", "0x1", " 1", "1.2.3", "nan", "inf"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
