//! From a checked configuration to a snapshot.
//!
//! Pure but for secrets and names, which come through the environment and the resolver. Finds every problem before
//! it gives up, each with the path of its place in the configuration.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::secret::{Environment, Secret};
use crate::control::compile_care::own_answer;
use crate::control::compile_identity::identity_fields;
pub use crate::control::compile_limits::path_rules;
use crate::control::compile_limits::{limits, shedding};
use crate::control::compile_places::Places;
use crate::control::compile_recording::{recording, redaction};
use crate::control::config::{Config, RouteConfig};
use crate::control::tls::{TlsError, listener_tls, protocols};
use crate::http::field::IdSet;
use crate::net::tls::plan::ListenerTls;
use crate::policy::auth::{AuthenticatorConfig, AuthenticatorPlan};
use crate::policy::inputs::{InputDesk, Inputs};
use crate::policy::ip_filter::AddressSet;
use crate::policy::scope::{Scope, Surroundings};
use crate::proxy::snapshot::{AccessLogPlan, Action, RoutePlan, Snapshot, Target};
use crate::route::path::PathRules;
use crate::route::plan::{MatchPlan, PlanError};
use crate::route::profile::Profiles;
use crate::route::rewrite::{RedirectPlan, RewritePlan};
use crate::shared::frozen::Frozen;
use crate::upstream::cluster::ClusterPlan;
use crate::upstream::config::ProtocolConfig;

/// Something that keeps a configuration from becoming a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Short and stable: `unresolved`.
    pub code: &'static str,
    /// Path in the configuration.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Compiles. All problems at once. What is in use goes on being used from `previous`, the generation before: places of
