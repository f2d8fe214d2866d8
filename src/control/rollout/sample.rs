//! What workers have done, as far as a rollout compares it: added up over workers, subtracted over time.

use std::collections::BTreeMap;

use super::evidence::Count;
use crate::shared::HistogramSnapshot;

/// What became of some exchanges: all of a route, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// All of them.
    pub requests: u64,
    /// Answers of 500 and above, whoever gave them.
    pub server_errors: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// How often a policy refused.
    pub refusals: u64,
    /// How long they took.
    pub durations: HistogramSnapshot,
}

impl Sample {
    /// Adds what others did.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.server_errors += other.server_errors;
        self.client_errors += other.client_errors;
        self.refusals += other.refusals;
        self.durations.merge(&other.durations);
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts =
            std::array::from_fn(|at| self.durations.counts[at].saturating_sub(earlier.durations.counts[at]));
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            server_errors: self.server_errors.saturating_sub(earlier.server_errors),
            client_errors: self.client_errors.saturating_sub(earlier.client_errors),
            refusals: self.refusals.saturating_sub(earlier.refusals),
            durations: HistogramSnapshot {
                counts,
                sum_nanos: self.durations.sum_nanos.saturating_sub(earlier.durations.sum_nanos),
            },
        }
    }

    /// Exchanges that took longer than bucket `bucket` reaches.
    pub fn beyond(&self, bucket: usize) -> Count {
        let beyond = self.durations.counts.iter().skip(bucket + 1).sum();
        Count::new(beyond, self.durations.count())
    }

    /// In which bucket the 95th percentile of the durations is, and about where in milliseconds.
    pub fn p95(&self) -> Option<(usize, f64)> {
        let all = self.durations.count();
        let rank = all as f64 * 0.95;
        let (mut below, mut from) = (0.0, 0.0);
        for (at, (seconds, count)) in self.durations.seconds().into_iter().enumerate() {
            let count = count as f64;
            if count > 0.0 && below + count >= rank {
                // Beyond the last bound nothing is known but that.
                let to = if seconds.is_finite() { seconds } else { from };
                return Some((at, 1e3 * (from + (to - from) * (rank - below) / count)));
            }
            below += count;
            from = seconds;
        }
        None
    }
}

/// What some workers did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// All of their exchanges.
    pub overall: Sample,
    /// Answers of the gateway's own, by the slot of their code.
    pub codes: Vec<u64>,
    /// By route.
    pub routes: BTreeMap<String, Sample>,
}

impl Side {
    /// Adds what others did.
    pub fn add(&mut self, other: &Self) {
        self.overall.add(&other.overall);
        self.codes.resize(self.codes.len().max(other.codes.len()), 0);
        self.codes.iter_mut().zip(&other.codes).for_each(|(mine, theirs)| *mine += theirs);
        for (name, sample) in &other.routes {
            match self.routes.get_mut(name) {
                Some(mine) => mine.add(sample),
                None => drop(self.routes.insert(name.clone(), sample.clone())),
            }
        }
    }

    /// What came after `earlier`. Routes without an exchange are left out.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |at: usize| earlier.codes.get(at).copied().unwrap_or(0);
        let nothing = Sample::default();
        let routes = self.routes.iter().filter_map(|(name, sample)| {
            let since = sample.since(earlier.routes.get(name).unwrap_or(&nothing));
            (since.requests > 0).then(|| (name.clone(), since))
        });
        Self {
            overall: self.overall.since(&earlier.overall),
            codes: self.codes.iter().enumerate().map(|(at, code)| code.saturating_sub(before(at))).collect(),
            routes: routes.collect(),
        }
    }
}

/// What each worker has done since the process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// In the order of the workers.
    pub workers: Vec<Side>,
}

impl Reading {
    /// What these workers have done together.
    pub fn of(&self, workers: &[usize]) -> Side {
        let mut sum = Side::default();
        workers.iter().filter_map(|&worker| self.workers.get(worker)).for_each(|side| sum.add(side));
        sum
    }

    /// What these workers did after `earlier`.
    pub fn since(&self, earlier: &Self, workers: &[usize]) -> Side {
        self.of(workers).since(&earlier.of(workers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Histogram;

    fn took(millis: &[u64]) -> Sample {
        let histogram = Histogram::default();
        millis.iter().for_each(|millis| histogram.record(millis * 1_000_000));
        Sample { requests: millis.len() as u64, durations: histogram.snapshot(), ..Sample::default() }
    }

    #[test]
    fn the_95th_percentile_lies_within_its_bucket() {
        let times: Vec<u64> = [vec![3; 90], vec![40; 10]].concat();
        let (bucket, millis) = took(&times).p95().unwrap();
        assert_eq!(took(&times).beyond(bucket - 1), Count::new(10, 100));
        assert!((25.0..=50.0).contains(&millis), "{millis}");
        assert_eq!(took(&[]).p95(), None);
        assert_eq!(took(&[90_000]).p95(), Some((19, 60_000.0)));
    }

    #[test]
    fn sums_and_differences_go_together() {
        let side = |requests: u64| Side {
            overall: Sample { requests, ..Sample::default() },
            codes: vec![requests, 0],
            routes: [("a".to_owned(), Sample { requests, ..Sample::default() })].into(),
        };
        let earlier = Reading { workers: vec![side(1), side(10), side(5)] };
        let later = Reading { workers: vec![side(4), side(30), side(5)] };
        let since = later.since(&earlier, &[0, 1]);
        assert_eq!((since.overall.requests, since.codes[0], since.routes["a"].requests), (23, 23, 23));
        assert!(later.since(&earlier, &[2]).routes.is_empty());
        assert_eq!(later.since(&Reading::default(), &[0]).overall.requests, 4);
    }
}
