//! Admits or refuses clients by address.
//!
//! Looks at the client's address, which behind trusted proxies is not the peer's. `deny` wins over `allow`;
//! with an `allow` list everything else is refused. Lists are compiled to sorted ranges: a lookup is a binary
//! search, whatever their length.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::AddressRange;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Which client addresses are admitted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpFilterConfig {
    /// Only these are admitted. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AddressRange>,
    /// These are refused, also when `allow` has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AddressRange>,
}

/// Compiled lists.
pub struct IpFilterPlan {
    allow: Option<AddressSet>,
    deny: AddressSet,
}

/// Sorted, merged ranges of addresses; IPv4 as IPv4-mapped IPv6.
#[derive(Debug, Default)]
pub struct AddressSet(Vec<(u128, u128)>);

impl AddressSet {
    /// Compiles a list.
    pub fn new(ranges: &[AddressRange]) -> Self {
        let mut sorted: Vec<_> = ranges
            .iter()
            .map(|range| (number(range.net().network()), number(range.net().broadcast())))
            .collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// True if it has this address.
    pub fn contains(&self, addr: IpAddr) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let number = number(addr);
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after > 0 && number <= self.0[after - 1].1
    }
}

fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// The running policy.
pub struct IpFilter(Frozen<IpFilterPlan>);

impl Policy for IpFilter {
    type Config = IpFilterConfig;
    type Plan = IpFilterPlan;

    fn compile(config: &IpFilterConfig, scope: &mut Scope<'_>) -> IpFilterPlan {
        if config.allow.is_empty() && config.deny.is_empty() {
            scope.problem(
                "",
                "the filter has neither `allow` nor `deny`",
                "write at least one address range",
            );
        }
        let allow = (!config.allow.is_empty()).then(|| AddressSet::new(&config.allow));
        IpFilterPlan { allow, deny: AddressSet::new(&config.deny) }
    }

    fn start(plan: Frozen<IpFilterPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self(plan)
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let client = exchange.client.0;
        let admitted = self.0.allow.as_ref().is_none_or(|allow| allow.contains(client));
        if admitted && !self.0.deny.contains(client) {
            return Verdict::Continue;
        }
        Verdict::Reply(Reply::new(Code::AddressDenied))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[&str]) -> AddressSet {
        let ranges: Vec<AddressRange> =
            ranges.iter().map(|text| text.parse().expect("a valid range")).collect();
        AddressSet::new(&ranges)
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().expect("a valid address")
    }

    #[test]
    fn finds_addresses_in_overlapping_and_adjacent_ranges() {
        let set = set(&["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
        for inside in ["10.0.0.0", "10.255.255.255", "11.3.4.5", "192.0.2.7", "2001:db8::1"] {
            assert!(set.contains(addr(inside)), "{inside}");
        }
        for outside in ["9.255.255.255", "12.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::"] {
            assert!(!set.contains(addr(outside)), "{outside}");
        }
        assert_eq!(set.0.len(), 3);
    }

    #[test]
    fn an_ipv4_range_does_not_take_in_ipv6() {
        assert!(!set(&["0.0.0.0/0"]).contains(addr("2001:db8::1")));
        assert!(set(&["::/0"]).contains(addr("192.0.2.1")));
    }
}
