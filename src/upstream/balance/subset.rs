//! Which endpoints a worker uses, where it does not use all: a deterministic aperture (Finagle, "Deterministic Aperture").
//!
//! Endpoints lie on a ring, each as long as its weight, and workers divide it evenly. A worker uses what lies on its part
//! and on as many further parts as are wanted; at the ends endpoints are cut, and have the part of their weight that lies
//! within. So every point of the ring belongs to the same number of workers, and no endpoint gets more than its share.

/// How many workers use an endpoint, and how many endpoints a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subset {
    /// Workers that use an endpoint; at its ends it may be one more each.
    pub workers: u32,
    /// Endpoints that a worker uses at least, on average, though then more workers use each.
    pub endpoints: u32,
}

impl Subset {
    /// Parts of the ring that each of `workers` uses of `endpoints`.
    fn parts(self, endpoints: usize, workers: usize) -> u64 {
        let (endpoints, workers) = (endpoints.max(1) as u64, workers.max(1) as u64);
        let for_endpoints = (u64::from(self.endpoints) * workers).div_ceil(endpoints);
        u64::from(self.workers).max(for_endpoints).clamp(1, workers)
    }

    /// Whether each of so many workers uses all of so many endpoints.
    pub fn is_everything(self, endpoints: usize, workers: usize) -> bool {
        self.parts(endpoints, workers) >= workers.max(1) as u64
    }

    /// Positions of those that the worker uses of endpoints with these weights, and their weight for it.
    pub fn of(self, weights: &[u32], worker: usize, workers: usize) -> Vec<(usize, u32)> {
        let parts = self.parts(weights.len(), workers);
        let workers = workers.max(1) as u64;
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        if parts >= workers {
            return weights.iter().copied().enumerate().collect();
        }
        // Lengths are multiplied by the number of workers, so that a part has a whole length: that of all weights.
        let ring = total * workers;
        let begin = worker as u64 * total;
        let end = begin + parts * total;
        let mut at = 0;
        let mut used = Vec::new();
        for (position, weight) in weights.iter().enumerate() {
            let next = at + u64::from(*weight) * workers;
            // The worker's part may go over the end of the ring.
            let length = overlap(at, next, begin, end) + overlap(at + ring, next + ring, begin, end);
            if length > 0 {
                used.push((position, scaled(length, ring)));
            }
            at = next;
        }
        used
    }
}

fn overlap(from: u64, to: u64, begin: u64, end: u64) -> u64 {
    to.min(end).saturating_sub(from.max(begin))
}

/// Lengths below 2^32 are kept as they are; longer rings lose a few low bits.
fn scaled(length: u64, ring: u64) -> u32 {
    let excess = ring.checked_ilog2().unwrap_or(0).saturating_sub(31);
    (length >> excess).max(1) as u32
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints_are_cut_where_parts_end() {
        let one = Subset { workers: 1, endpoints: 1 };
        // Three endpoints, two workers: each has one and a half.
        assert_eq!(one.of(&[1, 1, 1], 0, 2), [(0, 2), (1, 1)]);
        assert_eq!(one.of(&[1, 1, 1], 1, 2), [(1, 1), (2, 2)]);
        let two = Subset { workers: 2, endpoints: 1 };
        assert_eq!(two.of(&[1, 1, 1, 1], 3, 4), [(0, 4), (3, 4)], "over the end of the ring");
        assert!(two.is_everything(4, 2) && !two.is_everything(4, 3));
    }

    #[test]
    fn connections_to_an_endpoint_do_not_grow_with_workers() {
        let subset = Subset { workers: 2, endpoints: 2 };
        let weights = [1; 64];
        for workers in [4, 8, 16, 32, 64] {
            let mut users = [0; 64];
            for worker in 0..workers {
                subset.of(&weights, worker, workers).iter().for_each(|(at, _)| users[*at] += 1);
            }
            assert!(users.iter().all(|count| (2..=3).contains(count)), "{workers}: {users:?}");
        }
    }

    proptest! {
        #[test]
        fn all_endpoints_are_covered_evenly(
            weights in vec(1u32..1000, 1..40), workers in 1usize..70, each in 1u32..5, least in 1u32..8,
        ) {
            let subset = Subset { workers: each, endpoints: least };
            let mut covered = vec![0.0; weights.len()];
            for worker in 0..workers {
                let used = subset.of(&weights, worker, workers);
                prop_assert!(!used.is_empty());
                // Each worker has as many requests.
                let sum: f64 = used.iter().map(|(_, weight)| f64::from(*weight)).sum();
                used.iter().for_each(|(at, weight)| covered[*at] += f64::from(*weight) / sum);
            }
            let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (got, weight) in covered.iter().zip(&weights) {
                let fair = f64::from(*weight) / total * workers as f64;
                prop_assert!((got - fair).abs() < 1e-6 * workers as f64, "{} instead of {}", got, fair);
            }
        }

        #[test]
        fn an_endpoint_has_as_many_workers_as_wanted(count in 1usize..60, workers in 1usize..60, each in 1u32..6) {
            let subset = Subset { workers: each, endpoints: 1 };
            let weights = vec![1; count];
            let mut users = vec![0u64; count];
            for worker in 0..workers {
                subset.of(&weights, worker, workers).iter().for_each(|(at, _)| users[*at] += 1);
            }
            let parts = subset.parts(count, workers);
            // It may lie across as many parts as are as long as it, and one more.
            let most = (parts + (workers as u64).div_ceil(count as u64)).min(workers as u64);
            prop_assert!(users.iter().all(|it| (parts..=most).contains(it)), "{:?}: {} to {}", users, parts, most);
        }
    }
}
