//! The written form of discovery: where a cluster's endpoints come from, if they are not written down.
//!
//! Shapes only, one variant for each kind of source. What two clusters write alike is asked for once.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registries::{ConsulConfig, EtcdConfig, KubernetesConfig};
use crate::config::units::{Share, SocketAddress, Span};

/// Where the endpoints of a cluster come from.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscoverConfig {
    /// A name, asked for again when its records expire.
    Dns(DnsConfig),
    /// A file with a list of endpoints, read again when it changes.
    File(FileConfig),
    /// Instances of a service in Consul.
    Consul(ConsulConfig),
    /// Keys of etcd.
    Etcd(EtcdConfig),
    /// Pods behind a service of Kubernetes.
    Kubernetes(KubernetesConfig),
}

impl DiscoverConfig {
    /// What kind of source it is, and where: for people.
    pub fn source(&self) -> String {
        match self {
            Self::Dns(dns) => format!("dns {}", dns.name),
            Self::File(file) => format!("file {}", file.path.display()),
            Self::Consul(consul) => format!("consul {}", consul.service),
            Self::Etcd(etcd) => format!("etcd {}", etcd.prefix),
            Self::Kubernetes(kubernetes) => match &kubernetes.namespace {
                Some(namespace) => format!("kubernetes {namespace}/{}", kubernetes.service),
                None => format!("kubernetes {}", kubernetes.service),
            },
        }
    }

    /// The host that certificates of its endpoints are for, where it is not the one in each endpoint's own name.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Dns(dns) if dns.records != RecordsConfig::Srv => Some(dns.name.trim_end_matches('.')),
            _ => None,
        }
    }
}

/// A name that is resolved again and again.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// The name. For `srv` the whole name of the service: `_http._tcp.orders.internal`.
    pub name: String,
    /// The port of all endpoints. Needed but for `srv`, whose records tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Which records are asked for. Default: `a`.
    #[serde(default, rename = "type")]
    pub records: RecordsConfig,
    /// Name servers, each `address:port`; the next is asked where one does not answer. Default: those of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<SocketAddress>,
    /// Least time between two questions, whatever the records say.
    #[serde(default = "min_refresh")]
    pub min_refresh: Span,
    /// Most time between two questions, whatever the records say.
    #[serde(default = "max_refresh")]
    pub max_refresh: Span,
    /// How long one name server may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// Which records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordsConfig {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Addresses of both families.
    Both,
    /// Hosts with ports and weights (RFC 2782). Each priority is a tier, the lowest number the first.
    Srv,
}

/// A file that lists endpoints.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// YAML or JSON: a list as under `endpoints:`, of addresses, not names. Relative to the configuration's folder.
    pub path: PathBuf,
    /// Between two looks at whether it has changed.
    #[serde(default = "look_every")]
    pub look_every: Span,
}

/// How changes of a cluster's endpoints that a source reports are taken.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MembershipConfig {
    /// A report that removes more than this share of the endpoints at once is held back: a broken registry looks like that.
    /// `100%` holds nothing back.
    pub hold_back: Share,
    /// How long it is held back. If it still stands then, it is believed.
    pub hold_time: Span,
    /// How long an endpoint that went and came back for the second time has to stay before it is used; each further
    /// time twice as long. `0s` believes it at once.
    pub damp: Span,
    /// The longest that this may become. So long an endpoint has to stay for its past to be forgotten, too.
    pub damp_max: Span,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self {
            hold_back: Share::percent(50),
            hold_time: Span::from_secs(30),
            damp: Span::from_secs(5),
            damp_max: Span::from_secs(300),
        }
    }
}

fn min_refresh() -> Span {
    Span::from_secs(5)
}

fn max_refresh() -> Span {
    Span::from_secs(300)
}

fn timeout() -> Span {
    Span::from_secs(2)
}

fn look_every() -> Span {
    Span::from_secs(1)
}
