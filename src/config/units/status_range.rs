//! Statuses of answers, as `200`, `2xx` or `200-204`.

use std::fmt;
use std::str::FromStr;

use super::{Unit, UnitError, written_as_text};

/// Statuses from one to another, 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// 200 to 299.
    pub const SUCCESS: Self = Self { first: 200, last: 299 };

    /// Whether `status` is among them.
    pub const fn contains(self, status: u16) -> bool {
        self.first <= status && status <= self.last
    }
}

impl FromStr for StatusRange {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(format!("`{text}` is not a status")).hint("write 200, 2xx or 200-204");
        let status = |text: &str| match text.as_bytes() {
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => text.parse::<u16>().ok(),
            _ => None,
        };
        if let Some(class) = text.strip_suffix("xx") {
            let first = status(&format!("{class}00")).ok_or_else(wrong)?;
            return Ok(Self { first, last: first + 99 });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (status(first).ok_or_else(wrong)?, status(last).ok_or_else(wrong)?);
        if first > last {
            return Err(UnitError::new(format!("`{text}` ends before it begins"))
                .hint(format!("write {last}-{first}")));
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (first, last) if first == last => first.fmt(f),
            (first, last) if first % 100 == 0 && last == first + 99 => write!(f, "{}xx", first / 100),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Unit for StatusRange {
    const FORMAT: &'static str = "status-range";
    const PATTERN: &'static str = r"^[1-5](xx|[0-9]{2}(-[1-5][0-9]{2})?)$";
    const EXAMPLES: &'static [&'static str] = &["200", "2xx", "200-204"];
    const ABOUT: &'static str = "Statuses of answers: one, a class, or from one to another.";
    const INTEGER: bool = true;
}
written_as_text!(StatusRange);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_the_same() {
        for text in ["200", "2xx", "200-204", "503", "100-599"] {
            let range: StatusRange = text.parse().unwrap();
            assert_eq!(range.to_string(), text);
        }
        let range: StatusRange = "301-399".parse().unwrap();
        assert!(range.contains(301) && range.contains(399) && !range.contains(300) && !range.contains(400));
    }

    #[test]
    fn refuses_what_is_no_status() {
        for text in ["", "20", "0xx", "6xx", "2xxx", "600", "99", "204-200", "200-", "-200", "+20", "2 0"] {
            assert!(text.parse::<StatusRange>().is_err(), "{text}");
        }
    }
}
