//! What the judge keeps of each comparison: evidence, and the looks that were worst.

use super::evidence::{Count, Evidence};

/// Evidence about a route, or about all.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidences {
    pub(super) shares: [Track; 3],
    /// Buckets of durations that are asked about, once enough is known to choose them, with the evidence.
    pub(super) times: Option<[(Option<usize>, Track); 2]>,
}

/// Evidence of one comparison.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Track {
    /// Against the other workers.
    pub(super) others: Evidence,
    /// Against what the same workers did before.
    pub(super) before: Evidence,
    /// The largest share that may be behind the past, once it was needed.
    pub(super) at_most: Option<f64>,
    /// The two looks with the most of the kind on the new side.
    pub(super) worst: [Count; 2],
}

impl Track {
    /// Without the two looks that were worst.
    pub(super) fn trimmed(&self, new: Count) -> Count {
        self.worst
            .iter()
            .fold(new, |rest, look| Count { cases: rest.cases - look.cases, hits: rest.hits - look.hits })
    }

    /// How much there is, for ranking.
    pub(super) fn nats(&self) -> f64 {
        self.others.nats().max(self.before.nats())
    }

    pub(super) fn note(&mut self, look: Count) {
        if look.hits > self.worst[0].hits {
            self.worst = [look, self.worst[0]];
        } else if look.hits > self.worst[1].hits {
            self.worst[1] = look;
        }
    }
}

/// What one comparison is about.
pub(super) struct Comparison {
    pub(super) new: Count,
    pub(super) old: Count,
    pub(super) known: Count,
    pub(super) past: Count,
    pub(super) past_old: Count,
    /// The old side's since the step began, up to the last look.
    pub(super) before_old: Count,
}
