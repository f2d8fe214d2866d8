//! An amount of bytes, as `64KiB`.
//!
//! `KiB` is 1024 and `kB` 1000, as IEC 80000-13 has it. A bare integer is bytes.

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, Inexact};
use super::{Unit, UnitError, written_as_text};

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// So many times 1024 * 1024 bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = decimal::split(text);
        if number.is_empty() {
            return Err(UnitError::new(format!("`{text}` is not an amount of bytes"))
                .hint("write 500B, 64KiB or 10MiB"));
        }
        let step = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, step)| *step);
        let Some(step) = step.or(if unit.is_empty() { Some(1) } else { None }) else {
            return Err(
                UnitError::new(format!("`{}` is not a unit of bytes", unit.trim())).hint(near(number, unit))
            );
        };
        decimal::scaled(number, step).map(Self).map_err(|why| match why {
            Inexact::NotANumber => UnitError::new(format!("`{number}` is not a number")),
            Inexact::TooFine => UnitError::new(format!("`{text}` is not a whole number of bytes")),
            Inexact::TooLarge => UnitError::new(format!("`{text}` is more than 64 bits can count")),
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, step): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*step);
        let (name, step) = UNITS.iter().rfind(fits).unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", self.0 / step)
    }
}

fn near(number: &str, unit: &str) -> String {
    let folded = unit.trim().to_lowercase();
    if let Some((name, _)) = UNITS.iter().find(|(name, _)| name.to_lowercase() == folded) {
        return format!("write {number}{name}");
    }
    match folded.as_str() {
        "k" => format!("write {number}KiB"),
        "m" => format!("write {number}MiB"),
        "g" => format!("write {number}GiB"),
        _ => "units are B, KiB, MiB, GiB, TiB and kB, MB, GB, TB".to_owned(),
    }
}

/// In bytes, smallest first.
const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

impl Unit for ByteSize {
    const FORMAT: &'static str = "byte-size";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)?$";
    const EXAMPLES: &'static [&'static str] = &["64KiB", "10MiB", "1GiB", "500B"];
    const ABOUT: &'static str = "An amount of bytes with its unit: B, KiB, MiB, GiB, TiB, kB, MB, GB or TB.";
    const INTEGER: bool = true;
}
written_as_text!(ByteSize);
