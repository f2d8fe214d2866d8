//! What a request would meet: listener, route, policies, cluster, and why not others.
//!
//! Runs the same code as a worker (preparing, routing, balancing plans) on a snapshot that nobody serves. Sends
//! nothing. The answer is text for people; the order is that of the decisions.

mod tcp;
mod tls;

use std::fmt::Write;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::control::config::Config;
use crate::http::h1::parse::{self, HeadScan};
use crate::net::addr::PeerAddr;
use crate::policy::chain::{Chain, Passage};
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Fault, Reply};
use crate::proxy::answer::hash;
use crate::proxy::prepare::prepare;
use crate::proxy::snapshot::{Action, RoutePlan, Snapshot};
use crate::proxy::upgrade;
use crate::route::params::Params;
use crate::route::reference::{self, Verdict};
use crate::route::table::{Outcome, RequestView, RouteIndex};
use crate::telemetry::Registry;
use crate::upstream::balance::{Balancer, Pick};
use crate::upstream::config::ProtocolConfig;
use crate::upstream::set::EndpointSet;
use crate::worker::spawn::tables;

/// A request to explain.
#[derive(Debug, Clone)]
pub struct Question {
    /// The method.
    pub method: String,
    /// Absolute URL or path.
    pub url: String,
    /// Fields, each `Name: value`.
    pub fields: Vec<String>,
    /// The listener by name; None for the first.
    pub listener: Option<String>,
    /// The peer's address.
    pub peer: SocketAddr,
}

/// Explains. The error says what is wrong with the question.
pub fn explain(config: &Config, snapshot: &Snapshot, question: &Question) -> Result<String, String> {
    let listener = find_listener(snapshot, question)?;
    if !question.url.contains("://") && !question.url.starts_with(['/', '*']) {
        return Err(format!(
            "`{0}` is no URL: write `http://{0}`, or a path that begins with `/`",
            question.url
        ));
    }
    if let Some(field) = question.fields.iter().find(|field| !field.contains(':')) {
        return Err(format!("`{field}` is no field: write `Name: value`"));
    }
    let mut exchange = Exchange::new(PeerAddr(question.peer));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "listener    {} ({})",
        snapshot.listeners[listener], config.listeners[listener].address
    );
    if !tcp::tell_header(&mut out, snapshot, listener, question.peer.ip().to_canonical()) {
        return Ok(out);
    }
    tls::tell_protocols(&mut out, snapshot, listener, question);
    if let Some(tcp) = &snapshot.doors[listener].tcp {
        tcp::tell_tcp(&mut out, config, snapshot, tcp, question);
        return Ok(out);
    }
    if snapshot.tls[listener].is_some() {
        exchange.scheme = "https";
    }
    let prepared = read(question, snapshot, &mut exchange)
        .and_then(|()| prepare(&mut exchange, snapshot, |id| id.extend_from_slice(b"explain")));
    if let Err(fault) = prepared {
        let _ = writeln!(out, "answer      {} {}: {}", fault.status(), fault.code(), fault.detail());
        return Ok(out);
    }
    let _ = writeln!(out, "client      {}{}", exchange.client.0, trusted(&exchange));
    let _ = writeln!(out, "host        {}", or_none(&exchange.host));
    let _ = writeln!(out, "path        {}", exchange.path());
    let table = &tables(snapshot)?[listener];
    let mut params = Params::default();
    let view = exchange.view();
    let outcome = table.find(&view, &mut params);
    let found = match outcome {
        Outcome::Found(index) => Some(index),
        _ => None,
    };
    // Before policies change the request.
    let mut others = String::new();
    tell_others(&mut others, snapshot, listener, &view, found);
    match outcome {
        Outcome::Found(index) => {
            exchange.params = params;
            tell_route(&mut out, config, snapshot, index, &mut exchange);
        }
        Outcome::MethodNotAllowed(allowed) => {
            let mut methods = Vec::new();
            table.write_allowed(allowed, &mut methods);
            let _ = writeln!(
                out,
                "answer      405 method_not_allowed, Allow: {}",
                String::from_utf8_lossy(&methods)
            );
        }
        Outcome::NotFound => {
            let _ = writeln!(out, "answer      404 no_route");
        }
    }
    out.push_str(&others);
    Ok(out)
}

