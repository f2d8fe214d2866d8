//! The written form of what is known of endpoints: active checks, outliers, breakers.
//!
//! Shapes and defaults; `problems` says what cannot be meant. What becomes of it over time is `upstream::verdict`.

pub mod problems;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Share, Span, StatusRange};

/// How endpoints are asked how they are. One prober asks for the whole gateway.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// What is asked. Default: `http` with `/`.
    pub check: CheckConfig,
    /// Between two checks of an endpoint that passes them.
    pub interval: Span,
    /// Between two checks from the first one that fails until the endpoint is healthy again.
    pub interval_failing: Span,
    /// By how much an interval may be longer or shorter, so that checks do not come all at once.
    pub jitter: Share,
    /// How long a check may take, connecting included.
    pub timeout: Span,
    /// Passed checks in a row until an unhealthy endpoint is used again.
    #[schemars(range(min = 1, max = 100))]
    pub healthy_after: u32,
    /// Failed checks in a row until an endpoint is used no more. The very first check decides alone.
    #[schemars(range(min = 1, max = 100))]
    pub unhealthy_after: u32,
    /// Port that is asked instead of the endpoint's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            check: CheckConfig::default(),
            interval: Span::from_secs(5),
            interval_failing: Span::from_secs(1),
            jitter: Share::percent(20),
            timeout: Span::from_secs(2),
            healthy_after: 2,
            unhealthy_after: 3,
            port: None,
        }
    }
}

/// What an endpoint is asked.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckConfig {
    /// Takes a connection, and a TLS handshake where the cluster speaks TLS.
    Tcp,
    /// Answers a request as expected.
    Http(HttpCheckConfig),
    /// Says SERVING (`grpc.health.v1.Health/Check`).
    Grpc(GrpcCheckConfig),
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self::Http(HttpCheckConfig::default())
    }
}

/// A request, and what its answer has to be.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpCheckConfig {
    /// The method: GET or HEAD.
    pub method: CheckMethodConfig,
    /// The path, with a query if there is one.
    pub path: String,
    /// The Host field. Default: the cluster's `host`, or the endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Statuses of a passed check.
    #[schemars(length(min = 1))]
    pub statuses: Vec<StatusRange>,
    /// Text that has to be in the first 64 KiB of the body. Default: any body will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Default for HttpCheckConfig {
    fn default() -> Self {
        Self {
            method: CheckMethodConfig::Get,
            path: "/".to_owned(),
            host: None,
            statuses: vec![StatusRange::SUCCESS],
            body: None,
        }
    }
}

/// Methods of checks: none that changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckMethodConfig {
    /// GET.
    Get,
    /// HEAD.
    Head,
}

/// What is asked of a gRPC server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcCheckConfig {
    /// The service asked about. Default: the server as a whole.
    pub service: String,
}

/// Which endpoints do so much worse than others that they are left alone for a time, judged by the traffic they get on
/// all workers together.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutliersConfig {
    /// Failures in a row. 0 does not look at it.
    pub consecutive_failures: u32,
    /// Share of failures in the window, where the others together have at most half of it. `0%` does not look at it.
    pub failures: Share,
    /// How much slower than the others. Default: does not look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<SlowerConfig>,
    /// Calls in the window without which shares and means tell nothing.
    #[schemars(range(min = 1))]
    pub calls: u32,
    /// The time that shares and means are taken over.
    pub window: Span,
    /// How long it is left alone the first time. Twice as long the next time, and so on.
    pub time: Span,
    /// The longest that it is left alone.
    pub time_max: Span,
    /// Largest share of the endpoints that may be left alone, those that fail active checks included. An endpoint that
    /// has no others is never left alone.
    pub share_max: Share,
}

impl Default for OutliersConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failures: Share::percent(50),
            latency: None,
            calls: 20,
            window: Span::from_secs(10),
            time: Span::from_secs(10),
            time_max: Span::from_secs(300),
            share_max: Share::percent(50),
        }
    }
}

/// How much slower than others is too slow.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowerConfig {
    /// So many times the mean of the endpoint in the middle.
    pub times: f64,
    /// And by so much at least.
    #[serde(default = "slower_by_default")]
    pub by: Span,
}

const fn slower_by_default() -> Span {
    Span::from_millis(50)
}

/// When nothing more is sent, because what is sent fails or takes too long; and when it is tried again.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Share of failures in the window from which it opens.
    pub failures: Share,
    /// Share of slow calls from which it opens. Default: it does not look at that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowCallsConfig>,
    /// Calls in the window without which it does not open.
    #[schemars(range(min = 1))]
    pub calls: u32,
    /// The time that shares are taken over.
    pub window: Span,
    /// How long it stays open the first time, until one request may try.
    pub open: Span,
    /// How many times longer it stays open after each try that fails. 1 to 10.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub growth: f64,
    /// The longest that it stays open.
    pub open_max: Span,
    /// Tries in a row, one at a time, that have to pass until it closes.
    #[schemars(range(min = 1, max = 100))]
    pub probes: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: Share::percent(50),
            slow: None,
            calls: 20,
            window: Span::from_secs(10),
            open: Span::from_secs(5),
            growth: 2.0,
            open_max: Span::from_secs(60),
            probes: 3,
        }
    }
}

/// What a slow call is, and how many are too many.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowCallsConfig {
    /// Without the head of an answer for longer than this. One value for all breakers of a cluster.
    pub after: Span,
    /// Share of the calls in the window.
    #[serde(default = "slow_share_default")]
    pub share: Share,
}

const fn slow_share_default() -> Share {
    Share::percent(50)
}
