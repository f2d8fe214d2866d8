//! The written form of what a listener may be besides plain HTTP: behind a PROXY protocol, or raw TCP.
//!
//! Shapes and defaults only, like [`super::config`], of which this is a part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{AddressRange, Span};

/// Whose word is taken on who the client is.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyProtocolConfig {
    /// Load balancers that begin every connection with a PROXY header, version 1 or 2. From these it is required.
    #[schemars(length(min = 1))]
    pub from: Vec<AddressRange>,
    /// What becomes of connections from anyone else.
    #[serde(default)]
    pub others: OthersConfig,
}

/// What becomes of connections from peers that are not trusted with a PROXY header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OthersConfig {
    /// They are closed.
    #[default]
    Refuse,
    /// They are clients themselves, and send no header.
    Plain,
}

/// Where the connections of a raw TCP listener go.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpConfig {
    /// The cluster of every connection, or of those that no entry of `sni` takes. Without it, those are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Clusters by the name that a TLS client asks for. TLS is not ended here; clusters get the very bytes the client sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sni: Vec<SniConfig>,
    /// Without a byte in either direction.
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Span,
}

fn idle_timeout() -> Span {
    Span::from_secs(600)
}

/// Names and their cluster.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SniConfig {
    /// `db.example.com`, or `*.example.com` for every name below it. The most exact name wins.
    #[schemars(length(min = 1))]
    pub names: Vec<String>,
    /// The cluster.
    pub cluster: String,
}
