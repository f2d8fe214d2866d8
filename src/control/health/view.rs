//! What there is to see of verdicts: for the operator's listener and for metrics.

use std::collections::BTreeMap;

use serde::Serialize;

pub use super::told::Happened;

/// All verdicts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HealthView {
    /// Clusters that are judged by something.
    pub clusters: Vec<ClusterHealth>,
    /// Routes with a breaker.
    pub routes: Vec<RouteHealth>,
    /// What has happened, the latest first.
    pub events: Vec<Happened>,
}

/// A cluster.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterHealth {
    /// Its name.
    pub name: String,
    /// Its breaker, where it has one.
    pub breaker: Option<BreakerView>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointHealth>,
}

/// A route.
#[derive(Debug, Clone, Serialize)]
pub struct RouteHealth {
    /// Its name.
    pub name: String,
    /// Its breaker.
    pub breaker: BreakerView,
}

/// A breaker.
#[derive(Debug, Clone, Serialize)]
pub struct BreakerView {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// What the operator has said: `auto` where nothing.
    pub held: &'static str,
    /// Why it stands so.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// When one may try, where it is open by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
    /// How often it has closed, opened, and become half open.
    pub turns: BTreeMap<&'static str, u64>,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointHealth {
    /// As it is written, or as its source names it.
    pub label: String,
    /// `good`, `unhealthy` or `ejected`.
    pub state: &'static str,
    /// Why, where it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when it is so, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// Until when it is left alone, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
    /// Its checks, where it is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<ChecksView>,
    /// Times it was left alone, by reason, where outliers are looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejections: Option<BTreeMap<&'static str, u64>>,
    /// Its breaker, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerView>,
}

/// Checks of an endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct ChecksView {
    /// When the last one was over, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_unix_ms: Option<u64>,
    /// What it found wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// All of them, by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
}
