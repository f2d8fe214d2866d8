//! The written form of `fleet`: how gateways on several hosts share limits.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;
use crate::upstream::config::ClusterTlsConfig;

/// How gateways on several hosts share limits and quotas.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FleetConfig {
    /// The server that all hosts count with. No request ever waits for it. Default: none, every host counts alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisConfig>,
    /// Begins the name of every key there. Hosts of one namespace are one fleet.
    pub namespace: String,
    /// The secret under which keys of limits are hashed, by its name under `secrets`; the same on all hosts. Default: the
    /// namespace alone is used, and whoever reads the server or the file of quotas can try out whose key is whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How often a host tells the others what it has spent. 20ms to 10s.
    pub sync: Span,
    /// How many hosts to share with while the server has not said yet how many there are. At most 1000.
    pub hosts: u16,
}

/// A Redis server, or one that speaks the same.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `host:port`, or `unix:/path`.
    pub address: String,
    /// The user of its access list. Default: its default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The secret that is the password, by its name under `secrets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Its database.
    #[serde(default)]
    pub database: u16,
    /// Speaks TLS. Default: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClusterTlsConfig>,
    /// To connect, TLS and password included.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// For an answer. A server that takes longer counts as away.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

impl RedisConfig {
    /// The path of its socket, if it has one.
    pub fn socket(&self) -> Option<PathBuf> {
        self.address.strip_prefix("unix:").map(PathBuf::from)
    }
}

impl Default for FleetConfig {
    fn default() -> Self {
        let namespace = "ringgate".to_owned();
        Self { redis: None, namespace, key: None, sync: Span::from_millis(100), hosts: 1 }
    }
}

fn connect_timeout() -> Span {
    Span::from_secs(2)
}

fn timeout() -> Span {
    Span::from_millis(500)
}
