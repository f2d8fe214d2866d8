//! An open loop: requests that are due by the clock, whether or not earlier ones have been answered.
//!
//! Latency counts from the moment a request was meant to be sent, so that a gateway that stalls pays for everybody who
//! would have come meanwhile (no coordinated omission). A request that finds every connection busy waits for the first
//! that is free. Owns times and who is free; it sends nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::dice::Dice;

/// Requests at random times, and what became of them.
pub struct Schedule {
    mean: Duration,
    dice: Dice,
    next: Instant,
    /// Requests that are due and have no connection yet: when they were meant to be sent.
    waiting: VecDeque<Instant>,
    /// Connections without a request, the longest free first.
    free: VecDeque<usize>,
    /// By connection: when its request was meant to be sent.
    meant: Vec<Instant>,
    latencies: Vec<Duration>,
    lags: Vec<Duration>,
}

/// What a schedule has seen.
pub struct Times {
    /// From meant to be sent to completely answered, in ascending order.
    pub latencies: Vec<Duration>,
    /// How much later than meant this program noticed that a request was due, in ascending order.
    pub lags: Vec<Duration>,
}

impl Schedule {
    /// `per_second` requests on average over `connections` free connections. The same seed gives the same spacing.
    pub fn new(per_second: f64, seed: u64, connections: usize) -> Self {
        let now = Instant::now();
        Self {
            mean: Duration::from_secs_f64(1.0 / per_second),
            dice: Dice::seeded(seed),
            next: now,
            waiting: VecDeque::new(),
            free: (0..connections).collect(),
            meant: vec![now; connections],
            latencies: Vec::new(),
            lags: Vec::new(),
        }
    }

    /// Takes notice of what is due at `now`.
    pub fn notice(&mut self, now: Instant) {
        while self.next <= now {
            self.lags.push(now - self.next);
            self.waiting.push_back(self.next);
            self.next += self.dice.spacing(self.mean);
        }
    }

    /// A connection that is to send its next request, if one is due and one is free.
    pub fn assign(&mut self) -> Option<usize> {
        if self.waiting.is_empty() {
            return None;
        }
        let connection = self.free.pop_front()?;
        self.meant[connection] = self.waiting.pop_front()?;
        Some(connection)
    }

    /// The request of `connection` has been answered completely.
    pub fn complete(&mut self, connection: usize, now: Instant) {
        self.latencies.push(now - self.meant[connection]);
        self.free.push_back(connection);
    }

    /// What was seen since the last call.
    pub fn take(&mut self) -> Times {
        let sorted = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times
        };
        Times {
            latencies: sorted(std::mem::take(&mut self.latencies)),
            lags: sorted(std::mem::take(&mut self.lags)),
        }
    }
}
