//! Limits as they are written, under `rate_limits:`, by name.
//!
//! Owns the words and what they may be. What comes of them is [`plan`](super::plan)'s.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Rate, Span};

/// A limit: one number for all workers, however many routes name it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// How requests are counted.
    #[serde(default)]
    pub algorithm: AlgorithmConfig,
    /// So many in so much time.
    pub rate: Rate,
    /// Most at once, for buckets. Default: the count of the rate for a token bucket, 1 for a leaky one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// For whom it is one number: any of `client.address`, `client.profile`, `identity.subject`, `identity.tenant`, `identity.key`,
    /// `identity.plan`, `route`, `header:NAME`, `claim:PATH`, all of which together are the key. An empty list is one number for everybody.
    #[serde(default = "client_address")]
    pub key: Vec<String>,
    /// Leading bits of an IPv6 address that count as one client.
    #[serde(default = "ipv6_prefix")]
    pub ipv6_prefix: u8,
    /// What to do with a request that lacks a part of the key.
    #[serde(default)]
    pub when_key_missing: MissingConfig,
    /// What a request costs.
    #[serde(default = "one")]
    pub cost: u32,
    /// A field of the request that tells its cost instead, from 1 to `cost_max`. For fields that the client itself does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_field: Option<String>,
    /// Most that `cost_field` may tell; more counts as this.
    #[serde(default = "cost_max")]
    pub cost_max: u32,
    /// Other numbers for those who have booked a plan, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_plan: BTreeMap<String, TermsConfig>,
    /// How long a request may wait for its turn, in a leaky bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
    /// Who counts together.
    #[serde(default)]
    pub across: AcrossConfig,
    /// Keys there is room for, on all workers together; about 70 bytes each. The coldest leave first.
    #[serde(default = "keys_max")]
    pub keys_max: u32,
}

/// How requests are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlgorithmConfig {
    /// Tokens come at the rate, up to the burst; a request takes as many as it costs.
    #[default]
    TokenBucket,
    /// Requests leave at the rate, one after another; those that come sooner wait, up to `max_wait`.
    LeakyBucket,
    /// So many in each second, minute, hour or day of the calendar (UTC).
    FixedWindow,
    /// So many in the time before each request, estimated from two windows.
    SlidingWindow,
    /// The same exactly, by writing down when each was: for at most 1024.
    SlidingLog,
}

/// Who counts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcrossConfig {
    /// All workers of this host.
    #[default]
    Host,
    /// All hosts of the fleet, by `fleet.redis`.
    Fleet,
}

/// Numbers for a plan.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsConfig {
    /// So many in so much time.
    pub rate: Rate,
    /// Most at once, as in the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// What to do with a request that lacks a part of the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingConfig {
    /// All that lack it share one account.
    #[default]
    Shared,
    /// The limit does not count it.
    Skip,
    /// It is refused: 403.
    Refuse,
}

fn client_address() -> Vec<String> {
    vec![String::from("client.address")]
}

/// What one customer of a network usually has.
pub(super) fn ipv6_prefix() -> u8 {
    64
}

fn one() -> u32 {
    1
}

fn cost_max() -> u32 {
    100
}

pub(super) fn keys_max() -> u32 {
    100_000
}
