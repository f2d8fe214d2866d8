//! Asks a service whether a request is allowed: over HTTP, or by the interface that Envoy's `ext_authz` has.
//!
//! The service is a cluster like any other, asked by the worker itself over its own connections. It sees the head of the
//! request as far as it is shown, never its body. Answers can be remembered, by everything the service was shown.

mod config;
mod decision;
mod grpc;
mod http;
mod proto;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::http::method::Method;
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground};
use crate::policy::headers::check_name;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::upstream::ask::{Means, Request, ask};
use crate::upstream::cluster::Cluster;
use crate::upstream::config::ProtocolConfig as ClusterProtocol;
pub use config::{CacheConfig, ExternalAuthorizationConfig, OnFailureConfig, ProtocolConfig};
use decision::{Decision, Memory, Shown};

/// Compiled.
pub struct ExternalAuthorizationPlan {
    cluster: Box<str>,
    is_grpc: bool,
    path_prefix: Box<[u8]>,
    timeout: Duration,
    /// Lower case. None for all.
    headers: Option<Vec<Box<[u8]>>>,
    headers_to_service: Vec<Box<[u8]>>,
    headers_to_client: Vec<Box<[u8]>>,
    body_bytes: usize,
    admits_on_failure: bool,
    cache: Option<CachePlan>,
}

struct CachePlan {
    admitted_ms: u64,
    refused_ms: u64,
    entries: usize,
}

impl ExternalAuthorizationPlan {
    /// Whether the service is shown this field.
    fn shows(&self, name: &[u8]) -> bool {
        self.headers.as_ref().is_none_or(|list| list.iter().any(|one| one.eq_ignore_ascii_case(name)))
    }
}

/// The running policy.
pub struct ExternalAuthorization {
    plan: Frozen<ExternalAuthorizationPlan>,
    cluster: Option<Rc<Cluster>>,
    bench: Rc<Bench>,
    memory: RefCell<Memory>,
}

impl Policy for ExternalAuthorization {
    type Config = ExternalAuthorizationConfig;
    type Plan = ExternalAuthorizationPlan;

    fn compile(config: &ExternalAuthorizationConfig, scope: &mut Scope<'_>) -> ExternalAuthorizationPlan {
        check(config, scope);
        let names = |list: &[String]| list.iter().map(|name| name.as_bytes().into()).collect::<Vec<_>>();
        ExternalAuthorizationPlan {
            cluster: config.cluster.as_str().into(),
            is_grpc: config.protocol == ProtocolConfig::Grpc,
            path_prefix: config.path_prefix.trim_end_matches('/').as_bytes().into(),
            timeout: config.timeout.duration(),
            headers: (!config.headers.iter().any(|name| name == "*")).then(|| names(&config.headers)),
            headers_to_service: names(&config.headers_to_service),
            headers_to_client: names(&config.headers_to_client),
            body_bytes: usize::try_from(config.body_bytes.bytes()).unwrap_or(usize::MAX),
            admits_on_failure: config.on_failure == OnFailureConfig::Admit,
            cache: config.cache.as_ref().map(|cache| CachePlan {
                admitted_ms: cache.admitted.duration().as_millis() as u64,
                refused_ms: cache.refused.duration().as_millis() as u64,
                entries: cache.entries as usize,
            }),
        }
    }

