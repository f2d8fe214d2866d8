//! The written form of a whole configuration: the root of the YAML file.
//!
//! Shapes and defaults only. `check` finds what does not fit together, `compile` makes a snapshot of it.

pub mod admin;
pub mod care;
pub mod changes;
pub mod fleet;
mod forwarding;
pub mod limits;
pub mod locality;
pub mod log;
pub mod recording;
pub mod revocations;
pub mod shedding;
pub mod tls;
pub mod workers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::secret::SecretSource;
use crate::config::units::{AddressRange, Share, SocketAddress};
use crate::control::config::care::{FallbackConfig, HedgeConfig, RetriesConfig};
use crate::control::config::changes::ChangesConfig;
use crate::control::config::fleet::FleetConfig;
use crate::control::config::locality::LocalityConfig;
use crate::control::config::log::LogConfig;
use crate::control::config::recording::RecordingConfig;
use crate::control::config::revocations::RevocationsConfig;
use crate::control::config::shedding::SheddingConfig;
use crate::control::config::tls::ListenerTlsConfig;
use crate::control::listener_config::{PerClientConfig, ProxyProtocolConfig, TcpConfig};
use crate::policy::PoliciesConfig;
use crate::policy::auth::AuthenticatorConfig;
use crate::policy::authorize::RuleConfig;
use crate::policy::identity::own_keys::OwnKeysConfig;
use crate::policy::rate::config::LimitConfig;
use crate::policy::rate::quota::QuotaConfig;
use crate::policy::switch::Switch;
use crate::proxy::release::config::SplitConfig;
use crate::proxy::shadow::config::ShadowConfig;
use crate::route::config::{MatchConfig, RedirectConfig, RespondConfig, RewriteConfig};
use crate::route::profile::ProfileConfig;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::health::BreakerConfig;

pub use admin::AdminConfig;
pub use limits::{EmptySegments, EncodedSlash, LimitsConfig, PathsConfig};
pub use workers::{DriverConfig, SteeringConfig, WorkersConfig};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Further files to read, relative to this one; `*` matches within a folder. Their listeners, clusters,
    /// routes and secrets are added to those here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// The pinned threads that carry traffic.
    #[serde(default)]
    pub workers: WorkersConfig,
    /// Where this gateway stands, for clusters that prefer what is near.
    #[serde(default)]
    pub locality: LocalityConfig,
    /// Addresses that accept clients.
    #[schemars(length(min = 1))]
    pub listeners: Vec<ListenerConfig>,
    /// The operator's listener: metrics, health, the admin API and its page. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<AdminConfig>,
    /// How a new configuration comes into force, and what is kept of former ones.
    #[serde(default)]
    pub changes: ChangesConfig,
    /// A small service inside the gateway's own process, for trying things out. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_origin: Option<SampleOriginConfig>,
    /// Proxies whose X-Forwarded-For and Forwarded fields are believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<AddressRange>,
    /// Request fields that only the gateway may set: removed from every request before anything looks at it.
    #[serde(default = "identity_fields")]
    pub identity_headers: Vec<String>,
    /// What a client may send and how long it may take.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What a worker refuses that has more to do than it can. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shedding: Option<SheddingConfig>,
    /// How paths are normalised before routing. The same path goes upstream.
    #[serde(default)]
    pub paths: PathsConfig,
    /// One line per exchange. Default: none is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLogConfig>,
    /// What the gateway says of itself on the standard error stream.
    #[serde(default)]
    pub log: LogConfig,
    /// What workers remember of recent requests, for `explain --id` and for trying a configuration on them.
    #[serde(default)]
    pub recording: RecordingConfig,
    /// How gateways on several hosts share limits and quotas.
    #[serde(default)]
    pub fleet: FleetConfig,
    /// Values that are kept out of this file and never printed; used as `${secret.NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretSource>,
    /// Ways to tell who is asking, by name; routes use them by their policy `authenticate`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authenticators: BTreeMap<String, AuthenticatorConfig>,
    /// Refuses requests to routes that do not say who may use them: that have neither `authorize` nor `authorize: off`.
    #[serde(default)]
    pub deny_by_default: bool,
    /// Limits on how often, by name; routes use them by their policies `rate_limit` and `early_rate_limit`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_limits: BTreeMap<String, LimitConfig>,
    /// How much in a day or a month, by name; routes use them by their policy `quota`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quotas: BTreeMap<String, QuotaConfig>,
    /// The keys that the gateway signs its own tokens with, for `identity`.
    #[serde(default)]
    pub own_keys: OwnKeysConfig,
    /// Where lists are of credentials that are good no more.
    #[serde(default)]
    pub revocations: RevocationsConfig,
    /// Kinds of clients, for `match.profile`, `split.by_profile` and keys of limits. A client is of the first that it shows
    /// the signs of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileConfig>,
    /// What every route has unless it says otherwise.
    #[serde(default)]
    pub defaults: DefaultsConfig,
    /// Services behind the gateway, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, ClusterConfig>,
    /// What is served. Which route wins does not depend on their order here, but on how specific they are.
    #[serde(default)]
    pub routes: Vec<RouteConfig>,
}

