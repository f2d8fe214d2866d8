//! The endpoints of a cluster as they are now, the same for all workers.
//!
//! Replaced as a whole, by control, when endpoints come, go or change; workers take the new one up between events. May
//! be empty: then there is no endpoint to send to, which is an answer of the gateway's own.

use std::collections::BTreeSet;

use crate::shared::frozen::Frozen;
use crate::upstream::balance::{BalanceError, BalancePlan};
use crate::upstream::config::BalanceConfig;
use crate::upstream::endpoint::EndpointPlan;

/// The endpoints of a cluster as they are now.
#[derive(Debug)]
pub struct EndpointSet {
    /// Those that are chosen from, and behind them those that only keep their connections.
    pub endpoints: Vec<EndpointPlan>,
    /// How one of the first is chosen: as many as it has.
    pub balance: Frozen<BalancePlan>,
    /// How one of each tier is chosen, where that takes a table.
    pub tables: Vec<(u8, Frozen<BalancePlan>)>,
}

impl EndpointSet {
    /// Compiles a set of endpoints that are chosen from, and of `drained` ones, which are not.
    ///
    /// # Errors
    /// Too many, or a weight of zero.
    pub fn compile(
        config: &BalanceConfig,
        mut endpoints: Vec<EndpointPlan>,
        drained: Vec<EndpointPlan>,
    ) -> Result<Self, BalanceError> {
        let weights: Vec<_> = endpoints.iter().map(|one| (&*one.label, one.weight)).collect();
        let balance = Frozen::new(BalancePlan::compile(config, &weights)?);
        let tables = match balance.hash_key() {
            Some(_) => tables(config, &endpoints, &balance)?,
            None => Vec::new(),
        };
        endpoints.extend(drained);
        Ok(Self { endpoints, balance, tables })
    }

    /// Those that are chosen from.
    pub fn chosen(&self) -> &[EndpointPlan] {
        &self.endpoints[..self.balance.len()]
    }
}

fn tables(
    config: &BalanceConfig,
    endpoints: &[EndpointPlan],
    whole: &Frozen<BalancePlan>,
) -> Result<Vec<(u8, Frozen<BalancePlan>)>, BalanceError> {
    let tiers: BTreeSet<u8> = endpoints.iter().map(|one| one.tier).collect();
    if let (Some(tier), 1) = (tiers.first(), tiers.len()) {
        return Ok(vec![(*tier, whole.clone())]);
    }
    let table = |tier: u8| {
        let of_tier = endpoints.iter().filter(|one| one.tier == tier);
        let weights: Vec<_> = of_tier.map(|one| (&*one.label, one.weight)).collect();
        Ok((tier, Frozen::new(BalancePlan::compile(config, &weights)?)))
    };
    tiers.into_iter().map(table).collect()
}
