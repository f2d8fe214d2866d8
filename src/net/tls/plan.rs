//! What a listener or an endpoint needs to speak TLS, the same for all workers.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::shared::frozen::Frozen;
use crate::shared::published::Published;

/// Sessions that a worker keeps to go on from, per cluster.
const SESSIONS_KEPT: usize = 64;

/// How a listener speaks TLS.
#[derive(Debug, Clone)]
pub struct ListenerTls {
    /// Certificates and rules. Control replaces them when files change.
    pub config: Published<ServerConfig>,
    /// For a whole handshake.
    pub handshake_timeout: Duration,
    /// Handshakes under way at once, per worker.
    pub handshakes_max: u32,
}

/// The same as one worker runs it.
pub struct Acceptor {
    /// What it was made of.
    pub plan: ListenerTls,
    /// Handshakes under way.
    pub under_way: Cell<u32>,
    seen: Cell<u64>,
    current: RefCell<Frozen<ServerConfig>>,
}

impl Acceptor {
    /// With the certificates in force now.
    pub fn new(plan: ListenerTls) -> Self {
        let (generation, current) = plan.config.load();
        Self { plan, under_way: Cell::new(0), seen: Cell::new(generation), current: RefCell::new(current) }
    }

    /// The certificates in force: one load where nothing has changed.
    pub fn config(&self) -> Frozen<ServerConfig> {
        if self.plan.config.generation() != self.seen.get() {
            let (generation, current) = self.plan.config.load();
            self.seen.set(generation);
            self.current.replace(current);
        }
        self.current.borrow().clone()
    }
}

/// How a cluster's endpoints are spoken to.
#[derive(Debug, Clone)]
pub struct ClusterTls {
    config: Frozen<ClientConfig>,
}

impl ClusterTls {
    /// Roots, rules and perhaps a certificate.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Frozen::new(config) }
    }

    /// The same, offering these protocols, with sessions of its own to go on from: what a worker keeps, others do not
    /// wait for.
    pub fn for_worker(&self, protocols: &[&[u8]]) -> Frozen<ClientConfig> {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(SESSIONS_KEPT);
        Frozen::new(config)
    }
}

/// How one endpoint is spoken to, by one worker.
#[derive(Debug, Clone)]
pub struct EndpointTls {
    /// The worker's configuration for the cluster.
    pub config: Frozen<ClientConfig>,
    /// The same for what must be HTTP/1.1.
    pub http1: Frozen<ClientConfig>,
    /// What its certificate must be for.
    pub name: ServerName<'static>,
}
