//! The written form of what a listener may be besides plain HTTP: behind a PROXY protocol, or raw TCP.
//!
//! Shapes and defaults only, like [`super::config`], of which this is a part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{AddressRange, Rate, Span};

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

/// What each client may have of a listener, on the whole box.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PerClientConfig {
    /// Connections open at once; further ones are closed as soon as they are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// New connections, such as `20/s`: so many at once, then in this time. Those beyond are closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_connections: Option<Rate>,
    /// Bits of an IPv6 address that make a client: whoever has a network has all its addresses. Default: 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 128))]
    pub ipv6_prefix: Option<u8>,
    /// Addresses that are not counted, besides `trusted_proxies`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<AddressRange>,
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
