//! A part of the workers, as `1 worker` or `50%`.

use std::fmt;
use std::str::FromStr;

use super::share::Share;
use super::{Unit, UnitError, written_as_text};

/// A part of the workers: so many, or a share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerPart {
    /// So many; at least one.
    Count(u16),
    /// A share, rounded up; more than nothing.
    Share(Share),
}

impl WorkerPart {
    /// How many of `workers` it is: at least one, at most all.
    pub fn of(self, workers: usize) -> usize {
        let part = match self {
            Self::Count(count) => usize::from(count),
            Self::Share(share) => {
                (workers as u64 * u64::from(share.millionths())).div_ceil(1_000_000) as usize
            }
        };
        part.clamp(1, workers.max(1))
    }
}

impl FromStr for WorkerPart {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if text.ends_with('%') {
            let share: Share = text.parse()?;
            return if share == Share::NONE { Err(nobody(text)) } else { Ok(Self::Share(share)) };
        }
        let number = text.strip_suffix(" workers").or_else(|| text.strip_suffix(" worker"));
        match number.map(str::trim_end).unwrap_or_default().parse() {
            Ok(0) => Err(nobody(text)),
            Ok(count) => Ok(Self::Count(count)),
            Err(_) => {
                let hint = match text.parse::<u16>() {
                    Ok(count @ 1..) => format!("write {} or {count}%", Self::Count(count)),
                    _ => "write 1 worker, 2 workers or 50%".to_owned(),
                };
                Err(UnitError::new(format!("`{text}` is not a part of the workers")).hint(hint))
            }
        }
    }
}

impl fmt::Display for WorkerPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(1) => f.write_str("1 worker"),
            Self::Count(count) => write!(f, "{count} workers"),
            Self::Share(share) => share.fmt(f),
        }
    }
}

fn nobody(text: &str) -> UnitError {
    UnitError::new(format!("`{text}` is no worker at all")).hint("begin with 1 worker")
}

impl Unit for WorkerPart {
    const FORMAT: &'static str = "worker-part";
    const PATTERN: &'static str = r"^([0-9]+ workers?|[0-9]+(\.[0-9]+)?%)$";
    const EXAMPLES: &'static [&'static str] = &["1 worker", "2 workers", "50%", "100%"];
    const ABOUT: &'static str = "A part of the workers: so many, or a share of them.";
}
written_as_text!(WorkerPart);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_at_least_one_worker_and_at_most_all() {
        for (text, workers, part) in [
            ("1 worker", 8, 1),
            ("3 workers", 2, 2),
            ("50%", 8, 4),
            ("50%", 3, 2),
            ("0.1%", 8, 1),
            ("100%", 8, 8),
            ("100%", 1, 1),
        ] {
            let read: WorkerPart = text.parse().unwrap();
            assert_eq!((read.of(workers), read.to_string().as_str()), (part, text));
        }
    }

    #[test]
    fn refuses_what_is_nobody_or_unclear() {
        for (text, hint) in [
            ("0 workers", "begin with 1 worker"),
            ("0%", "begin with 1 worker"),
            ("1", "write 1 worker or 1%"),
            ("worker", "write 1 worker, 2 workers or 50%"),
            ("half", "write 1 worker, 2 workers or 50%"),
        ] {
            assert_eq!(text.parse::<WorkerPart>().unwrap_err().hint.as_deref(), Some(hint), "{text}");
        }
    }
}
