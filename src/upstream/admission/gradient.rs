//! How many exchanges a cluster takes at once, found out from how fast it answers.
//!
//! What a service has under way beyond what it can work on waits inside it. So the limit is what it finishes in the time
//! it takes for one when it is not busy, times a tolerance (the gradient of Netflix's concurrency-limits and of Envoy, by way
//! of Little's law). That time is measured anew now and then with a part of the usual concurrency. A plain function of numbers
//! and time; what is over the limit is not its concern.

/// How a limit is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientPlan {
    /// Least, of one worker.
    pub floor: f64,
    /// Most, of one worker.
    pub ceiling: f64,
    /// How many times the time of an unburdened service an answer may take.
    pub tolerance: f64,
    /// Between two measurements of that time, in milliseconds.
    pub probe_every_ms: u64,
}

impl GradientPlan {
    /// The share of one of so many workers.
    #[must_use]
    pub fn of_one(self, workers: usize) -> Self {
        let workers = workers.max(1) as f64;
        let floor = (self.floor / workers).max(1.0);
        Self { floor, ceiling: (self.ceiling / workers).max(floor), ..self }
    }
}

/// What a worker has seen since it looked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Answers.
    pub answers: u64,
    /// Nanoseconds that they took until their heads were there, together.
    pub sum_nanos: u64,
    /// Most exchanges under way at once.
    pub under_way_max: u64,
}

/// The limit of one worker.
#[derive(Debug, Clone)]
pub struct Gradient {
    plan: GradientPlan,
    limit: f64,
    /// Time of an answer when the service is not busy, in nanoseconds; 0 before it is known.
    base_nanos: f64,
    /// Time of an answer now.
    recent_nanos: f64,
    began_ms: u64,
    phase: Phase,
    draining_ms: u64,
    /// When the base was measured last.
    probed_ms: u64,
    /// True while each measurement finds less than the one before: the limit was too high to measure anything with.
    is_eager: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Following,
    /// A part of the limit holds, until what waits at the service is gone.
    Draining,
    /// The base is measured.
    Measuring,
}

/// Shortest window.
const WINDOW_MS: u64 = 100;
/// Answers that make a window worth looking at.
const ANSWERS_MIN: u64 = 10;
/// A window is looked at after this long, however few have been answered.
const WINDOW_MS_MAX: u64 = 2_000;
/// Where the service seems to have become slower, it is measured so early.
const PROBE_EARLY_MS: u64 = 3_000;
/// What holds while it is measured, in parts of the limit over the tolerance. Less than all of that, or a limit that is too
/// high would measure a time that makes it right.
const PROBE_SHARE: f64 = 0.5;
/// A service that takes so many times as long as it may is looked at again early.
const OFF: f64 = 1.5;
/// A measurement that finds so much less makes another one worth while.
const LESS: f64 = 0.8;
/// Longest wait for what was sent before a measurement.
const DRAIN_NANOS_MAX: f64 = 5e9;
/// Weight of a window.
const NEWEST: f64 = 0.5;
/// Weight of a window in the base, which only becomes smaller in between.
const BASE_NEWEST: f64 = 0.1;
/// First limit, of one worker.
const FIRST: f64 = 16.0;

impl Gradient {
    /// Begins at `now_ms`.
    pub fn new(plan: GradientPlan, now_ms: u64) -> Self {
        let limit = FIRST.clamp(plan.floor, plan.ceiling);
        Self {
            plan,
            limit,
            base_nanos: 0.0,
            recent_nanos: 0.0,
            began_ms: now_ms,
            phase: Phase::Draining,
            draining_ms: now_ms,
            probed_ms: now_ms,
            is_eager: true,
        }
    }

    /// Goes on under another plan.
    #[must_use]
    pub fn under(self, plan: GradientPlan) -> Self {
        Self { plan, limit: self.limit.clamp(plan.floor, plan.ceiling), ..self }
    }

