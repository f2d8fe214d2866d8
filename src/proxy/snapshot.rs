//! Everything compiled from one configuration.
//!
//! Made by the control thread, shared by all workers, never changed. What a worker runs is [`super::installed`].

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::http::field::IdSet;
use crate::http::h1::parse::HeadLimits;
use crate::net::tls::plan::ListenerTls;
use crate::policy::auth::AuthenticatorPlan;
use crate::policy::identity::own_keys::OwnKeys;
use crate::policy::inputs::Inputs;
use crate::policy::ip_filter::AddressSet;
use crate::policy::priority::Early;
use crate::policy::rate::fleet::FleetPlan;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::table::PolicyPlan;
use crate::proxy::care::{CarePlan, OwnAnswer};
use crate::proxy::l4::plan::DoorPlan;
use crate::proxy::recording::RecordingPlan;
use crate::proxy::release::plan::SplitPlan;
use crate::route::path::PathRules;
use crate::route::plan::MatchPlan;
use crate::route::rewrite::{RedirectPlan, RewritePlan};
use crate::shared::Published;
use crate::shared::frozen::Frozen;
use crate::telemetry::redaction::Redaction;
use crate::upstream::cluster::ClusterPlan;

/// Everything compiled from one configuration.
pub struct Snapshot {
    /// Counts up with every configuration that was installed.
    pub generation: u64,
    /// First 12 hexadecimal digits of the SHA-256 of the effective configuration.
    pub hash: Box<str>,
    /// The same of what is not written in it: values of secrets. Never shown.
    pub inputs: [u8; 32],
    /// What control keeps current for its policies and authenticators.
    pub live_inputs: Inputs,
    /// What it takes to share limits with other hosts.
    pub fleet: FleetPlan,
    /// Quotas, as they are counted.
    pub quotas: Vec<LimitPlan>,
    /// Ways to tell who is asking, in the order of their names.
    pub authenticators: Vec<(Box<str>, AuthenticatorPlan)>,
    /// Names of the listeners. A listener keeps its place for as long as the process lives, so that connections can refer
    /// to it across generations.
    pub listeners: Vec<Box<str>>,
    /// Which of them this generation has. What is gone has no routes, takes no connections and ends those it has.
    pub is_open: Vec<bool>,
    /// What each listener does besides plain HTTP.
    pub doors: Vec<DoorPlan>,
    /// How they speak TLS, if they do.
    pub tls: Vec<Option<ListenerTls>>,
    /// Which listeners serve which routes: for each listener, indices of routes.
    pub served: Vec<Vec<u32>>,
    /// Routes in the order written.
    pub routes: Vec<RoutePlan>,
    /// Their places by name.
    pub routes_by_name: HashMap<Box<str>, u32, FixedState>,
    /// Clusters by name.
    pub clusters: Vec<Frozen<ClusterPlan>>,
    /// What a client may send.
    pub limits: Limits,
    /// What workers refuse that cannot keep up.
    pub shedding: SheddingPlan,
    /// How paths are normalised.
    pub paths: PathRules,
    /// Whose X-Forwarded-For is believed.
    pub trusted_proxies: AddressSet,
    /// The gateway's own keys, where a route publishes them.
    pub own_keys: Option<Published<OwnKeys>>,
    /// Fields that only the gateway may set, lower case.
    pub identity_fields: Vec<Box<[u8]>>,
    /// What those can be known as.
    pub identity_ids: IdSet,
    /// How exchanges are logged.
    pub access_log: Option<AccessLogPlan>,
    /// What workers remember of exchanges.
    pub recording: RecordingPlan,
}

impl Snapshot {
    /// The place of a listener, if this generation has one of this name.
    pub fn listener(&self, name: &str) -> Option<usize> {
        self.listeners.iter().position(|one| **one == *name).filter(|&at| self.is_open[at])
    }

    /// How a listener speaks TLS, if there is one of this name and it does.
    pub fn tls_of(&self, name: &str) -> Option<&ListenerTls> {
        self.tls[self.listener(name)?].as_ref()
    }
}

/// A compiled route.
pub struct RoutePlan {
    /// Its name.
    pub name: Box<str>,
    /// What it matches.
    pub matches: MatchPlan,
    /// Protocols that its clients may switch to.
    pub upgrades: Vec<Box<[u8]>>,
    /// Its policies in the order of running.
    pub policies: Vec<PolicyPlan>,
    /// What it does.
    pub action: Action,
    /// What it does about services that fail, where that is more than usual.
    pub care: Option<Box<CarePlan>>,
}

impl RoutePlan {
    /// Its class, as far as that is known before any policy has run.
    pub fn early(&self) -> Early {
        let class = self.policies.iter().find_map(|policy| match policy {
            PolicyPlan::Priority(plan) => Some(plan.early()),
            _ => None,
        });
        class.unwrap_or_default()
    }
}

/// Where a route sends what it forwards.
pub enum Target {
    /// To this cluster, by index.
    Cluster(usize),
    /// To one of several variants.
    Split(Box<SplitPlan>),
}

impl Target {
    /// The cluster, if it is the same for all requests.
    pub fn only(&self) -> Option<usize> {
        match self {
            Self::Cluster(index) => Some(*index),
            Self::Split(_) => None,
        }
    }
}

impl Action {
    /// Its variants, if it has several.
    pub fn split(&self) -> Option<&SplitPlan> {
        match self {
            Self::Forward { to: Target::Split(split), .. } => Some(split),
            _ => None,
        }
    }
}

/// What a route does with a request that has passed its policies.
pub enum Action {
    /// Sends it to a cluster.
    Forward {
        /// Which.
        to: Target,
        /// Changes to the path.
        rewrite: Option<RewritePlan>,
        /// The Host field sent upstream, if neither the client's nor the cluster's.
        host: Option<Box<[u8]>>,
    },
    /// Sends the client elsewhere.
    Redirect(RedirectPlan),
    /// Publishes the gateway's own keys.
    OwnKeys,
    /// Answers by itself.
    Respond(OwnAnswer),
}

/// What workers refuse that cannot keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheddingPlan {
    /// For how long what is ready may wait, in nanoseconds. None where nothing is refused.
    pub target_nanos: Option<u64>,
    /// How long a client is not listened to that was refused.
    pub pause: Duration,
}

/// What a client may send and how long it may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of the head.
    pub head: HeadLimits,
    /// Largest request body where no policy says otherwise, in bytes.
    pub body_bytes: Option<u64>,
    /// For a whole head.
    pub head_timeout: Duration,
    /// Without a byte of the body.
    pub body_timeout: Duration,
    /// Without a byte taken by the client.
    pub write_timeout: Duration,
    /// Between two requests.
    pub keepalive_timeout: Duration,
    /// Requests on one connection.
    pub keepalive_requests: u32,
    /// For a client that has closed its sending side.
    pub half_close_grace: Duration,
    /// Without a byte on an upgraded connection.
    pub tunnel_idle_timeout: Duration,
    /// Upgraded connections per worker.
    pub upgraded_connections: i64,
    /// Streams of one HTTP/2 connection.
    pub http2_streams: u32,
    /// Connections per worker.
    pub connections: u32,
    /// For exchanges in flight at a stop.
    pub drain_timeout: Duration,
}

/// How exchanges are logged.
pub struct AccessLogPlan {
    /// Share that is logged, 0 to 1.
    pub sample: f64,
    /// Fields to log, lower case.
    pub fields: Vec<Box<str>>,
    /// What is never written.
    pub redaction: Redaction,
}
