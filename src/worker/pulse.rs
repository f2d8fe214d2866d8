//! How a worker is doing, measured once a tick: how late it comes, and how much of its CPU it wants.
//!
//! Wanting counts what it ran and what it waited for its CPU: on a core that others use too (interrupts, a noisy
//! neighbour), a worker is at its end long before its own CPU time says so.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::rt::clock;
use crate::rt::deadline::TICK_MS;
use crate::telemetry::metrics::WorkerMetrics;

/// Ticks between two looks at the CPU time: about a tenth of a second. Each is a system call.
const TICKS_PER_LOOK: u64 = 5;
/// Weight of a look in the average: what is older than half a second hardly counts.
const NEWEST: f64 = 0.25;
/// Timers fire in steps of a millisecond and up to one late; only what is more is the worker's.
const LATE_FREE_NANOS: u64 = 2_000_000;

/// Measures one worker. Belongs to its thread.
pub struct Pulse {
    schedstat: Option<File>,
    ticked_nanos: u64,
    looked_nanos: u64,
    wanted_nanos: u64,
    busy: f64,
}

impl Pulse {
    /// Begins to measure the calling thread.
    pub fn new(metrics: &WorkerMetrics) -> Self {
        metrics.beat_ms.set(clock::coarse_ms().cast_signed());
        let schedstat = File::open("/proc/thread-self/schedstat").ok();
        let wanted_nanos = wanted_nanos(schedstat.as_ref());
        let now = clock::nanos();
        Self { schedstat, ticked_nanos: now, looked_nanos: now, wanted_nanos, busy: 0.0 }
    }

    /// Once a tick, on the thread that made it.
    pub fn beat(&mut self, tick: u64, metrics: &WorkerMetrics) {
        let now = clock::nanos();
        metrics.beat_ms.set(clock::coarse_ms().cast_signed());
        self.count_late(now, metrics);
        if tick.is_multiple_of(TICKS_PER_LOOK) {
            let wanted = wanted_nanos(self.schedstat.as_ref());
            self.average(now, wanted, metrics);
        }
    }

    fn count_late(&mut self, now: u64, metrics: &WorkerMetrics) {
        let late = now.saturating_sub(self.ticked_nanos + TICK_MS * 1_000_000);
        self.ticked_nanos = now;
        if late > LATE_FREE_NANOS {
            metrics.late_nanos.add(late);
        }
    }

    fn average(&mut self, now: u64, wanted: u64, metrics: &WorkerMetrics) {
        let elapsed = now.saturating_sub(self.looked_nanos).max(1);
        let share = wanted.saturating_sub(self.wanted_nanos) as f64 / elapsed as f64;
        (self.looked_nanos, self.wanted_nanos) = (now, wanted);
        self.busy += (share.min(1.0) - self.busy) * NEWEST;
        metrics.busy_permille.set((self.busy * 1_000.0) as i64);
    }
}

/// Time on a CPU and time waiting for one, as the scheduler counts; where it does not tell, the first alone.
fn wanted_nanos(schedstat: Option<&File>) -> u64 {
    schedstat.and_then(read).unwrap_or_else(clock::thread_cpu_nanos)
}

fn read(schedstat: &File) -> Option<u64> {
    let mut text = [0_u8; 96];
    let len = schedstat.read_at(&mut text, 0).ok()?;
    sum(std::str::from_utf8(&text[..len]).ok()?)
}

/// The first two numbers of `ran waited slices`.
fn sum(text: &str) -> Option<u64> {
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    Some(numbers.next()?.ok()? + numbers.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_shows_within_half_a_second_and_goes_again() {
        const LOOK: u64 = 100_000_000;
        let metrics = WorkerMetrics::default();
        let mut pulse = Pulse::new(&metrics);
        let (mut now, mut wanted) = (pulse.looked_nanos, pulse.wanted_nanos);
        for (share, expected) in [(LOOK, 700..=800), (0, 100..=250), (LOOK * 3, 700..=850)] {
            for _ in 0..5 {
                (now, wanted) = (now + LOOK, wanted + share);
                pulse.average(now, wanted, &metrics);
            }
            let busy = metrics.busy_permille.get();
            assert!(expected.contains(&busy), "{busy}");
        }
    }

    #[test]
    fn only_more_than_a_timer_is_late_by_itself_counts() {
        let metrics = WorkerMetrics::default();
        let mut pulse = Pulse::new(&metrics);
        let due = |pulse: &Pulse, late: u64| pulse.ticked_nanos + TICK_MS * 1_000_000 + late;
        let (on_time, late) = (due(&pulse, LATE_FREE_NANOS), 50_000_000);
        pulse.count_late(on_time, &metrics);
        assert_eq!(metrics.late_nanos.get(), 0);
        pulse.count_late(due(&pulse, late), &metrics);
        assert_eq!(metrics.late_nanos.get(), late);
    }

    #[test]
    fn a_spinning_thread_is_seen() {
        let metrics = WorkerMetrics::default();
        let mut pulse = Pulse::new(&metrics);
        let begun = clock::nanos();
        while clock::nanos() - begun < 60_000_000 {
            std::hint::spin_loop();
        }
        pulse.beat(0, &metrics);
        assert!(metrics.busy_permille.get() > 150, "{}", metrics.busy_permille.get());
        assert!(metrics.beat_ms.get() > 0);
    }

    #[test]
    fn reads_what_the_scheduler_writes() {
        assert_eq!(sum("1500 250 3\n"), Some(1750));
        assert_eq!(sum("1500\n"), None);
        // A thread that has just begun may not have been counted yet.
        let begun = clock::nanos();
        while clock::nanos() - begun < 20_000_000 {
            std::hint::spin_loop();
        }
        assert!(wanted_nanos(File::open("/proc/thread-self/schedstat").ok().as_ref()) > 0);
    }
}