fn find_listener(snapshot: &Snapshot, question: &Question) -> Result<usize, String> {
    let Some(name) = &question.listener else { return Ok(0) };
    snapshot
        .listeners
        .iter()
        .position(|one| **one == **name)
        .ok_or_else(|| format!("there is no listener `{name}`; there are: {}", snapshot.listeners.join(", ")))
}

/// Writes the question as a request head and has the edge's parser read it, so that it is refused as it would be.
fn read(question: &Question, snapshot: &Snapshot, exchange: &mut Exchange) -> Result<(), Fault> {
    let (target, authority) = match question.url.split_once("://") {
        Some((_, rest)) => {
            let slash = rest.find(['/', '?']).unwrap_or(rest.len());
            let path = &rest[slash..];
            let target = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            (target, rest[..slash].to_owned())
        }
        None => (question.url.clone(), "localhost".to_owned()),
    };
    let mut head = format!("{} {target} HTTP/1.1\r\n", question.method);
    let names_host = question.fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:"));
    if !names_host {
        let _ = write!(head, "Host: {authority}\r\n");
    }
    for field in &question.fields {
        let _ = write!(head, "{field}\r\n");
    }
    head.push_str("\r\n");
    let mut scan = HeadScan::default();
    match parse::request(&mut scan, head.as_bytes(), &snapshot.limits.head, &mut exchange.request)? {
        Some(_) => Ok(()),
        None => Err(Fault::Refused(crate::http::refusal::Refusal::BadField)),
    }
}

fn tell_route(
    out: &mut String,
    config: &Config,
    snapshot: &Snapshot,
    index: RouteIndex,
    exchange: &mut Exchange,
) {
    let plan = &snapshot.routes[index.0 as usize];
    let written = &config.routes[index.0 as usize];
    let _ = writeln!(out, "route       {} (routes[{}])", plan.name, index.0);
    for name in plan.matches.names() {
        let value = exchange.params.named(name, plan.matches.names(), exchange.path()).unwrap_or_default();
        let _ = writeln!(out, "  captured  {name} = {value}");
    }
    let policies = written.policies.over(&config.defaults.policies).settings();
    if policies.is_empty() {
        let _ = writeln!(out, "policies    none");
    }
    for (place, (key, settings)) in policies.iter().enumerate() {
        let label = if place == 0 { "policies" } else { "" };
        let _ = writeln!(out, "{label:<12}{}. {key} {settings}", place + 1);
    }
    if let Some((key, reply)) = refusal(plan, exchange) {
        let fault = reply.fault;
        let _ =
            writeln!(out, "answer      {} {}, by {key}: {}", fault.status(), fault.code(), fault.detail());
        return;
    }
    match &plan.action {
        Action::Forward { cluster, rewrite, .. } => {
            if !tell_upgrade(out, snapshot, plan, exchange) {
                return;
            }
            if let Some(rewrite) = rewrite {
                let mut path = Vec::new();
                rewrite.apply(exchange.path(), &exchange.params, &mut path);
                let _ = writeln!(out, "rewrite     {}", String::from_utf8_lossy(&path));
            }
            tell_cluster(out, config, snapshot, *cluster, hash(&snapshot.clusters[*cluster], exchange));
        }
        Action::Redirect(plan) => {
            let to = written.redirect.as_ref().map_or("", |redirect| &redirect.to);
            let _ = writeln!(out, "answer      {} to {to}", plan.status());
        }
        Action::Respond { status, body, .. } => {
            let _ = writeln!(out, "answer      {status} with {} bytes", body.len());
        }
    }
}

/// Tells which of the offered protocols goes upstream. False if none does and the request is refused for it.
fn tell_upgrade(out: &mut String, snapshot: &Snapshot, plan: &RoutePlan, exchange: &mut Exchange) -> bool {
    if exchange.upgrade.is_empty() {
        return true;
    }
    match upgrade::settle(exchange, &plan.upgrades) {
        Err(Reply { fault, .. }) => {
            let _ = writeln!(out, "answer      {} {}: {}", fault.status(), fault.code(), fault.detail());
            return false;
        }
        Ok(()) if exchange.upgrade.is_empty() => {
            let _ = writeln!(out, "upgrade     none: what is offered is not among the route's upgrades");
        }
        Ok(()) => {
            let protocol = String::from_utf8_lossy(&exchange.upgrade);
            let idle = snapshot.limits.tunnel_idle_timeout;
            let _ = writeln!(out, "upgrade     {protocol}, closed after {idle:?} without a byte");
        }
    }
    true
}

