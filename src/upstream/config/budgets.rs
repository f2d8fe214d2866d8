//! The written form of what may be done again, or twice, for a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Share;

/// What may be done in excess, for the whole gateway: a share of the requests, and a little in any case.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// For each request to the cluster. What is saved up is at most this share of those under way.
    pub share: Share,
    /// In any case, a second. 0 to 10000.
    #[schemars(range(max = 10000))]
    pub per_second: u16,
}

/// A fifth of the requests, and ten a second in any case.
pub(super) fn retries() -> BudgetConfig {
    BudgetConfig { share: Share::percent(20), per_second: 10 }
}

/// A twentieth of the requests, and one a second in any case.
pub(super) fn hedges() -> BudgetConfig {
    BudgetConfig { share: Share::percent(5), per_second: 1 }
}