/// listeners, keys of TLS tickets.
pub fn compile(
    config: &Config,
    environment: &Environment,
    generation: u64,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, Vec<CompileError>> {
    let indexes = config.clusters.keys().map(String::as_str).zip(0..).collect();
    let inputs = InputDesk {
        now: Inputs::default(),
        previous: previous.map(|snapshot| snapshot.live_inputs.clone()).unwrap_or_default(),
    };
    let mut compiler = Compiler {
        config,
        base: &environment.base,
        indexes,
        secrets: BTreeMap::new(),
        previous,
        splits: 0,
        profiles: Frozen::default(),
        inputs,
        hash_key: None,
        zone: None,
        errors: Vec::new(),
    };
    compiler.read_secrets(environment);
    let fleet = compiler.fleet();
    compiler.hash_key = Some(fleet.hash_key);
    compiler.read_zone(environment);
    let mut tls = compiler.listeners(previous);
    let rules = path_rules(config.paths);
    compiler.profiles = compiler.profiles();
    let clusters: Vec<_> = config
        .clusters
        .iter()
        .filter_map(|(name, cluster)| compiler.cluster(name, cluster))
        .map(Frozen::new)
        .collect();
    let authenticators = compiler.authenticators();
    let quotas = compiler.quotas();
    let routes: Vec<_> = config
        .routes
        .iter()
        .enumerate()
        .filter_map(|(index, route)| compiler.route(index, route, &rules))
        .collect();
    let mut doors: Vec<_> =
        config.listeners.iter().enumerate().map(|(at, one)| compiler.door(at, one, previous)).collect();
    if !compiler.errors.is_empty() {
        return Err(compiler.errors);
    }
    let identity_fields = identity_fields(config);
    let own_keys = compiler.own_keys();
    let places = Places::of(config, previous);
    let mut served = served(config);
    Ok(Snapshot {
        doors: places.arrange(&mut doors),
        generation,
        hash: content_hash(config).into(),
        inputs: compiler.inputs(&clusters),
        live_inputs: compiler.inputs.now,
        own_keys,
        fleet,
        quotas,
        authenticators,
        tls: places.arrange(&mut tls),
        served: places.arrange(&mut served),
        is_open: places.is_open(),
        listeners: places.into_names(),
        routes_by_name: (0_u32..).zip(&routes).map(|(at, route)| (route.name.clone(), at)).collect(),
        routes,
        clusters,
        limits: limits(&config.limits),
        shedding: shedding(config),
        paths: rules,
        trusted_proxies: AddressSet::new(&config.trusted_proxies),
        identity_ids: IdSet::of_names(&identity_fields),
        recording: recording(config),
        identity_fields,
        access_log: config.access_log.as_ref().map(|log| AccessLogPlan {
            sample: log.sample.fraction(),
            fields: log.headers.iter().map(|name| name.to_ascii_lowercase().into()).collect(),
            redaction: redaction(config, &[]),
        }),
    })
}

/// First 12 hexadecimal digits of the SHA-256 of the effective configuration. Secrets count by their source.
pub fn content_hash(config: &Config) -> String {
    let mut value = serde_json::to_value(config).unwrap_or_default();
    // What is included is in it already. In which file it is written makes no difference.
    value.as_object_mut().and_then(|object| object.shift_remove("include"));
    let text = serde_json::to_vec(&value).unwrap_or_default();
    Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn served(config: &Config) -> Vec<Vec<u32>> {
    let serves =
        |route: &RouteConfig, name: &String| route.listeners.is_empty() || route.listeners.contains(name);
    config
        .listeners
        .iter()
        .map(|listener| {
            (0_u32..)
                .zip(&config.routes)
                .filter(|(_, route)| listener.tcp.is_none() && serves(route, &listener.name))
                .map(|(index, _)| index)
                .collect()
        })
        .collect()
}

pub(super) struct Compiler<'a> {
    pub(super) config: &'a Config,
    /// Where relative files are looked for.
    pub(super) base: &'a Path,
    /// The generation before, of which some things go on.
    pub(super) previous: Option<&'a Snapshot>,
    /// Routes with several variants so far.
    pub(super) splits: usize,
    /// Kinds of clients.
    pub(super) profiles: Frozen<Profiles>,
    /// Positions of the clusters by name.
    indexes: BTreeMap<&'a str, usize>,
    pub(super) secrets: BTreeMap<String, Secret>,
    /// What control keeps current for policies.
    pub(super) inputs: InputDesk,
    /// What keys of limits are hashed with.
    hash_key: Option<[u8; 16]>,
    pub(super) zone: Option<Box<str>>,
    errors: Vec<CompileError>,
}

impl Compiler<'_> {
    pub(super) fn error(&mut self, code: &'static str, path: String, reason: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.errors.push(CompileError { code, path, reason: reason.into(), hint });
    }

    pub(super) fn plan_errors(&mut self, place: &str, errors: Vec<PlanError>) {
        for error in errors {
            let path = if error.at.is_empty() { place.to_owned() } else { format!("{place}.{}", error.at) };
            self.error("bad-route", path, error.reason, &error.hint);
        }
    }

    pub(super) fn tls_errors(&mut self, place: &str, errors: Vec<TlsError>) {
        for error in errors {
            let path = if error.at.is_empty() { place.to_owned() } else { format!("{place}.{}", error.at) };
            self.error(error.code, path, error.reason, error.hint);
        }
    }

    fn listeners(&mut self, previous: Option<&Snapshot>) -> Vec<Option<ListenerTls>> {
        let mut all = Vec::new();
        for (index, listener) in self.config.listeners.iter().enumerate() {
            let compiled = listener.tls.as_ref();
            let tickets = previous.and_then(|snapshot| snapshot.tls_of(&listener.name));
            let tickets = tickets.map(|tls| tls.config.load().1.ticketer.clone());
            let compiled =
                compiled.map(|config| listener_tls(config, &protocols(listener), self.base, tickets));
            all.push(match compiled {
                Some(Ok(tls)) => Some(tls),
                Some(Err(errors)) => {
                    self.tls_errors(&format!("listeners[{index}].tls"), errors);
                    None
                }
                None => None,
            });
        }
        all
    }

    /// A digest of what is not written in the configuration itself.
    fn inputs(&self, clusters: &[Frozen<ClusterPlan>]) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (name, secret) in &self.secrets {
            for part in [name.as_str(), secret.expose()] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        for cluster in clusters {
            digest.update(cluster.identity.to_le_bytes());
            for endpoint in &cluster.live.load().1.endpoints {
                digest.update(format!("{}={}\n", endpoint.label, endpoint.addr));
            }
        }
        digest.finalize().into()
    }

    fn read_secrets(&mut self, environment: &Environment) {
        for (name, source) in &self.config.secrets {
            let secret = source.read(environment).unwrap_or_else(|error| {
                let hint = error.hint.unwrap_or_default();
                self.error("no-secret", format!("secrets.{name}"), error.reason, &hint);
                // Whoever uses it has nothing wrong; nothing of this is run.
                Secret::new("")
            });
            self.secrets.insert(name.clone(), secret);
        }
        self.admin(environment);
    }

    pub(super) fn index(&mut self, name: &str, place: String) -> Option<usize> {
        let index = self.indexes.get(name).copied();
        if index.is_none() {
            self.error("unknown-cluster", place, format!("there is no cluster `{name}`"), "");
        }
        index
    }

    /// Compiles what belongs to policies. Problems are told below `place`.
    pub(super) fn in_scope<T>(
        &mut self,
        code: &'static str,
        place: &str,
        params: Option<&[String]>,
        compile: impl FnOnce(&mut Scope<'_>) -> T,
    ) -> T {
        let inputs = std::mem::take(&mut self.inputs);
        let lookup = |name: &str| self.secrets.get(name).cloned();
        let around = Surroundings {
            base: Some(self.base),
            authenticators: Some(&self.config.authenticators),
            own_keys: Some(&self.config.own_keys),
            clusters: Some(&self.config.clusters),
            params,
            hash_key: self.hash_key,
            profiles: Some(&self.profiles),
            rate_limits: Some(&self.config.rate_limits),
            quotas: Some(&self.config.quotas),
        };
        let mut scope = Scope::new(&lookup).around(around).with_inputs(inputs);
        let compiled = compile(&mut scope);
        let Scope { inputs, problems, .. } = scope;
        self.inputs = inputs;
        for problem in problems {
            let path = format!("{place}.{}", problem.path);
            self.error(code, path, problem.reason, problem.hint.as_deref().unwrap_or_default());
        }
        compiled
    }

    fn authenticators(&mut self) -> Vec<(Box<str>, AuthenticatorPlan)> {
        let config = self.config;
        let compile = |(name, written): (&String, &AuthenticatorConfig)| {
            let place = format!("authenticators.{name}");
            let plan = self.in_scope("bad-authenticator", &place, None, |scope| written.compile(name, scope));
            (name.as_str().into(), plan)
        };
        config.authenticators.iter().map(compile).collect()
    }

    fn route(&mut self, index: usize, config: &RouteConfig, rules: &PathRules) -> Option<RoutePlan> {
        let place = format!("routes[{index}]");
        let matches = MatchPlan::compile_among(&config.matches, rules, &self.profiles)
            .map_err(|errors| self.plan_errors(&format!("{place}.match"), errors))
            .ok();
        let names = matches.as_ref().map(|plan| plan.names().to_vec()).unwrap_or_default();
        let action = self.action(&place, config, &names, rules);
        let care = self.care(&place, config);
        let merged = self.config.policies_of(config);
        let policies = self.in_scope("bad-policy", &format!("{place}.policies"), Some(&names), |scope| {
            merged.compile(scope)
        });
        let upgrades = config.upgrades.as_ref().unwrap_or(&self.config.defaults.upgrades);
        // What speaks nothing but HTTP/2 has nothing to switch.
        let clusters = config.cluster_names().map(|name| self.config.clusters.get(name));
        let mut is_http2 =
            clusters.map(|it| it.is_some_and(|cluster| cluster.protocol == ProtocolConfig::H2));
        let is_http2 = config.is_forwarding() && is_http2.all(|is_http2| is_http2);
        let upgrades = if is_http2 { &[][..] } else { &upgrades[..] };
        Some(RoutePlan {
            name: config.name.as_str().into(),
            matches: matches?,
            upgrades: upgrades.iter().map(|protocol| protocol.as_bytes().into()).collect(),
            policies,
            action: action?,
            care,
        })
    }

    fn action(
        &mut self,
        place: &str,
        config: &RouteConfig,
        names: &[String],
        rules: &PathRules,
    ) -> Option<Action> {
        if let Some(redirect) = &config.redirect {
            return RedirectPlan::compile(redirect, names)
                .map(Action::Redirect)
                .map_err(|errors| self.plan_errors(&format!("{place}.redirect"), errors))
                .ok();
        }
        if config.jwks.is_some() {
            return Some(Action::OwnKeys);
        }
        if let Some(respond) = &config.respond {
            return Some(Action::Respond(own_answer(respond)));
        }
        if let Some(split) = &config.split {
            let split = self.split(place, config, split, names, rules)?;
            return Some(Action::Forward { to: Target::Split(Box::new(split)), rewrite: None, host: None });
        }
        let cluster = self.index(config.cluster.as_ref()?, format!("{place}.cluster"))?;
        let rewrite = RewritePlan::compile(&config.rewrite, names, rules)
            .map_err(|errors| self.plan_errors(&format!("{place}.rewrite"), errors))
            .ok()?;
        let host = rewrite.host().map(|host| host.as_bytes().into());
        Some(Action::Forward {
            to: Target::Cluster(cluster),
            rewrite: (!rewrite.keeps_path()).then_some(rewrite),
            host,
        })
    }
}
