//! Faults that show only when a running gateway is about to take a configuration on.

use super::{Check, Loaded};
use crate::config::diagnostic::Diagnostics;
use crate::config::units::UnitError;

/// The address of listener `at` cannot be had.
pub fn unlistenable(loaded: &Loaded, at: usize, reason: &str) -> Diagnostics {
    let addr = loaded.config.listeners[at].address;
    let why = UnitError::new(format!("cannot listen on {addr}: {reason}"))
        .hint("choose another address, or end what listens there");
    about(loaded, |check| check.error("cannot-listen", &format!("listeners[{at}].address"), why))
}

/// It is not wanted as a whole.
pub fn unwanted(loaded: &Loaded, code: &'static str, why: UnitError) -> Diagnostics {
    about(loaded, |check| check.error(code, "", why))
}

/// The routes cannot be searched.
pub fn unroutable(loaded: &Loaded, reason: &str) -> Diagnostics {
    about(loaded, |check| check.error("bad-route", "routes", UnitError::new(reason)))
}

/// A part that is looked at when the process starts, and has changed.
pub fn needs_restart(loaded: &Loaded, path: &str) -> Diagnostics {
    let why = UnitError::new(format!("`{path}` has changed, which shows only after a restart"))
        .hint("everything else is in force; restart the gateway when it suits");
    about(loaded, |check| check.warning("needs-restart", path, why))
}

fn about(loaded: &Loaded, say: impl FnOnce(&mut Check<'_>)) -> Diagnostics {
    let Loaded { config, document, .. } = loaded;
    let mut check = Check { config, document, report: document.report() };
    say(&mut check);
    check.report.diagnostics
}
