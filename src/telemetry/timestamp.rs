//! Times as RFC 3339 with milliseconds, UTC.
//!
//! Owns the text of the current second of one worker: the calendar is computed once a second, an exchange only
//! fills in three digits. The time comes in as an argument.

/// `2025-01-31T23:59:59.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp([u8; Timestamp::LEN]);

impl Timestamp {
    /// Characters of a timestamp.
    pub const LEN: usize = 24;

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self(*b"1970-01-01T00:00:00.000Z")
    }
}

/// The text of the second that was asked for last. One per worker.
#[derive(Debug, Clone, Default)]
pub struct TimestampCache {
    second: u64,
    text: Timestamp,
}

impl TimestampCache {
    /// The text of `unix_millis`. After the year 9999 the year is wrong.
    #[inline]
    pub fn at(&mut self, unix_millis: u64) -> Timestamp {
        let (second, millis) = (unix_millis / 1000, unix_millis % 1000);
        if second != self.second {
            self.second = second;
            self.text = text_of(second);
        }
        let mut text = self.text;
        write_digits(&mut text.0[20..23], millis);
        text
    }
}

fn text_of(second: u64) -> Timestamp {
    let (year, month, day) = civil_from_days(second / 86_400);
    let within = second % 86_400;
    let mut text = Timestamp::default();
    write_digits(&mut text.0[0..4], year);
    write_digits(&mut text.0[5..7], month);
    write_digits(&mut text.0[8..10], day);
    write_digits(&mut text.0[11..13], within / 3600);
    write_digits(&mut text.0[14..16], within / 60 % 60);
    write_digits(&mut text.0[17..19], within % 60);
    text
}

/// Year, month and day of a day since 1970. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`, without the part for dates before 1970.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn write_digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unix_millis: u64) -> String {
        String::from_utf8(TimestampCache::default().at(unix_millis).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn writes_known_times() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_735_689_600_007), "2025-01-01T00:00:00.007Z");
        assert_eq!(text(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_cache_agrees_with_a_fresh_one_forwards_and_back() {
        let mut cache = TimestampCache::default();
        for millis in [999, 1000, 1001, 86_399_999, 86_400_000, 5, 1_735_689_600_007] {
            assert_eq!(cache.at(millis).as_bytes(), text(millis).as_bytes());
        }
    }
}
