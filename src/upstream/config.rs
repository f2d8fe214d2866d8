//! The written form of a cluster: what a user may say about where requests go.
//!
//! Shapes only. Units and addresses check themselves when read; names are resolved by `control::check`.

pub mod budgets;
pub mod discover;
pub mod health;
pub mod limits;
pub mod registries;
pub mod spread;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{AddressRange, ByteSize, Share, Span, Weight};
use budgets::BudgetConfig;
use discover::{DiscoverConfig, MembershipConfig};
use health::{BreakerConfig, HealthConfig, OutliersConfig};
use limits::ClusterLimitsConfig;
use spread::{MaglevConfig, SlowStartConfig, SubsetConfig, ZonesConfig};

/// A named set of endpoints with one balancer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Where the service listens: `host:port`, `[ipv6]:port`, `unix:/path`, or an object with a weight.
    /// With `discover`, those that are used until its first answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub endpoints: Vec<EndpointConfig>,
    /// Where endpoints are found that are not written down. Needed where there are no `endpoints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discover: Option<DiscoverConfig>,
    /// How changes are taken that `discover` reports.
    #[serde(default)]
    pub membership: MembershipConfig,
    /// Ranges of addresses that names and registries may lead to although they are refused otherwise: loopback,
    /// link-local, metadata services, multicast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_addresses: Vec<AddressRange>,
    /// Ranges of addresses that names and registries may not lead to, besides those. Wins over `allow_addresses`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny_addresses: Vec<AddressRange>,
    /// How an endpoint is chosen for each attempt. Default: `round_robin`.
    #[serde(default)]
    pub balance: BalanceConfig,
    /// Prefers endpoints of the gateway's own zone, `locality.zone`. Default: zones make no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<ZonesConfig>,
    /// Uses endpoints although they are out where less than this of a tier is left, and the other tiers can not make up for
    /// it: so many at once are hardly all broken, and those that are left would break too. `0%` never does.
    #[serde(default = "panic_below")]
    pub panic_below: Share,
    /// Gives endpoints that have come, or come back, their share little by little. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<SlowStartConfig>,
    /// Gives every worker a part of the endpoints, so that connections to one do not grow with the number of workers.
    /// Default: every worker uses all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<SubsetConfig>,
    /// Asks the endpoints how they are. Default: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthConfig>,
    /// Leaves endpoints alone for a time that do much worse than the others. Default: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outliers: Option<OutliersConfig>,
    /// Sends nothing to the cluster while too much of it fails. Default: there is no breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerConfig>,
    /// The same for each endpoint by itself. Default: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_breaker: Option<BreakerConfig>,
    /// How long each part of an exchange with this cluster may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// How many connections are opened and kept.
    #[serde(default)]
    pub pool: PoolConfig,
    /// The Host field sent to the endpoints. Default: the one the client sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Begins every connection with a PROXY header that tells the client's address. Such a connection serves one
    /// exchange only, because it speaks for one client. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyVersionConfig>,
    /// Speaks TLS with the endpoints. Default: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClusterTlsConfig>,
    /// Which HTTP is spoken with the endpoints. Default: `http1`.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// How HTTP/2 is spoken, where it is.
    #[serde(default)]
    pub http2: ClusterHttp2Config,
    /// What becomes of gRPC-Web where HTTP/2 is spoken. Default: `translate`.
    #[serde(default)]
    pub grpc_web: GrpcWebConfig,
    /// How many exchanges it has at once, and what becomes of those beyond. Default: no limits.
    #[serde(default)]
    pub limits: ClusterLimitsConfig,
    /// How many attempts may be made again, so that a cluster that fails sees no storm. Default: 20% of the requests, and 10 a
    /// second in any case.
    #[serde(default = "budgets::retries")]
    pub retry_budget: BudgetConfig,
    /// How many requests may be sent to a second endpoint. Default: 5% of the requests, and 1 a second in any case.
    #[serde(default = "budgets::hedges")]
    pub hedge_budget: BudgetConfig,
}

fn panic_below() -> Share {
    Share::percent(50)
}

/// Which HTTP is spoken with endpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolConfig {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: without TLS from the first byte on, which the endpoints must know.
    H2,
    /// What each endpoint prefers, as the TLS handshake tells.
    Auto,
}

/// What becomes of gRPC-Web.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrpcWebConfig {
    /// It becomes gRPC, and its answers gRPC-Web again.
    #[default]
    Translate,
    /// It goes on as it is.
    Pass,
}

/// How HTTP/2 is spoken with endpoints.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterHttp2Config {
    /// Exchanges at once on one connection, 1 to 1000. An endpoint may allow less.
    #[schemars(range(min = 1, max = 1000))]
    pub streams: u32,
    /// What an endpoint may send of one answer before the client has taken it. 64KiB to 16MiB.
    pub window: ByteSize,
    /// How old a connection may get before it takes no more exchanges.
    pub max_age: Span,
    /// Without a byte from the endpoint while exchanges are open, until it is asked for a sign of life.
    pub ping_after: Span,
    /// How long that may take before the connection is given up.
    pub ping_timeout: Span,
}

