//! The written form of `introspection`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;
use crate::upstream::config::ClusterTlsConfig;

/// Clients by tokens that their issuer is asked about (RFC 7662).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// Where the issuer is asked: `https://id.example.com/introspect`.
    pub url: String,
    /// The gateway's own name there.
    pub client_id: String,
    /// Name of the secret, under `secrets`, that it proves itself with.
    pub client_secret: String,
    /// How it does.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// How the server proves itself, where `url` is https. Default: by the system's authorities.
    #[serde(default)]
    pub tls: ClusterTlsConfig,
    /// For a whole answer.
    #[serde(default = "timeout_default")]
    pub timeout: Span,
    /// The only `iss` that is taken. Default: it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// One of these has to be in `aud`. Default: it is not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// How far the clocks of issuer and gateway may be apart.
    #[serde(default = "leeway_default")]
    pub leeway: Span,
    /// Where the answer says which tenant it is: a path such as `org.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// Where it says which plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_claim: Option<String>,
    /// Where it lists roles: `realm_access.roles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles_claim: Option<String>,
    /// Longest time that a good answer is remembered; never longer than its `exp`. A token that is revoked at the issuer is
    /// good here for that long.
    #[serde(default = "cache_max_default")]
    pub cache_max: Span,
    /// How long a bad answer is remembered.
    #[serde(default = "cache_negative_default")]
    pub cache_negative: Span,
    /// Most answers that are remembered: by each worker, and by the process. The oldest leave first.
    #[serde(default = "cache_entries_default")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub cache_entries: u32,
    /// When the server is not asked any more for a while.
    #[serde(default)]
    pub breaker: BreakerConfig,
    /// What becomes of requests while the server does not answer.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How long remembered answers go on with `on_failure: stale`; never longer than their `exp`.
    #[serde(default = "stale_max_default")]
    pub stale_max: Span,
    /// Lets the token go upstream.
    #[serde(default)]
    pub forward: bool,
}

/// How the gateway proves itself to the issuer (RFC 6749 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In `Authorization: Basic`.
    #[default]
    Basic,
    /// In the form, for servers that take nothing else.
    Form,
}

/// When the server is not asked any more for a while.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// After so many failures in a row.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// For so long; then one request asks, and how that goes decides.
    pub open: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open: Span::from_secs(5) }
    }
}

/// What becomes of requests while the server does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are answered 503.
    #[default]
    Refuse,
    /// Remembered answers go on for `stale_max`; tokens that nobody remembers are answered 503.
    Stale,
}

const fn timeout_default() -> Span {
    Span::from_secs(2)
}

const fn leeway_default() -> Span {
    Span::from_secs(10)
}

const fn cache_max_default() -> Span {
    Span::from_secs(60)
}

const fn cache_negative_default() -> Span {
    Span::from_secs(10)
}

const fn cache_entries_default() -> u32 {
    10_000
}

const fn stale_max_default() -> Span {
    Span::from_secs(300)
}
