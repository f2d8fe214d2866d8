//! The written form of registries that endpoints are found in: Consul, etcd, Kubernetes.
//!
//! Shapes only; addresses are checked by `control::check`, files and secrets are read when the registry is asked.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterTlsConfig, KeyPairConfig};
use crate::config::secret::SecretSource;

/// A service in Consul's catalogue: its instances whose checks pass. Followed by blocking queries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsulConfig {
    /// The service's name.
    pub service: String,
    /// Tags that an instance has to have, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The agent: `http://host:port` or `https://host:port`. Default: the one on this host, `http://127.0.0.1:8500`.
    #[serde(default = "consul_address")]
    pub address: String,
    /// Default: the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// The ACL token, if Consul wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretSource>,
    /// How TLS is spoken with an agent at `https://`.
    #[serde(default, skip_serializing_if = "RegistryTlsConfig::is_usual")]
    pub tls: RegistryTlsConfig,
}

/// Keys of etcd below a prefix, an endpoint each: `host:port`, or JSON with `address`, `weight`, `tier` and `zone`. Followed by a watch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdConfig {
    /// What the keys begin with: `/services/orders/`.
    pub prefix: String,
    /// The members of one etcd cluster: `http://host:port` or `https://host:port`. The next is asked where one does
    /// not answer. Default: `http://127.0.0.1:2379`.
    #[serde(default = "etcd_addresses")]
    #[schemars(length(min = 1))]
    pub addresses: Vec<String>,
    /// The user, if etcd wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EtcdUserConfig>,
    /// How TLS is spoken with members at `https://`.
    #[serde(default, skip_serializing_if = "RegistryTlsConfig::is_usual")]
    pub tls: RegistryTlsConfig,
}

/// A user of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdUserConfig {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: SecretSource,
}

/// The pods behind a service of Kubernetes, as its EndpointSlices tell. Followed by a watch. In a pod nothing but the
/// service need be written: address, authority, token and namespace are those of the service account, whose role has
/// to allow `list` and `watch` of `endpointslices` in the group `discovery.k8s.io`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesConfig {
    /// The service's name.
    pub service: String,
    /// Default: the one that the gateway's pod is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The port by its name in the service, or by the pods' number. Needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<PortConfig>,
    /// The API server: `https://host:port`. Default: the one of the cluster that the gateway's pod is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_server: Option<String>,
    /// The token shown to it; a file is read again as it is renewed. Default: the service account's, unless
    /// `api_server` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretSource>,
    /// How TLS is spoken with it. Default of `ca`: the service account's, unless `api_server` is written.
    #[serde(default, skip_serializing_if = "RegistryTlsConfig::is_usual")]
    pub tls: RegistryTlsConfig,
}

/// A port, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PortConfig {
    /// The number that pods listen at.
    Number(u16),
    /// Its name in the service.
    Name(String),
}

impl fmt::Display for PortConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// How TLS is spoken with a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryTlsConfig {
    /// File of the authorities that are trusted, in PEM. Default: the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Certificate that the gateway shows, with its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<KeyPairConfig>,
}

impl RegistryTlsConfig {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The same as a cluster has it. The registry always has to prove who it is.
    pub fn client(&self) -> ClusterTlsConfig {
        ClusterTlsConfig {
            ca: self.ca.clone(),
            certificate: self.certificate.clone(),
            ..ClusterTlsConfig::default()
        }
    }
}

fn consul_address() -> String {
    "http://127.0.0.1:8500".to_owned()
}

fn etcd_addresses() -> Vec<String> {
    vec!["http://127.0.0.1:2379".to_owned()]
}
