//! A word to the operator on the standard error stream.
//!
//! Never fails: where nobody reads any more, the word is lost and the gateway goes on. The macro of the standard
//! library would panic.

use std::fmt;
use std::io::Write;

use crate::shared::level::{self, Level};

/// Says one line, whatever the level: that something does not work.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says one line if its weight is said at present.
pub fn say_at(weight: Level, line: fmt::Arguments<'_>) {
    if level::is_said(weight) {
        say(line);
    }
}
