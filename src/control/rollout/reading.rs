//! From the workers' counters to what a rollout compares, and what there was before it.
//!
//! Reads every counter once and owns none. Two looks at ten thousand routes are a few milliseconds on control.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sample::{Reading, Sample, Side};
use crate::telemetry::Registry;
use crate::telemetry::metrics::RouteMetrics;

/// How much of the past is compared with, at most twice that.
const PAST: Duration = Duration::from_secs(15);
/// Places of the classes 4xx and 5xx.
const CLIENT_ERROR_CLASS: usize = 3;
const SERVER_ERROR_CLASS: usize = 4;

impl Reading {
    /// What all workers have done since the process began.
    pub fn take(registry: &Registry) -> Self {
        let mut workers: Vec<Side> = registry.workers().map(|_| Side::default()).collect();
        for (side, worker) in workers.iter_mut().zip(registry.workers()) {
            side.codes = worker.errors.iter().map(|code| code.get()).collect();
        }
        let refusals = refusals(registry, workers.len());
        for (name, shards) in registry.routes() {
            let refused = refusals.get(&name);
            for (at, (side, metrics)) in workers.iter_mut().zip(shards.iter()).enumerate() {
                let sample = sample(metrics, refused.map_or(0, |refused| refused[at]));
                if sample.requests > 0 {
                    side.overall.add(&sample);
                    side.routes.insert(name.clone(), sample);
                }
            }
        }
        Self { workers }
    }
}

/// How often policies refused, by route and worker.
fn refusals(registry: &Registry, workers: usize) -> BTreeMap<String, Vec<u64>> {
    let mut by_route: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for ((route, _), shards) in registry.policies() {
        let sums = by_route.entry(route).or_insert_with(|| vec![0; workers]);
        sums.iter_mut().zip(shards.iter()).for_each(|(sum, policy)| *sum += policy.refused.get());
    }
    by_route
}

fn sample(metrics: &RouteMetrics, refusals: u64) -> Sample {
    let class = |class: usize| metrics.requests.iter().map(|method| method[class].get()).sum();
    let requests = metrics.requests.iter().flatten().map(|count| count.get()).sum();
    Sample {
        requests,
        server_errors: class(SERVER_ERROR_CLASS),
        client_errors: class(CLIENT_ERROR_CLASS),
        refusals,
        durations: if requests > 0 { metrics.duration.snapshot() } else { Default::default() },
    }
}

/// What the workers did lately, ready for when a rollout begins: [`PAST`] to twice that, or less after a rollout.
#[derive(Debug, Default)]
pub struct Baseline {
    older: (Duration, Reading),
    newer: (Duration, Reading),
}

impl Baseline {
    /// Is to be called about once a second, whatever goes on but a rollout. Times are since any moment.
    pub fn look(&mut self, now: Duration, take: impl FnOnce() -> Reading) {
        if now.saturating_sub(self.newer.0) >= PAST {
            self.older = std::mem::replace(&mut self.newer, (now, take()));
        }
    }

    /// Forgets what was: a rollout has ended, and what happened meanwhile is no measure for the next one.
    pub fn restart(&mut self, now: Duration, reading: Reading) {
        self.older = (now, reading.clone());
        self.newer = (now, reading);
    }

    /// Where the past begins.
    pub fn from(&self) -> &Reading {
        &self.older.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_each_worker_counted() {
        let registry = Registry::new(2);
        for (status, millis) in [(200, 3), (404, 3), (503, 700)] {
            registry.route("a", 1).count_request(2, status);
            registry.route("a", 1).duration.record(millis * 1_000_000);
        }
        registry.route("b", 0).count_request(2, 204);
        registry.policy("a", "jwt", 1).refused.add(2);
        registry.policy("a", "acl", 1).refused.add(1);
        registry.worker(1).count_error(7);
        let reading = Reading::take(&registry);
        let a = &reading.workers[1].routes["a"];
        assert_eq!((a.requests, a.client_errors, a.server_errors, a.refusals), (3, 1, 1, 3));
        assert_eq!(a.durations.count(), 3);
        assert_eq!((reading.workers[1].codes[7], reading.workers[0].codes[7]), (1, 0));
        assert_eq!(reading.workers[0].routes.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(reading.of(&[0, 1]).overall.requests, 4);
    }

    #[test]
    fn the_past_moves_along_and_begins_anew_after_a_rollout() {
        let reading = |requests| {
            let overall = Sample { requests, ..Sample::default() };
            Reading { workers: vec![Side { overall, ..Side::default() }] }
        };
        let began = |baseline: &Baseline| baseline.from().of(&[0]).overall.requests;
        let mut baseline = Baseline::default();
        for second in 0..40 {
            baseline.look(Duration::from_secs(second), || reading(second));
        }
        assert_eq!(began(&baseline), 15);
        baseline.restart(Duration::from_secs(40), reading(40));
        assert_eq!(began(&baseline), 40);
    }
}
