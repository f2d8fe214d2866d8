//! The written form of what a route does about services that fail: retries, second attempts, other answers.
//!
//! Shapes and defaults only. `check` finds what does not fit together, `compile_care` makes plans of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{ByteSize, Span};
use crate::route::config::RespondConfig;

/// What is tried again, and how. `{}` for idempotent requests that got no answer, or 502, 503 or 504.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetriesConfig {
    /// Attempts in all, the first included. 2 to 10.
    #[schemars(range(min = 2, max = 10))]
    pub attempts: u32,
    /// Which failures.
    pub on: Vec<RetryOnConfig>,
    /// Which statuses of answers, 400 to 599.
    pub statuses: Vec<u16>,
    /// Which methods. Default: those that are idempotent (RFC 9110 9.2.2), and any request that has an Idempotency-Key
    /// field. Whoever names POST here says that it may be done twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Until the head of the answer of each attempt. Default: the cluster's `timeouts.head`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_try_timeout: Option<Span>,
    /// How long it is waited before an attempt that goes where one has failed already: a random time of at most this,
    /// which doubles each time. What can go to an endpoint that was not tried goes at once.
    pub backoff: BackoffConfig,
    /// Request bodies up to this size are taken whole before the first attempt, so that they can be sent again; larger ones
    /// are sent once. 0 to 192KiB.
    pub body_bytes: ByteSize,
}

impl Default for RetriesConfig {
    fn default() -> Self {
        Self {
            attempts: 3,
            on: vec![RetryOnConfig::Connect, RetryOnConfig::Reset, RetryOnConfig::Timeout],
            statuses: vec![502, 503, 504],
            methods: Vec::new(),
            per_try_timeout: None,
            backoff: BackoffConfig::default(),
            body_bytes: ByteSize::kib(32),
        }
    }
}

/// A failure that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOnConfig {
    /// The endpoint did not take the connection. Nothing has been sent, so the method does not matter.
    Connect,
    /// The connection was closed or reset before the head of the answer was there.
    Reset,
    /// The head of the answer did not come in time.
    Timeout,
}

/// Random waiting with a bound that doubles.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackoffConfig {
    /// The first bound.
    pub base: Span,
    /// The largest one.
    pub max: Span,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { base: Span::from_millis(25), max: Span::from_millis(250) }
    }
}

/// Asks a second endpoint where the first takes long, and takes the answer that comes first. For requests without a body
/// that may be done twice. `{}` waits as long as 95 % of the route's answers take at most.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HedgeConfig {
    /// How long the first is waited for. Default: the route's own 95th percentile of the last ten seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Never less than this.
    pub at_least: Span,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { after: None, at_least: Span::from_millis(5) }
    }
}

/// What is answered where the cluster gives no answer: that of another cluster, else an answer of our own.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackConfig {
    /// The cluster that is asked instead, where the request can be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The answer that is given, if there is no other cluster or it fails too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<RespondConfig>,
    /// Statuses of the cluster's answers that count as none, 400 to 599. Default: its answers are passed on whatever they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
}
