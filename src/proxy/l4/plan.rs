//! What a listener does with a connection before, or instead of, HTTP. Compiled once, the same for all workers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::policy::ip_filter::AddressSet;
use crate::proxy::l4::callers::CallerPlan;
use crate::route::host::HostPattern;

/// What a listener does with a connection.
#[derive(Debug, Default)]
pub struct DoorPlan {
    /// Whose PROXY header is taken.
    pub header: Option<HeaderPlan>,
    /// What each client may have of it.
    pub callers: Option<CallerPlan>,
    /// True if HTTP/2 is spoken too.
    pub http2: bool,
    /// Where connections go that are not HTTP.
    pub tcp: Option<TcpPlan>,
}

/// Whose PROXY header is taken.
#[derive(Debug)]
pub struct HeaderPlan {
    /// From these one is required.
    pub from: AddressSet,
    /// True if anyone else is a client without one; else they are closed.
    pub admits_others: bool,
}

/// What a peer has to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// A PROXY header.
    Header,
    /// Its own first byte.
    Plain,
    /// Nothing: it is closed.
    Refused,
}

/// Where the connections of a TCP listener go. Clusters by index.
#[derive(Debug)]
pub struct TcpPlan {
    /// For what names nobody that is known.
    pub default: Option<usize>,
    /// How long nothing may move.
    pub idle_timeout: Duration,
    names: BTreeMap<String, usize>,
    /// The longest first.
    wildcards: Vec<(HostPattern, usize)>,
}

impl DoorPlan {
    /// True if a connection is HTTP, or TLS, from its first byte on.
    pub fn is_plain_http(&self) -> bool {
        self.header.is_none() && self.tcp.is_none()
    }
}

impl HeaderPlan {
    /// What this peer has to begin with.
    pub fn expects_of(&self, peer: IpAddr) -> Expectation {
        match self.from.contains(peer) {
            true => Expectation::Header,
            false if self.admits_others => Expectation::Plain,
            false => Expectation::Refused,
        }
    }
}

impl TcpPlan {
    /// Compiles patterns with their clusters.
    pub fn new(
        default: Option<usize>,
        idle_timeout: Duration,
        patterns: impl IntoIterator<Item = (HostPattern, usize)>,
    ) -> Self {
        let mut plan = Self { default, idle_timeout, names: BTreeMap::new(), wildcards: Vec::new() };
        for (pattern, cluster) in patterns {
            match pattern {
                HostPattern::Exact(name) => {
                    plan.names.insert(name, cluster);
                }
                HostPattern::Wildcard(_) => plan.wildcards.push((pattern, cluster)),
            }
        }
        plan.wildcards.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.to_string().len()));
        plan
    }

    /// True if the client's hello has to be looked at.
    pub fn goes_by_name(&self) -> bool {
        !self.names.is_empty() || !self.wildcards.is_empty()
    }

    /// The cluster for a client that asks for this name, lower case.
    pub fn cluster_for(&self, name: Option<&str>) -> Option<usize> {
        let known = name.and_then(|name| {
            let wildcard = || self.wildcards.iter().find(|(pattern, _)| pattern.admits(name));
            self.names.get(name).copied().or_else(|| wildcard().map(|(_, cluster)| *cluster))
        });
        known.or(self.default)
    }

    /// Every cluster that connections may go to.
    pub fn clusters(&self) -> impl Iterator<Item = usize> + '_ {
        let wildcards = self.wildcards.iter().map(|(_, cluster)| *cluster);
        self.default.into_iter().chain(self.names.values().copied()).chain(wildcards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(written: &str) -> HostPattern {
        HostPattern::parse(written, "").unwrap()
    }

    #[test]
    fn the_most_exact_name_wins_whatever_the_order() {
        let patterns = [("*.example.com", 1), ("*.eu.example.com", 2), ("a.eu.example.com", 3)];
        let plan =
            TcpPlan::new(None, Duration::ZERO, patterns.map(|(name, cluster)| (pattern(name), cluster)));
        for (name, cluster) in [
            ("a.eu.example.com", Some(3)),
            ("b.eu.example.com", Some(2)),
            ("eu.example.com", Some(1)),
            ("example.com", None),
            ("notexample.com", None),
        ] {
            assert_eq!(plan.cluster_for(Some(name)), cluster, "{name}");
        }
        assert_eq!(plan.cluster_for(None), None);
    }

    #[test]
    fn what_nobody_takes_goes_to_the_default() {
        let plan = TcpPlan::new(Some(9), Duration::ZERO, [(pattern("a.example"), 1)]);
        assert_eq!(plan.cluster_for(Some("a.example")), Some(1));
        assert_eq!((plan.cluster_for(Some("b.example")), plan.cluster_for(None)), (Some(9), Some(9)));
    }
}