    /// The limit that holds now, at least 1.
    pub fn limit(&self) -> f64 {
        let limit = match self.phase {
            Phase::Following => self.limit,
            Phase::Draining | Phase::Measuring => {
                (self.limit * PROBE_SHARE / self.plan.tolerance).max(self.plan.floor)
            }
        };
        limit.max(1.0)
    }

    /// Time of an answer when the service is not busy, and now, in nanoseconds.
    pub fn nanos(&self) -> (u64, u64) {
        (self.base_nanos as u64, self.recent_nanos as u64)
    }

    /// Looks at what was seen. True if the window is over and the next one begins.
    pub fn look(&mut self, window: &Window, now_ms: u64) -> bool {
        let elapsed_ms = now_ms.saturating_sub(self.began_ms);
        let is_over = elapsed_ms >= WINDOW_MS && window.answers >= ANSWERS_MIN;
        if !is_over && elapsed_ms < WINDOW_MS_MAX {
            return false;
        }
        self.began_ms = now_ms;
        if window.answers == 0 {
            if window.under_way_max > 0 {
                // Nothing comes back at all.
                self.limit = (self.limit * 0.5).max(self.plan.floor);
            }
            self.phase = Phase::Following;
            return true;
        }
        let mean = window.sum_nanos as f64 / window.answers as f64;
        match self.phase {
            Phase::Following => self.follow(window, mean, elapsed_ms),
            Phase::Draining => {
                // What was sent before took as long as answers take now.
                self.recent_nanos = self.recent_nanos.max(mean);
                if (now_ms - self.draining_ms) as f64 * 1e6 >= self.recent_nanos.min(DRAIN_NANOS_MAX) {
                    self.phase = Phase::Measuring;
                }
            }
            Phase::Measuring => {
                self.is_eager = self.base_nanos == 0.0 || mean < self.base_nanos * LESS;
                self.base_nanos = mean;
                self.recent_nanos = mean;
                self.probed_ms = now_ms;
                self.phase = Phase::Following;
            }
        }
        if self.phase == Phase::Following && self.wants_probe(now_ms) {
            (self.phase, self.draining_ms) = (Phase::Draining, now_ms);
        }
        true
    }

    fn follow(&mut self, window: &Window, mean: f64, elapsed_ms: u64) {
        if self.base_nanos == 0.0 {
            (self.base_nanos, self.recent_nanos) = (mean, mean);
        }
        self.recent_nanos += (mean - self.recent_nanos) * NEWEST;
        if mean < self.base_nanos {
            self.base_nanos += (mean - self.base_nanos) * BASE_NEWEST;
        }
        let room = self.limit.sqrt().max(1.0);
        let next = if self.recent_nanos > self.plan.tolerance * self.base_nanos {
            // Little's law: what was under way on average, less what only waited.
            let under_way = window.sum_nanos as f64 / (elapsed_ms.max(1) as f64 * 1e6);
            let gradient = (self.plan.tolerance * self.base_nanos / self.recent_nanos).max(0.5);
            (under_way * gradient + room).min(self.limit)
        } else if window.under_way_max as f64 >= self.limit * 0.5 {
            self.limit + room
        } else {
            self.limit
        };
        let next = self.limit + (next - self.limit) * NEWEST;
        self.limit = next.clamp(self.plan.floor, self.plan.ceiling);
    }

    /// All workers measure at the same time, or each would measure what the others do.
    fn wants_probe(&self, now_ms: u64) -> bool {
        let every_ms = self.plan.probe_every_ms.max(1);
        let is_off = self.recent_nanos > self.plan.tolerance * self.base_nanos * OFF;
        let early_ms = PROBE_EARLY_MS.min(every_ms);
        now_ms / every_ms > self.probed_ms / every_ms
            || ((is_off || self.is_eager) && now_ms / early_ms > self.probed_ms / early_ms)
    }
}

#[cfg(test)]
#[path = "gradient_tests.rs"]
mod tests;
