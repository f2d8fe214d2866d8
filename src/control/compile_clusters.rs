//! Clusters, from their written form to plans.
//!
//! Names are resolved here, once; what is found later comes from `discovery`.

use std::path::Path;

use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};

use super::compile::Compiler;
use super::discovery::guard::Guard;
use super::resolve::{Unresolved, resolve};
use super::tls::{cluster_tls, endpoint_name};
use crate::net::proxy_header::HeaderVersion;
use crate::net::tls::plan::ClusterTls;
use crate::shared::budget::Earning;
use crate::shared::frozen::Frozen;
use crate::shared::ledger::Ledger;
use crate::shared::published::Published;
use crate::upstream::admission::AdmissionPlan;
use crate::upstream::admission::connections::Shared;
use crate::upstream::admission::gradient::GradientPlan;
use crate::upstream::admission::slots::{SlotsPlan, UNLIMITED};
use crate::upstream::cluster::{Budgets, ClusterPlan, Timeouts};
use crate::upstream::config::budgets::BudgetConfig;
use crate::upstream::config::health::BreakerConfig;
use crate::upstream::config::{BalanceConfig, ClusterConfig, ProxyVersionConfig};
use crate::upstream::endpoint::{EndpointPlan, PoolPlan};
use crate::upstream::h2::Http2Plan;
use crate::upstream::set::EndpointSet;
use crate::upstream::verdict::Verdicts;

