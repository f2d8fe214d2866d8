//! Time for the hot path.
//!
//! `coarse_ms` costs about 3 ns and is late by up to one kernel tick (1-4 ms): right for deadlines.
//! `nanos` costs about 23 ns and is exact: right for measuring. Wall time is for headers and logs only.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a clock that never goes back, from an arbitrary start.
pub fn coarse_ms() -> u64 {
    let now = read(libc::CLOCK_MONOTONIC_COARSE);
    now.0 * 1_000 + now.1 / 1_000_000
}

/// Nanoseconds of a clock that never goes back, from an arbitrary start.
pub fn nanos() -> u64 {
    let now = read(libc::CLOCK_MONOTONIC);
    now.0 * 1_000_000_000 + now.1
}

/// Nanoseconds that this thread has spent on a CPU.
pub fn thread_cpu_nanos() -> u64 {
    let now = read(libc::CLOCK_THREAD_CPUTIME_ID);
    now.0 * 1_000_000_000 + now.1
}

/// Seconds and milliseconds since 1970, as coarse as `coarse_ms`.
pub fn wall_ms() -> u64 {
    let now = read(libc::CLOCK_REALTIME_COARSE);
    now.0 * 1_000 + now.1 / 1_000_000
}

/// Seconds since 1970 from the standard library, for slow paths.
pub fn wall_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read(clock: libc::clockid_t) -> (u64, u64) {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec for the length of the call.
    unsafe { libc::clock_gettime(clock, &mut now) };
    // A clock before its epoch is a broken machine; zero keeps deadlines from overflowing.
    (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_and_exact_clock_agree_within_a_tick() {
        let exact = nanos() / 1_000_000;
        let coarse = coarse_ms();
        assert!(coarse <= exact + 1 && exact < coarse + 50, "coarse {coarse} exact {exact}");
    }

    #[test]
    fn wall_clocks_agree() {
        assert!(wall_seconds().abs_diff(wall_ms() / 1_000) <= 1);
    }
}