/// Runs the route's policies on the question, as a worker would. Those that refuse do so without waiting for anything;
/// one that has to wait (for a network) is taken to admit.
fn refusal(plan: &RoutePlan, exchange: &mut Exchange) -> Option<(&'static str, Reply)> {
    let registry = Registry::new(1);
    let chain = Chain::start(&plan.policies, |key| registry.policy(&plan.name, key, 0));
    let passage = pin!(chain.on_request(exchange));
    match passage.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Passage { passed, reply: Some(reply) }) => Some((plan.policies[passed - 1].key(), reply)),
        _ => None,
    }
}

fn tell_cluster(out: &mut String, config: &Config, snapshot: &Snapshot, index: usize, hash: Option<u64>) {
    let plan = &snapshot.clusters[index];
    let _ = writeln!(out, "cluster     {}", plan.name);
    let written = config.clusters.get(&*plan.name);
    if let Some(cluster) = written.filter(|_| plan.http2.is_some()) {
        let _ = writeln!(out, "  protocol  {}", told(cluster.protocol));
    }
    let balance = written.map(|cluster| &cluster.balance);
    let balance = serde_json::to_string(&balance).unwrap_or_default();
    let _ = writeln!(out, "  balance   {}", balance.trim_matches('"'));
    let (_, live) = plan.live.load();
    if let Some(discover) = written.and_then(|cluster| cluster.discover.as_ref()) {
        let until = if live.endpoints.is_empty() { "nothing" } else { "what is written" };
        let _ = writeln!(out, "  endpoints discovered by {}; {until} until it answers", discover.source());
    }
    let total: u32 = live.chosen().iter().map(|endpoint| endpoint.weight).sum();
    for endpoint in live.chosen() {
        let share = f64::from(endpoint.weight) * 100.0 / f64::from(total.max(1));
        let _ = writeln!(out, "  endpoint  {} ({}), {share:.1} % of requests", endpoint.label, endpoint.addr);
    }
    tell_choice(out, &live, hash);
    if let Some(version) = plan.proxy_header {
        let _ =
            writeln!(out, "  proxy     begins with a PROXY header, {version:?}; one exchange a connection");
    }
    let timeouts = plan.timeouts;
    let total = timeouts.total.map_or("none".to_owned(), |total| format!("{total:?}"));
    let _ = writeln!(
        out,
        "  timeouts  connect {:?}, head {:?}, idle {:?}, total {total}",
        timeouts.connect, timeouts.head, timeouts.idle
    );
}

fn told(protocol: ProtocolConfig) -> &'static str {
    match protocol {
        ProtocolConfig::Http1 => "HTTP/1.1",
        ProtocolConfig::H2 => "HTTP/2",
        ProtocolConfig::Auto => "HTTP/2 or HTTP/1.1, as the TLS handshake tells",
    }
}

/// A hash decides the same way everywhere; the others depend on what went before.
fn tell_choice(out: &mut String, live: &EndpointSet, hash: Option<u64>) {
    let Some(hash) = hash else { return };
    let pick = Pick { hash: Some(hash), in_flight: &|_| 0, is_excluded: &|_| false };
    if let Some(index) = Balancer::start(live.balance.clone(), 0, 1, 1).pick(&pick) {
        let _ =
            writeln!(out, "  chosen    {} (by hash; the same on every worker)", live.endpoints[index].label);
    }
}

fn tell_others(
    out: &mut String,
    snapshot: &Snapshot,
    listener: usize,
    view: &RequestView<'_>,
    found: Option<RouteIndex>,
) {
    let served: Vec<_> = snapshot.served[listener]
        .iter()
        .map(|&index| (RouteIndex(index), &snapshot.routes[index as usize].matches))
        .collect();
    let mut is_first = true;
    for candidate in reference::explain(&served, view) {
        if Some(candidate.route) == found {
            continue;
        }
        let why = match candidate.verdict {
            Verdict::Matched => "matches too, but is less specific".to_owned(),
            Verdict::Rejected(reason) => reason,
        };
        let label = if is_first { "not" } else { "" };
        let _ = writeln!(out, "{label:<12}{}: {why}", snapshot.routes[candidate.route.0 as usize].name);
        is_first = false;
    }
}

fn trusted(exchange: &Exchange) -> &'static str {
    if exchange.peer_is_trusted { " (the peer is a trusted proxy)" } else { "" }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}