    fn start(plan: Frozen<ExternalAuthorizationPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let entries = plan.cache.as_ref().map_or(0, |cache| cache.entries);
        Self {
            cluster: ground.cluster(&plan.cluster).cloned(),
            bench: ground.bench.clone(),
            memory: RefCell::new(Memory::new(entries)),
            plan,
        }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        // Without the cluster nobody runs it: `explain` shows what would be asked.
        let Some(cluster) = &self.cluster else { return Verdict::Continue };
        let host = cluster.plan.host.as_deref().unwrap_or(&cluster.plan.name);
        let mut bytes = Vec::with_capacity(1024);
        if self.plan.is_grpc {
            grpc::write(&self.plan, host.as_bytes(), exchange, &mut bytes);
        } else {
            http::write(&self.plan, host.as_bytes(), exchange, &mut bytes);
        }
        let shown: Option<Shown> = self.plan.cache.as_ref().map(|_| Sha256::digest(&bytes).into());
        let remembered = shown.and_then(|shown| self.memory.borrow().find(&shown, clock::coarse_ms()));
        let decision = match remembered {
            Some(decision) => Some(decision),
            None => self.ask(cluster, exchange.request.method, &bytes, shown).await,
        };
        match decision.as_deref() {
            Some(Decision::Admitted(changes)) => {
                changes.iter().for_each(|change| change.apply(&mut exchange.request.fields));
                Verdict::Continue
            }
            Some(Decision::Refused(words)) => {
                Verdict::Reply(Reply::new(Code::ExternallyDenied).in_words(words.clone()))
            }
            None if self.plan.admits_on_failure => Verdict::Continue,
            None => Verdict::Reply(
                Reply::new(Code::ExternalAuthorizationUnavailable).with("Retry-After", "1".to_owned()),
            ),
        }
    }
}

impl ExternalAuthorization {
    /// Asks, and remembers. None where there is no answer that tells.
    async fn ask(
        &self,
        cluster: &Rc<Cluster>,
        method: Method,
        bytes: &[u8],
        shown: Option<Shown>,
    ) -> Option<Rc<Decision>> {
        let means = Means { buffers: &self.bench.pool, deadlines: &self.bench.deadlines };
        let request = Request {
            method: if self.plan.is_grpc { Method::Post } else { method },
            // Asking changes nothing.
            is_repeatable: true,
            bytes,
            body_bytes_max: self.plan.body_bytes,
            cuts: false,
            within: self.plan.timeout,
        };
        // Boxed: it is large, and would make the task of every exchange as large.
        let told = Box::pin(ask(cluster, &means, &request)).await.ok()?;
        let decision = if self.plan.is_grpc { grpc::read(&told) } else { http::read(&self.plan, told) };
        let decision = Rc::new(decision?);
        if let (Some(cache), Some(shown)) = (&self.plan.cache, shown) {
            let keep_ms = match *decision {
                Decision::Admitted(_) => cache.admitted_ms,
                Decision::Refused(_) => cache.refused_ms,
            };
            self.memory.borrow_mut().keep(shown, clock::coarse_ms() + keep_ms, decision.clone());
        }
        Some(decision)
    }
}

fn check(config: &ExternalAuthorizationConfig, scope: &mut Scope<'_>) {
    if let Some(clusters) = scope.around.clusters {
        match clusters.get(&config.cluster) {
            None => {
                let names = clusters.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let reason = format!("there is no cluster `{}`", config.cluster);
                scope.problem("cluster", reason, &format!("there are: {names}"));
            }
            Some(cluster)
                if config.protocol == ProtocolConfig::Grpc && cluster.protocol == ClusterProtocol::Http1 =>
            {
                let reason =
                    format!("gRPC needs HTTP/2, and the cluster `{}` speaks HTTP/1.1", config.cluster);
                scope.problem("protocol", reason, "write `protocol: h2` in the cluster");
            }
            Some(_) => {}
        }
    }
    if !config.path_prefix.is_empty() && !config.path_prefix.starts_with('/') {
        scope.problem("path_prefix", "a path begins with `/`", "");
    }
    if config.timeout.duration().is_zero() {
        scope.problem("timeout", "the service is given no time", "write `500ms`");
    }
    for (key, list) in
        [("headers_to_service", &config.headers_to_service), ("headers_to_client", &config.headers_to_client)]
    {
        for (index, name) in list.iter().enumerate() {
            check_name(name, &format!("{key}[{index}]"), scope);
        }
    }
}
