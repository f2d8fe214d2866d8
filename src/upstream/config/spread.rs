//! The written form of how requests are spread over endpoints that are not all alike: zones, tiers, slow start, subsets.
//!
//! Shapes only. Which of them go together is checked by `control::check`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HashKeyConfig;
use crate::config::units::{Share, Span};

/// The own zone before others. `{}` keeps everything in it as long as its endpoints can take it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ZonesConfig {
    /// What of the requests stays in the own zone as long as its endpoints are well; the others have the rest. Less than
    /// 5/7 of the zone's endpoints in use keep less.
    pub keep: Share,
    /// With fewer endpoints in use, in all zones together, zones make no difference.
    #[schemars(range(min = 1, max = 4096))]
    pub endpoints: u32,
}

impl Default for ZonesConfig {
    fn default() -> Self {
        Self { keep: Share::ALL, endpoints: 2 }
    }
}

/// How an endpoint that has come, or come back, grows into its share. `{}` takes the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SlowStartConfig {
    /// Until it has all of it.
    pub window: Span,
    /// What of it it has at once.
    pub from: Share,
}

impl Default for SlowStartConfig {
    fn default() -> Self {
        Self { window: Span::from_secs(30), from: Share::percent(10) }
    }
}

/// Which endpoints a worker uses. `{}` takes the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubsetConfig {
    /// Workers that use each endpoint, however many there are. Where an endpoint lies between two parts, one more.
    #[schemars(range(min = 1, max = 1024))]
    pub workers: u32,
    /// Endpoints that a worker has at least, on average; more workers use each where there are few.
    #[schemars(range(min = 1, max = 4096))]
    pub endpoints: u32,
}

impl Default for SubsetConfig {
    fn default() -> Self {
        Self { workers: 2, endpoints: 3 }
    }
}

/// A consistent hash: what it is taken of, alone or with a bound.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum MaglevConfig {
    /// What the hash is taken of.
    Key(HashKeyConfig),
    /// A hash with a bound on what an endpoint has to take.
    Bounded(BoundedConfig),
}

/// A consistent hash with a bound.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundedConfig {
    /// What the hash is taken of.
    pub key: HashKeyConfig,
    /// An endpoint that has so much more in flight than its part leaves further requests to the next one. `25%` is common:
    /// less moves more keys. Each worker counts its own requests.
    pub bounded_load: Share,
}

impl MaglevConfig {
    /// What the hash is taken of.
    pub fn key(&self) -> &HashKeyConfig {
        match self {
            Self::Key(key) | Self::Bounded(BoundedConfig { key, .. }) => key,
        }
    }

    /// How much more than the average an endpoint may have, where that is bounded.
    pub fn above_average(&self) -> Option<Share> {
        match self {
            Self::Key(_) => None,
            Self::Bounded(bounded) => Some(bounded.bounded_load),
        }
    }
}
