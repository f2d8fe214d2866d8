//! One connection of a TCP listener: which cluster, an endpoint that takes it, and then bytes.
//!
//! Until an endpoint has taken the connection nothing has been sent, so another one is tried whatever the protocol.
//! A connection that cannot be carried, or is cut, is reset: a plain close would look like an end that was meant.

use std::net::SocketAddr;
use std::rc::Rc;

use smallvec::SmallVec;

use crate::net::addr::{Caller, PeerAddr};
use crate::net::proxy_header::{ENCODED_BYTES_MAX, Proxied, encode};
use crate::net::stream::Stream;
use crate::proxy::entering::in_turn;
use crate::proxy::installed::Installed;
use crate::proxy::l4::ending::{Course, Open, TunnelFault, record};
use crate::proxy::l4::hello::read_hello;
use crate::proxy::l4::plan::TcpPlan;
use crate::proxy::l4::stream_relay::{Ends, relay};
use crate::proxy::local::{Local, Stage};
use crate::rt::buffer::Buffer;
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::telemetry::metrics::TunnelMetrics;
use crate::telemetry::shed::ShedReason;
use crate::upstream::balance::hash_address;
use crate::upstream::cluster::{Ask, Chosen, Cluster, Unchosen};
use crate::upstream::endpoint::{ConnectError, Connection, Endpoint, Opening};
use crate::upstream::entry::{Class, Entry, Refused};
use crate::upstream::verdict::Outcome;

/// Endpoints that are tried before the client is given up.
const ATTEMPTS_MAX: u32 = 3;

/// A connection under way.
struct Tunnel<'a> {
    local: &'a Rc<Local>,
    installed: &'a Installed,
    plan: &'a TcpPlan,
    stream: Rc<Stream>,
    caller: Caller,
    course: Course,
    /// For whatever is waited for before bytes flow.
    deadline: Deadline,
}

/// Carries a connection until it is over.
pub async fn carry(
    local: &Rc<Local>,
    installed: &Installed,
    stream: Stream,
    caller: Caller,
    listener: usize,
) {
    let Some(plan) = &installed.snapshot.doors[listener].tcp else { return };
    let tunnel = Tunnel {
        local,
        installed,
        plan,
        stream: Rc::new(stream),
        caller,
        course: Course { began_nanos: clock::nanos(), ..Course::default() },
        deadline: Deadline::new(&local.deadlines),
    };
    let fault = tunnel.run(listener).await.err();
    record(&tunnel.course, fault, &tunnel.caller, installed, local, listener);
}

