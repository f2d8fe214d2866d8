//! SIGINT and SIGTERM end the program in order, so that no gateway it has started stays behind.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;

static WAS_TOLD: AtomicBool = AtomicBool::new(false);

/// From now on the two signals are noticed by [`check`] instead of ending the process.
pub fn listen() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores to an atomic, which is safe in a signal handler.
        unsafe { libc::signal(signal, note as *const () as libc::sighandler_t) };
    }
}

extern "C" fn note(_signal: libc::c_int) {
    WAS_TOLD.store(true, Ordering::Relaxed);
}

/// An error once one of the signals has come.
pub fn check() -> anyhow::Result<()> {
    if WAS_TOLD.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}