impl Default for ClusterHttp2Config {
    fn default() -> Self {
        Self {
            streams: 100,
            window: ByteSize::kib(128),
            max_age: Span::from_secs(3600),
            ping_after: Span::from_secs(30),
            ping_timeout: Span::from_secs(10),
        }
    }
}

/// Which PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProxyVersionConfig {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// How the endpoints are spoken to. `{}` verifies them against the system's roots.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterTlsConfig {
    /// Whether the endpoints have to prove who they are. Off is for tests: whoever is in between can read and
    /// change everything.
    pub verify: bool,
    /// File of the authorities that are trusted, in PEM. Default: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Name that is asked for (SNI) and that the certificate must be for. Default: the host of each endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Certificate that the gateway shows, with its chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<KeyPairConfig>,
}

impl Default for ClusterTlsConfig {
    fn default() -> Self {
        Self { verify: true, ca: None, name: None, certificate: None }
    }
}

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPairConfig {
    /// File of the certificate and its chain, in PEM.
    pub cert: PathBuf,
    /// File of its private key, in PEM.
    pub key: PathBuf,
}

/// One endpoint: its address alone, or its address with a weight.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EndpointConfig {
    /// `host:port`, `[ipv6]:port` or `unix:/path`.
    Address(String),
    /// An address with a weight, a tier or a zone.
    Weighted(WeightedEndpoint),
}

impl EndpointConfig {
    /// The address as written.
    pub fn address(&self) -> &str {
        match self {
            Self::Address(address) => address,
            Self::Weighted(endpoint) => &endpoint.address,
        }
    }

    /// The weight, 1 where none is written.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Address(_) => 1,
            Self::Weighted(endpoint) => endpoint.weight.get(),
        }
    }

    /// The tier, 0 where none is written.
    pub fn tier(&self) -> u8 {
        match self {
            Self::Address(_) => 0,
            Self::Weighted(endpoint) => endpoint.tier,
        }
    }

    /// The zone, if it is written.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Weighted(endpoint) => endpoint.zone.as_deref(),
        }
    }
}

/// An endpoint of which there is something to say.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedEndpoint {
    /// `host:port`, `[ipv6]:port` or `unix:/path`.
    pub address: String,
    /// Share of the requests relative to the other endpoints, 1 to 1000. Default: 1.
    #[serde(default)]
    pub weight: Weight,
    /// Endpoints of a tier are used once too few of all lower ones are left, 0 to 15. Default: 0, the first.
    #[serde(default, skip_serializing_if = "is_first")]
    #[schemars(range(max = 15))]
    pub tier: u8,
    /// The zone it is in. Default: none that anybody is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

fn is_first(tier: &u8) -> bool {
    *tier == 0
}

/// How an endpoint is chosen.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BalanceConfig {
    /// In turn, by weight, with a different phase on every worker.
    #[default]
    RoundRobin,
    /// At random, by weight.
    Random,
    /// The one with fewer requests in flight, of two chosen at random.
    LeastRequest,
    /// The one where less waiting is to be expected, by its latest answers and its requests in flight, of two chosen at
    /// random. An endpoint that gets slow is left at once, and tried again after some seconds.
    PeakEwma,
    /// Maglev consistent hash: the same key goes to the same endpoint.
    Maglev(MaglevConfig),
}

/// What a consistent hash is taken of.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashKeyConfig {
    /// The value of this request field.
    Header(String),
    /// The value of this cookie.
    Cookie(String),
    /// The client's address.
    Address,
}

/// How long each part may take.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// Until the transport is connected.
    pub connect: Span,
    /// From the sent request to the complete response head.
    pub head: Span,
    /// Without a byte in either direction while a body is relayed.
    pub idle: Span,
    /// For the whole exchange, body included. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Span>,
    /// A field that tells the endpoint how many milliseconds of `total` are left, in each attempt. gRPC calls are told by
    /// `grpc-timeout` in any case. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_header: Option<String>,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            connect: Span::from_secs(2),
            head: Span::from_secs(15),
            idle: Span::from_secs(30),
            total: None,
            deadline_header: None,
        }
    }
}

/// How many upstream connections are opened and kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// Idle connections kept per endpoint by each worker.
    pub idle: u32,
    /// How long an idle connection is kept.
    pub idle_timeout: Span,
    /// Most connections to one endpoint, for the whole gateway. Default: no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Largest response head accepted from an endpoint.
    pub head_bytes: ByteSize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            idle: 128,
            idle_timeout: Span::from_secs(30),
            connections: None,
            head_bytes: ByteSize::kib(32),
        }
    }
}