impl Tunnel<'_> {
    async fn run(&self, listener: usize) -> Result<(), TunnelFault> {
        let found = self.find_cluster().await;
        let cluster = found.as_ref().ok().and_then(|(cluster, _)| *cluster);
        self.course.cluster.set(cluster);
        let metrics = self.installed.doors[listener].tunnel(cluster);
        let open = Open::new(metrics, self.course.began_nanos);
        let outcome = match found {
            Ok((Some(cluster), opening)) => {
                self.connect_and_relay(&self.installed.clusters[cluster], opening, metrics).await
            }
            Ok((None, _)) => Err(TunnelFault::NoCluster),
            Err(fault) => Err(fault),
        };
        if outcome.is_err() {
            self.stream.reset_on_close();
        }
        open.end(outcome.err());
        outcome
    }

    /// The cluster, if there is one for this client, and what has been read to find it.
    async fn find_cluster(&self) -> Result<(Option<usize>, Option<Buffer>), TunnelFault> {
        if !self.plan.goes_by_name() {
            return Ok((self.plan.default, None));
        }
        let place = self.local.enlist(self.deadline.trigger(), Stage::Beginning);
        self.deadline.arm(self.installed.snapshot.limits.head_timeout);
        let opening = read_hello(self.local, &self.stream, &self.deadline).await;
        self.local.delist(place);
        let opening = opening?;
        let cluster = self.plan.cluster_for(opening.server_name.as_deref());
        self.course.server_name.replace(opening.server_name);
        Ok((cluster, Some(opening.bytes)))
    }

    async fn connect_and_relay(
        &self,
        cluster: &Rc<Cluster>,
        opening: Option<Buffer>,
        metrics: &TunnelMetrics,
    ) -> Result<(), TunnelFault> {
        // Kept for as long as the connection lasts.
        let entry = self.enter(cluster).await?;
        let began_nanos = clock::nanos();
        let connected = self.connect(cluster).await;
        cluster.note(connected.is_ok(), clock::nanos() - began_nanos);
        if let Some(trial) = entry.take_probe() {
            trial.settle(connected.is_ok());
        }
        let (connection, chosen) = connected?;
        let ends = Ends {
            local: self.local,
            downstream: &self.stream,
            upstream: &connection.stream,
            idle_timeout: self.plan.idle_timeout,
            is_expired: &self.installed.pins.is_expired,
            course: &self.course,
            metrics,
        };
        let outcome = relay(&ends, opening).await;
        if let Err(fault) = outcome {
            if fault != TunnelFault::ClientGone {
                chosen.endpoint().metrics.failures.add(1);
            }
            connection.stream.reset_on_close();
        }
        outcome
    }

    /// Room at the cluster, if its breaker has nothing against anybody.
    async fn enter(&self, cluster: &Rc<Cluster>) -> Result<Entry, TunnelFault> {
        let entered = match cluster.enter(Class::NORMAL) {
            Err(refused) => in_turn(cluster, Class::NORMAL, refused, self.local).await,
            entered => entered,
        };
        entered.map_err(|refused| match refused {
            Refused::Breaker { .. } => TunnelFault::CircuitOpen,
            Refused::Full(reason) => no_room(reason),
        })
    }

    async fn connect(&self, cluster: &Rc<Cluster>) -> Result<(Connection, Chosen), TunnelFault> {
        // Whatever the key is: there is nothing but the address.
        let hash = cluster.plan.hash_key.as_ref().map(|_| hash_address(self.caller.peer.ip()));
        let mut excluded: SmallVec<[Rc<Endpoint>; ATTEMPTS_MAX as usize]> = SmallVec::new();
        let mut last_fault = TunnelFault::NoEndpoint;
        let preface = self.preface(cluster);
        while excluded.len() < ATTEMPTS_MAX as usize {
            let chosen = match cluster.choose(&Ask { hash, excluded: &excluded }) {
                Ok(chosen) => chosen,
                Err(Unchosen::Full) if excluded.is_empty() => {
                    self.local.metrics.shed.count(Class::NORMAL.slot(), ShedReason::EndpointsFull);
                    return Err(TunnelFault::EndpointsFull);
                }
                Err(_) => break,
            };
            let course = &self.course;
            course.attempts.set(course.attempts.get() + 1);
            let endpoint = chosen.endpoint().clone();
            course.endpoint.replace(Some(endpoint.clone()));
            endpoint.metrics.attempts.add(1);
            let began_nanos = clock::nanos();
            let buffers = &self.local.pool;
            let way = Opening { preface: preface.as_deref(), buffers, needs_http1: true };
            let opened = endpoint.open_own(&self.deadline, cluster.plan.timeouts.connect, way).await;
            let nanos = clock::nanos() - began_nanos;
            course.connect_nanos.set(nanos);
            // What an endpoint makes of the connection is between it and the client.
            match opened {
                Ok(connection) => {
                    chosen.settle(Outcome::Success, nanos);
                    return Ok((connection, chosen));
                }
                Err(error) => {
                    chosen.settle(error.outcome(), nanos);
                    last_fault = fault(&error);
                }
            }
            endpoint.metrics.failures.add(1);
            excluded.push(endpoint);
        }
        Err(last_fault)
    }

    /// The PROXY header, if the cluster wants one.
    fn preface(&self, cluster: &Cluster) -> Option<SmallVec<[u8; ENCODED_BYTES_MAX]>> {
        let version = cluster.plan.proxy_header?;
        let PeerAddr(source) = self.caller.peer;
        let destination = self.caller.destination.unwrap_or_else(|| self.stream.local_addr());
        Some(encode(version, &Proxied { source, destination }))
    }
}

fn no_room(reason: ShedReason) -> TunnelFault {
    match reason {
        ShedReason::Overloaded | ShedReason::ClusterFull => TunnelFault::ClusterFull,
        ShedReason::ClusterSlow => TunnelFault::ClusterSlow,
        ShedReason::PendingFull => TunnelFault::PendingFull,
        ShedReason::PendingTimeout => TunnelFault::PendingTimeout,
        ShedReason::EndpointsFull => TunnelFault::EndpointsFull,
    }
}

fn fault(error: &ConnectError) -> TunnelFault {
    match error {
        ConnectError::Refused(_) => TunnelFault::ConnectRefused,
        ConnectError::Tls(_) => TunnelFault::UpstreamTls,
        ConnectError::TimedOut => TunnelFault::ConnectTimeout,
        ConnectError::Exhausted => TunnelFault::Exhausted,
    }
}

/// Who a PROXY header of an exchange speaks for: the client, with its port where it is the peer itself.
pub fn speaks_for(peer: PeerAddr, client: std::net::IpAddr) -> SocketAddr {
    SocketAddr::new(client, if client == peer.ip() { peer.0.port() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::l4::ending::TUNNEL_FAULTS;

    #[test]
    fn the_log_and_what_is_counted_have_the_same_words() {
        for reason in ShedReason::ALL.into_iter().filter(|reason| *reason != ShedReason::Overloaded) {
            assert_eq!(TUNNEL_FAULTS[no_room(reason) as usize], reason.label());
        }
    }
}