impl Config {
    /// The policies of a route: its own, those of the defaults, and that nobody may use what does not say who may.
    pub fn policies_of(&self, route: &RouteConfig) -> PoliciesConfig {
        let mut policies = route.policies.over(&self.defaults.policies);
        if self.deny_by_default && policies.authorize.is_none() {
            policies.authorize = Some(Switch::On(RuleConfig::nobody()));
        }
        policies
    }
}

fn identity_fields() -> Vec<String> {
    ["x-user-id", "x-consumer-id", "x-authenticated-user", "x-tenant-id"].map(str::to_owned).to_vec()
}

/// An address that accepts clients.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// Used in metrics, logs and `routes[].listeners`.
    pub name: String,
    /// `address:port`. Port 0 takes a free one.
    pub address: SocketAddress,
    /// Connections the kernel may hold before they are accepted.
    #[serde(default = "backlog")]
    pub backlog: u16,
    /// Whose word is taken on who the client is, in front of the first byte of a connection. Default: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocolConfig>,
    /// What each client may have of it. Default: what it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_client: Option<PerClientConfig>,
    /// Carries bytes instead of HTTP: connections go to a cluster as they are. Default: HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpConfig>,
    /// Speaks HTTP/2 too: with clients that agree on it in their TLS handshake, or begin with it in clear.
    #[serde(default = "yes")]
    pub http2: bool,
    /// Speaks TLS. Default: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTlsConfig>,
}

fn yes() -> bool {
    true
}

fn backlog() -> u16 {
    4096
}

/// A small service inside the gateway's own process: echoes what it gets.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleOriginConfig {
    /// `address:port` it listens on. Name it as an endpoint of a cluster.
    pub address: SocketAddress,
}

/// One line per exchange.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLogConfig {
    /// `stdout`, `stderr` or a file's path.
    pub to: String,
    /// Share of the exchanges that is logged: `1%` to `100%`. Answers of 500 and above are always logged.
    #[serde(default)]
    pub sample: Share,
    /// Request fields to log besides the standard ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Fields whose values are never written, besides Authorization, Cookie and their like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact_headers: Vec<String>,
    /// Query parameters whose values are never written, besides `token`, `password` and their like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact_query: Vec<String>,
}

/// What every route has unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultsConfig {
    /// Protocols that a client may switch to (RFC 9110 7.8). Default: `[websocket]`.
    pub upgrades: Vec<String>,
    /// Policies of every route. A route that names a policy replaces the default one.
    pub policies: PoliciesConfig,
    /// What is tried again. Default: endpoints that do not take a connection are left for others, up to three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Switch<RetriesConfig>>,
    /// When a second endpoint is asked. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Switch<HedgeConfig>>,
}

impl Default for DefaultsConfig {
    fn default() -> Self {
        Self {
            upgrades: vec!["websocket".to_owned()],
            policies: PoliciesConfig::default(),
            retries: None,
            hedge: None,
        }
    }
}

/// Publishes the keys of the gateway's own tokens.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwksConfig {}

/// What a request matches and where it goes. Exactly one of `cluster`, `split`, `redirect`, `respond` and `jwks`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Used in metrics, logs and diagnostics; unique.
    pub name: String,
    /// Listeners that serve it. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<String>,
    /// What a request must look like. Default: every request.
    #[serde(default, rename = "match")]
    pub matches: MatchConfig,
    /// The cluster that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Several variants of a service, each with its share of the requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitConfig>,
    /// Sends the client elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectConfig>,
    /// Answers by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<RespondConfig>,
    /// Publishes the keys of the gateway's own tokens (RFC 7517), for services that verify them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwksConfig>,
    /// Protocols that a client may switch to, such as `websocket`; `[]` for none. Default: those of `defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrades: Option<Vec<String>>,
    /// Changes to the request before it goes upstream.
    #[serde(default)]
    pub rewrite: RewriteConfig,
    /// Lets nothing in while too much of it fails. Default: there is no breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerConfig>,
    /// What is tried again, or `off`. Default: that of `defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Switch<RetriesConfig>>,
    /// When a second endpoint is asked, or `off`. Default: that of `defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Switch<HedgeConfig>>,
    /// What is answered where the cluster gives no answer. Default: an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackConfig>,
    /// Copies of its requests for a service that is to be tried. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowConfig>,
    /// Policies of this route.
    #[serde(default)]
    pub policies: PoliciesConfig,
}
