//! Waiting for the machine to be quiet, so that few samples must be thrown away.
//!
//! Bounded: when the patience is used up, samples are taken as things are, and the rules for clean samples decide.

use std::time::{Duration, Instant};

use crate::interrupt;
use crate::machine::{self, GATEWAY_CPU, LOAD_CPU};

/// How long the CPUs are looked at. Their idle time is counted in hundredths of a second.
const LOOK: Duration = Duration::from_millis(150);
/// Least share of it that each must be idle.
const IDLE_MIN: f64 = 0.85;

/// Time that may be spent waiting.
pub struct Patience {
    left: Duration,
    end: Instant,
}

impl Patience {
    /// As much as `time` in all, and none after `end`.
    pub fn new(time: Duration, end: Instant) -> Self {
        Self { left: time, end }
    }

    /// Waits until both CPUs are idle, or the patience is used up.
    pub fn wait(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < self.left && Instant::now() < self.end && !is_quiet()? {
            interrupt::check()?;
        }
        // The looking itself is not waiting.
        self.left = self.left.saturating_sub(began.elapsed().saturating_sub(LOOK));
        Ok(())
    }
}

fn is_quiet() -> anyhow::Result<bool> {
    let idle = || anyhow::Ok([machine::cpu_time(GATEWAY_CPU)?.idle, machine::cpu_time(LOAD_CPU)?.idle]);
    let before = idle()?;
    std::thread::sleep(LOOK);
    let least = LOOK.mul_f64(IDLE_MIN);
    Ok(idle()?.into_iter().zip(before).all(|(after, before)| after - before >= least))
}
