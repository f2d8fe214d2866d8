//! How much the process says of itself: one level for all threads.
//!
//! Owns the number alone; who says something asks here first. Relaxed: a line more or less does not matter.

use std::sync::atomic::{AtomicU8, Ordering};

/// Weight of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something is not as it was meant.
    Warn,
    /// Something has happened that an operator wants to know of.
    Info,
    /// How it came about.
    Debug,
}

impl Level {
    /// All of them, the heaviest first.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// Its word.
    pub fn name(self) -> &'static str {
        ["error", "warn", "info", "debug"][self as usize]
    }

    /// The level of a word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

static CURRENT: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// From now on lines of this weight and above are said.
pub fn set(level: Level) {
    CURRENT.store(level as u8, Ordering::Relaxed);
}

/// Least weight that is said now.
pub fn current() -> Level {
    Level::ALL[usize::from(CURRENT.load(Ordering::Relaxed)).min(Level::ALL.len() - 1)]
}

/// Whether a line of this weight is said now.
pub fn is_said(level: Level) -> bool {
    level <= current()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_level_and_lighter_lines_are_not_said() {
        for level in Level::ALL {
            assert_eq!(Level::named(level.name()), Some(level));
        }
        assert_eq!(Level::named("Info"), None);
        assert!(is_said(Level::Info) && is_said(Level::Error) && !is_said(Level::Debug));
        set(Level::Warn);
        assert_eq!(current(), Level::Warn);
        assert!(is_said(Level::Warn) && !is_said(Level::Info));
        set(Level::Info);
    }
}
