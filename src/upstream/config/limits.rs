//! The written form of a cluster's limits: how many at once, who may wait, and what is kept for whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Share, Span};
use crate::upstream::admission::class::Reserves;

/// How many exchanges a cluster and its endpoints have at once. Every number holds for the whole gateway.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterLimitsConfig {
    /// Most exchanges with the cluster at once. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Most exchanges with one endpoint at once. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_requests: Option<u32>,
    /// Most connections with all of its endpoints together; those with one are limited by `pool.connections`. Default: no
    /// limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// How many may wait until there is room for them. Default: none.
    pub pending: u32,
    /// How long one may wait.
    pub pending_timeout: Span,
    /// What is kept for requests that matter more, of `requests` and of what `adaptive` finds.
    pub reserves: ReservesConfig,
    /// Finds out how many exchanges the cluster takes, from how fast it answers. Default: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveConfig>,
}

impl Default for ClusterLimitsConfig {
    fn default() -> Self {
        Self {
            requests: None,
            endpoint_requests: None,
            connections: None,
            pending: 0,
            pending_timeout: Span::from_secs(1),
            reserves: ReservesConfig::default(),
            adaptive: None,
        }
    }
}

/// What is kept, as shares of the limits: each for its class and for those that matter more. Together at most 90%.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReservesConfig {
    /// For critical requests alone. Default: none.
    pub critical: Share,
    /// For critical and high ones. Default: none.
    pub high: Share,
    /// For all but low ones. Default: none.
    pub normal: Share,
}

impl Default for ReservesConfig {
    fn default() -> Self {
        Self { critical: Share::NONE, high: Share::NONE, normal: Share::NONE }
    }
}

impl ReservesConfig {
    /// As they are reckoned with.
    pub fn reserves(&self) -> Reserves {
        Reserves {
            critical: self.critical.fraction(),
            high: self.high.fraction(),
            normal: self.normal.fraction(),
        }
    }
}

/// How many exchanges a cluster takes, found out.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveConfig {
    /// Least.
    pub floor: u32,
    /// Most.
    pub ceiling: u32,
    /// How many times as long as that of an unburdened cluster its answer may take, 1.1 to 10.
    pub tolerance: f64,
    /// Between two looks at how long it takes an unburdened cluster. For that, a part of the limit holds for a moment.
    pub probe_every: Span,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { floor: 4, ceiling: 1_000, tolerance: 2.0, probe_every: Span::from_secs(30) }
    }
}