impl Compiler<'_> {
    fn cluster_tls(&mut self, name: &str, config: &ClusterConfig) -> Option<ClusterTls> {
        let compiled = cluster_tls(config.tls.as_ref()?, self.base);
        compiled.map_err(|error| self.tls_errors(&format!("clusters.{name}.tls"), vec![error])).ok()
    }

    /// What the certificate of an endpoint must be for.
    fn tls_name(
        &mut self,
        name: &str,
        config: &ClusterConfig,
        endpoint: &str,
    ) -> Option<ServerName<'static>> {
        let compiled = endpoint_name(config.tls.as_ref()?, endpoint);
        compiled.map_err(|error| self.tls_errors(&format!("clusters.{name}.tls"), vec![error])).ok()
    }

    /// What was spent stays spent when a configuration changes.
    fn budgets(&self, name: &str, config: &ClusterConfig) -> Budgets {
        let former = self.previous.and_then(|previous| previous.clusters.iter().find(|it| *it.name == *name));
        let mut budgets = former.map(|former| former.budgets.clone()).unwrap_or_default();
        let earning = |budget: &BudgetConfig| Earning {
            share: budget.share.fraction(),
            per_second: f64::from(budget.per_second),
        };
        budgets.retry_earning = earning(&config.retry_budget);
        budgets.hedge_earning = earning(&config.hedge_budget);
        budgets
    }

    /// What is in use stays so when a configuration changes.
    fn admission(&self, name: &str, config: &ClusterConfig) -> Option<AdmissionPlan> {
        let limits = &config.limits;
        if limits.requests.is_none() && limits.adaptive.is_none() {
            return None;
        }
        let former = self.previous.and_then(|previous| previous.clusters.iter().find(|it| *it.name == *name));
        let former = former.and_then(|former| former.admission.as_ref());
        let ledgers = former.map(|former| (former.slots.ledger.clone(), former.places.clone()));
        let (ledger, places) = ledgers.unwrap_or_else(|| (Ledger::new(None), Ledger::new(Some(0))));
        let cap = limits.requests.map_or(UNLIMITED, u64::from);
        Some(AdmissionPlan {
            slots: SlotsPlan { ledger, cap, reserves: limits.reserves.reserves() },
            adaptive: limits.adaptive.as_ref().map(|adaptive| GradientPlan {
                floor: f64::from(adaptive.floor),
                ceiling: f64::from(adaptive.ceiling),
                tolerance: adaptive.tolerance,
                probe_every_ms: adaptive.probe_every.duration().as_millis() as u64,
            }),
            places,
            pending: u64::from(limits.pending),
            pending_timeout: limits.pending_timeout.duration(),
        })
    }

    fn connections(&self, name: &str, config: &ClusterConfig) -> Shared {
        let cap = u64::from(config.limits.connections?);
        let former = self.previous.and_then(|previous| previous.clusters.iter().find(|it| *it.name == *name));
        let ledger = former.and_then(|former| former.connections.as_ref()).map(|(ledger, _)| ledger.clone());
        Some((ledger.unwrap_or_else(|| Ledger::new(None)), cap))
    }

    pub(super) fn cluster(&mut self, name: &str, config: &ClusterConfig) -> Option<ClusterPlan> {
        let tls = self.cluster_tls(name, config);
        let guard = Guard::of(config);
        let mut endpoints = Vec::new();
        for (index, endpoint) in config.endpoints.iter().enumerate() {
            match resolve(endpoint.address(), &guard) {
                Ok(addr) => endpoints.push(EndpointPlan {
                    addr,
                    label: endpoint.address().into(),
                    tls_name: self.tls_name(name, config, endpoint.address()),
                    weight: endpoint.weight(),
                    tier: endpoint.tier(),
                    zone: endpoint.zone().map(Into::into),
                    connections: Ledger::new(config.pool.connections.map(u64::from)),
                    requests: Ledger::new(None),
                }),
                Err(Unresolved { code, reason, hint }) => {
                    self.error(code, format!("clusters.{name}.endpoints[{index}]"), reason, hint);
                }
            }
        }
        let set = match EndpointSet::compile(&config.balance, endpoints, Vec::new()) {
            Ok(set) => set,
            Err(error) => {
                self.error("bad-endpoints", format!("clusters.{name}.endpoints"), error.to_string(), "");
                return None;
            }
        };
        Some(ClusterPlan {
            name: name.into(),
            live: Published::new(Frozen::new(set)),
            spread: self.spread(config),
            hash_key: match &config.balance {
                BalanceConfig::Maglev(maglev) => Some(maglev.key().clone()),
                _ => None,
            },
            identity: identity(config, self.base),
            timeouts: Timeouts {
                connect: config.timeouts.connect.duration(),
                head: config.timeouts.head.duration(),
                idle: config.timeouts.idle.duration(),
                total: config.timeouts.total.map(|total| total.duration()),
            },
            pool: PoolPlan {
                // What has told a service of one client must not carry another's request.
                idle: if config.proxy_protocol.is_some() { 0 } else { config.pool.idle as usize },
                idle_timeout: config.pool.idle_timeout.duration(),
            },
            head_bytes: usize::try_from(config.pool.head_bytes.bytes()).unwrap_or(usize::MAX),
            tls,
            http2: Http2Plan::of(config),
            host: config.host.as_deref().map(Into::into),
            proxy_header: config.proxy_protocol.map(|version| match version {
                ProxyVersionConfig::V1 => HeaderVersion::V1,
                ProxyVersionConfig::V2 => HeaderVersion::V2,
            }),
            verdicts: Published::new(Frozen::new(Verdicts::default())),
            slow_nanos: slow_nanos(config),
            admission: self.admission(name, config),
            connections: self.connections(name, config),
            endpoint_requests: config.limits.endpoint_requests.map(u64::from),
            budgets: self.budgets(name, config),
            deadline_field: config.timeouts.deadline_header.as_ref().map(|name| name.as_bytes().into()),
        })
    }
}

/// Of everything that connections are opened and kept with, and of the files that it names: connections outlive a change
/// of anything else.
fn identity(config: &ClusterConfig, base: &Path) -> u64 {
    let pool = (config.pool.idle, config.pool.idle_timeout, config.pool.head_bytes);
    let http2 = (config.protocol, &config.http2, config.grpc_web);
    let written = serde_json::to_vec(&(&config.tls, http2, config.proxy_protocol, pool)).unwrap_or_default();
    let mut hash = Sha256::new_with_prefix(written);
    let tls = config.tls.as_ref();
    let pair = tls.and_then(|tls| tls.certificate.as_ref());
    let files = pair.map(|pair| [&pair.cert, &pair.key]).into_iter().flatten();
    for path in files.chain(tls.and_then(|tls| tls.ca.as_ref())) {
        // One that cannot be read is an error elsewhere.
        hash.update(std::fs::read(base.join(path)).unwrap_or_default());
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// From when on a call is slow: what breakers of a cluster say, which is the same where both say something.
fn slow_nanos(config: &ClusterConfig) -> u64 {
    let breakers = [&config.breaker, &config.endpoint_breaker];
    breakers.into_iter().flatten().map(BreakerConfig::slow_nanos).min().unwrap_or(u64::MAX)
}
