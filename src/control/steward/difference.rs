//! What is different between two generations that are kept.

use super::Steward;
use crate::control::desk::{Difference, Refusal};
use crate::control::diff;

impl Steward {
    /// What is different in `to`: against `from`, or against the one before it that is kept. The first differs from
    /// nothing.
    pub(super) fn difference(&self, from: Option<u64>, to: u64) -> Result<Difference, Refusal> {
        let earlier = self.generations.iter().map(|one| one.number).filter(|number| *number < to);
        let from = from.or(earlier.max()).unwrap_or(to);
        let [old, new] = [from, to].map(|number| {
            let found = self.index(number).map(|at| &self.generations[at]);
            found.ok_or_else(|| {
                let kept: Vec<u64> = self.generations.iter().map(|one| one.number).collect();
                let reason = format!("generation {number} is not kept (any more); there are {kept:?}");
                Refusal { code: "no_such_generation", reason }
            })
        });
        let changes = diff::diff(&old?.config, &new?.config).iter().map(ToString::to_string).collect();
        Ok(Difference { from, to, changes })
    }
}
