//! What a request would meet: listener, route, policies, cluster, and why not others.
//!
//! Runs the same code as a worker (preparing, routing, balancing plans) on a snapshot that nobody serves. Sends
//! nothing. The answer is text for people; the order is that of the decisions.

mod care;
pub mod decide;
mod health;
pub mod identity;
mod room;
mod shadow;
mod spread;
mod tcp;
mod tls;
pub mod variant;

use std::fmt::Write;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::control::config::Config;
use crate::control::explain::decide::{Decider, Ending};
use crate::control::explain::identity::Asker;
use crate::net::addr::PeerAddr;
use crate::policy::exchange::Exchange;
use crate::policy::reply::Fault;
use crate::proxy::answer::hash;
use crate::proxy::snapshot::Snapshot;
use crate::route::reference::{self, Verdict};
use crate::route::table::{RequestView, RouteIndex};
use crate::upstream::config::ProtocolConfig;

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
    /// Who is asking. Of nobody whom it is known, the route's authenticators are asked.
    pub asker: Asker,
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
    let decider = Decider::new(snapshot)?;
    if let Err(fault) = decider.read(head(question).as_bytes(), &mut exchange) {
        tell_refusal(&mut out, fault, None);
        return Ok(out);
    }
    exchange.principals.extend(question.asker.principal().map(Rc::new));
    let _ = writeln!(out, "client      {}{}", exchange.client.0, trusted(&exchange));
    let _ = writeln!(out, "host        {}", or_none(&exchange.host));
    let _ = writeln!(out, "path        {}", exchange.path());
    let outcome = decider.route(listener, &mut exchange);
    // Before policies change the request.
    let mut others = String::new();
    tell_others(&mut others, snapshot, listener, &exchange.view(), outcome.as_ref().ok().copied());
    match outcome {
        Ok(index) => tell_route(&mut out, config, &decider, index, &mut exchange),
        Err(reply) => {
            let fields = reply.fields.iter().map(|(name, value)| format!(", {name}: {value}"));
            let (status, code) = (reply.fault.status(), reply.fault.code());
            let _ = writeln!(out, "answer      {status} {code}{}", fields.collect::<String>());
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

/// The question as a request head.
fn head(question: &Question) -> String {
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
    head
}

fn tell_refusal(out: &mut String, fault: Fault, by: Option<&str>) {
    let by = by.map_or_else(String::new, |key| format!(", by {key}"));
    let _ = writeln!(out, "answer      {} {}{by}: {}", fault.status(), fault.code(), fault.detail());
}

fn tell_route(
    out: &mut String,
    config: &Config,
    decider: &Decider<'_>,
    index: RouteIndex,
    exchange: &mut Exchange,
) {
    let snapshot = decider.snapshot;
    let plan = &snapshot.routes[index.0 as usize];
    let written = &config.routes[index.0 as usize];
    let _ = writeln!(out, "route       {} (routes[{}])", plan.name, index.0);
    for name in plan.matches.names() {
        let value = exchange.params.named(name, plan.matches.names(), exchange.path()).unwrap_or_default();
        let _ = writeln!(out, "  captured  {name} = {value}");
    }
    let policies = config.policies_of(written).settings();
    if policies.is_empty() {
        let _ = writeln!(out, "policies    none");
    }
    for (place, (key, settings)) in policies.iter().enumerate() {
        let label = if place == 0 { "policies" } else { "" };
        let _ = writeln!(out, "{label:<12}{}. {key} {settings}", place + 1);
    }
    health::tell_route(out, written);
    let makes_an_offer = !exchange.upgrade.is_empty();
    let ending = decider.act(index, exchange);
    identity::tell(out, plan, exchange);
    room::tell_class(out, plan, exchange);
    match ending {
        Ending::Refused { reply, by } => tell_refusal(out, reply.fault, by),
        Ending::Forward { cluster, path } => {
            if makes_an_offer {
                tell_upgrade(out, snapshot, exchange);
            }
            if let Some(path) = path {
                let _ = writeln!(out, "rewrite     {}", String::from_utf8_lossy(&path));
            }
            if let Some(split) = plan.action.split() {
                variant::tell(out, split, exchange);
            }
            tell_cluster(out, config, snapshot, cluster, hash(&snapshot.clusters[cluster], exchange));
            care::tell(out, snapshot, plan, exchange);
            shadow::tell(out, snapshot, plan, exchange);
        }
        Ending::Redirect { status, .. } => {
            let to = written.redirect.as_ref().map_or("", |redirect| &redirect.to);
            let _ = writeln!(out, "answer      {status} to {to}");
        }
        Ending::Respond { status, body_bytes } => {
            let _ = writeln!(out, "answer      {status} with {body_bytes} bytes");
        }
        Ending::Raw => {}
    }
}

/// Tells which of the offered protocols goes upstream.
fn tell_upgrade(out: &mut String, snapshot: &Snapshot, exchange: &Exchange) {
    if exchange.upgrade.is_empty() {
        let _ = writeln!(out, "upgrade     none: what is offered is not among the route's upgrades");
        return;
    }
    let protocol = String::from_utf8_lossy(&exchange.upgrade);
    let idle = snapshot.limits.tunnel_idle_timeout;
    let _ = writeln!(out, "upgrade     {protocol}, closed after {idle:?} without a byte");
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
    spread::tell(out, plan, &live, hash);
    if let Some(cluster) = written {
        health::tell_cluster(out, cluster);
    }
    if let Some(version) = plan.proxy_header {
        let _ =
            writeln!(out, "  proxy     begins with a PROXY header, {version:?}; one exchange a connection");
    }
    written.into_iter().for_each(|cluster| room::tell_limits(out, cluster));
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
