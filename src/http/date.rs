//! The form of Date (RFC 9110 5.6.7): IMF-fixdate.
//!
//! Owns the arithmetic from seconds to a calendar. The time comes in as an argument; callers keep the bytes for as
//! long as the second lasts.

/// `Sun, 06 Nov 1994 08:49:37 GMT` of seconds since 1970-01-01T00:00:00Z. Years beyond 9999, which the form cannot
/// hold, are written as 9999.
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(LAST_SECOND_OF_9999);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut date = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    date[..3].copy_from_slice(WEEKDAYS[(days % 7) as usize]);
    digits(&mut date[5..7], day);
    date[8..11].copy_from_slice(MONTHS[(month - 1) as usize]);
    digits(&mut date[12..16], year);
    digits(&mut date[17..19], second_of_day / 3600);
    digits(&mut date[20..22], second_of_day / 60 % 60);
    digits(&mut date[23..25], second_of_day % 60);
    date
}

const LAST_SECOND_OF_9999: u64 = 253_402_300_799;

/// From the day of the epoch on.
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Year, month and day of a day since 1970-01-01, by counting years from March so that a leap day comes last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn digits(to: &mut [u8], value: u64) {
    let mut rest = value;
    for place in to.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn writes_the_example_of_rfc_9110_5_6_7() {
        assert_eq!(&imf_fixdate(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&imf_fixdate(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&imf_fixdate(u64::MAX), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn agrees_with_another_implementation_over_eight_centuries() {
        for step in 0..40_000u64 {
            let seconds = step * 631_139;
            let expected = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(imf_fixdate(seconds), expected.as_bytes());
        }
    }
}
