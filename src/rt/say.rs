//! A word to the operator on the standard error stream.
//!
//! Never fails: where nobody reads any more, the word is lost and the gateway goes on. The macro of the standard
//! library would panic.

use std::fmt;
use std::io::Write;

/// Says one line.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
