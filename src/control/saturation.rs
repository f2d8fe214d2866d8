//! How much of what the gateway has is used, as one number from 0 to 1: something to scale by.
//!
//! The fullest of its parts, because the fullest is the one that ends first. About the gateway itself: that a service has as
//! many requests as it can work on is no reason for more gateways. Plain arithmetic over what workers tell.

use crate::telemetry::{Registry, WorkerMetrics};

/// Parts, from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Saturation {
    /// CPU that the workers use or wait for, on average.
    pub cpu: f64,
    /// How long what is ready waits, of how long it may, at the worker where it waits longest.
    pub queue: f64,
    /// Client connections, of what there may be, at the worker that has most.
    pub connections: f64,
    /// Open files, of what the process may have.
    pub files: f64,
}

impl Saturation {
    /// As it is now. `files` are the open ones and how many there may be, where that is known.
    pub fn of(registry: &Registry, files: Option<(u64, u64)>) -> Self {
        let workers = || registry.workers();
        let most = |part: fn(&WorkerMetrics) -> f64| workers().map(part).fold(0.0, f64::max);
        let busy: f64 = workers().map(|worker| worker.busy_permille.get() as f64 / 1e3).sum();
        Self {
            cpu: (busy / registry.worker_count().max(1) as f64).clamp(0.0, 1.0),
            queue: most(|it| part(it.queue_nanos.get(), it.queue_nanos_max.get())),
            connections: most(|it| part(it.connections_active.get(), it.connections_max.get())),
            files: files.map_or(0.0, |(open, max)| (open as f64 / max.max(1) as f64).min(1.0)),
        }
    }

    /// Its parts by name.
    pub fn parts(&self) -> [(&'static str, f64); 4] {
        let Self { cpu, queue, connections, files } = *self;
        [("cpu", cpu), ("queue", queue), ("connections", connections), ("files", files)]
    }

    /// The fullest part.
    pub fn total(&self) -> f64 {
        self.parts().into_iter().map(|(_, part)| part).fold(0.0, f64::max)
    }
}

/// Of a bound that nobody has told yet nothing is used.
fn part(used: i64, most: i64) -> f64 {
    if most <= 0 { 0.0 } else { (used as f64 / most as f64).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_part_is_the_whole() {
        let registry = Registry::new(2);
        assert_eq!(Saturation::of(&registry, None).total(), 0.0, "before any worker has said anything");
        let (first, second) = (registry.worker(0), registry.worker(1));
        first.busy_permille.set(800);
        second.busy_permille.set(200);
        for worker in [&first, &second] {
            worker.queue_nanos_max.set(10_000_000);
            worker.connections_max.set(100);
        }
        second.connections_active.set(30);
        let calm = Saturation::of(&registry, Some((40, 1_000)));
        assert_eq!((calm.cpu, calm.queue, calm.connections, calm.files), (0.5, 0.0, 0.3, 0.04));
        assert_eq!(calm.total(), 0.5);
        // It waits at one worker alone, and longer than it may.
        first.queue_nanos.set(25_000_000);
        assert_eq!(Saturation::of(&registry, None).total(), 1.0);
    }
}
