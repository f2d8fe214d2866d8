//! What a connection would meet before, or instead of, HTTP.

use std::fmt::Write;
use std::net::IpAddr;

use super::{Question, tell_cluster};
use crate::control::config::Config;
use crate::proxy::l4::plan::{Expectation, TcpPlan};
use crate::proxy::snapshot::Snapshot;
use crate::upstream::balance::hash_address;

/// What the listener makes of a PROXY header. False if it closes the connection.
pub(super) fn tell_header(out: &mut String, snapshot: &Snapshot, listener: usize, peer: IpAddr) -> bool {
    let Some(header) = &snapshot.doors[listener].header else { return true };
    let (said, goes_on) = match header.expects_of(peer) {
        Expectation::Header => ("required from this peer; the client is whom it names, here the peer", true),
        Expectation::Plain => ("not expected from this peer, who is the client", true),
        Expectation::Refused => ("this peer may not send one, and nobody else is admitted: closed", false),
    };
    let _ = writeln!(out, "proxy       {said}");
    goes_on
}

/// Where a TCP listener would take a client that asks for the name in the question's URL.
pub(super) fn tell_tcp(
    out: &mut String,
    config: &Config,
    snapshot: &Snapshot,
    tcp: &TcpPlan,
    question: &Question,
) {
    let _ = writeln!(out, "protocol    raw TCP, idle for {:?} at most", tcp.idle_timeout);
    let name = server_name(&question.url);
    if tcp.goes_by_name() {
        let _ = writeln!(out, "name        {}", name.as_deref().unwrap_or("(none)"));
    }
    let Some(cluster) = tcp.cluster_for(name.as_deref()) else {
        let _ = writeln!(out, "answer      closed: no_cluster");
        return;
    };
    let plan = &snapshot.clusters[cluster];
    let hash = plan.hash_key.as_ref().map(|_| hash_address(question.peer.ip().to_canonical()));
    tell_cluster(out, config, snapshot, cluster, hash);
}

/// The host of a URL, without port. An address is no name that a client would ask for.
pub(super) fn server_name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    (!host.is_empty() && host.parse::<IpAddr>().is_err() && !host.starts_with('[')).then_some(host)
}
