//! The answer's side of an exchange: attempts, the response head, the way back.
//!
//! Owns the upstream connection. An endpoint that does not take the connection is left for another; a reused connection
//! that turns out closed is replaced where the request can be repeated.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use crate::http::cookie;
use crate::http::h1::framing::{self, Framing};
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::head::Version;
use crate::http::refusal::Breach;
use crate::net::proxy_header::{Proxied, encode};
use crate::net::stream::Stream;
use crate::net::tls::fault::HandshakeFault;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault};
use crate::proxy::installed::{Pins, RunningRoute};
use crate::proxy::l4::tunnel::speaks_for;
use crate::proxy::local::Local;
use crate::proxy::record::Tally;
use crate::proxy::relay::{Framings, SMALL_BYTES, SOON, Way, write};
use crate::proxy::response_head::{self, Wire};
use crate::proxy::snapshot::Limits;
use crate::proxy::upgrade::{self, Switched};
use crate::proxy::upload::Duplex;
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};
use crate::rt::join::beside;
use crate::upstream::balance::{hash_address, hash_key};
use crate::upstream::cluster::{Ask, Chosen, Cluster, ClusterPlan};
use crate::upstream::config::HashKeyConfig;
use crate::upstream::endpoint::{ConnectError, Connection, Endpoint, Opening};
use crate::upstream::h2::lane::Fate;

/// Endpoints that are tried before the client is told. Only connections that were never made, or were closed
/// before an answer, are tried again.
const ATTEMPTS_MAX: u32 = 3;
/// Interim responses of one exchange. Origins send one or two; more is a way to keep a connection for nothing.
const INTERIM_MAX: u32 = 16;
/// Fields of a response.
const RESPONSE_FIELDS_MAX: usize = 500;

/// The answer's side of an exchange.
pub struct Answer<'a> {
    /// The request, and the response once it is there.
    pub exchange: &'a mut Exchange,
    /// The worker.
    pub local: &'a Local,
    /// Limits on the client's side.
    pub limits: &'a Limits,
    /// Of the generation it runs on.
    pub pins: &'a Pins,
    /// Who is to answer.
    pub cluster: &'a Rc<Cluster>,
    /// Whose policies see the response.
    pub route: &'a RunningRoute,
    /// Shared with the request's side.
    pub duplex: &'a Duplex,
    /// The client's transport.
    pub downstream: &'a Stream,
    /// Waits for the upstream to take a small request.
    pub opening: &'a Deadline,
    /// Waits for the client or the upstream while the answer is carried.
    pub sending: &'a Deadline,
    /// Waits for the response head.
    pub answering: &'a Deadline,
    /// Room for the response head.
    pub scratch: &'a mut Vec<u8>,
    /// What happened so far.
    pub tally: &'a Tally,
    /// True if the client's connection may go on.
    pub may_persist: bool,
    /// True if the request can be sent twice and is all there.
    pub is_repeatable: bool,
    /// True if the request is all there.
    pub is_whole: bool,
    /// Counts as in flight until the origin has given all.
    pub chosen: Cell<Option<Chosen>>,
    /// Where the origin has switched protocols, as it was asked to.
    pub switched: Option<Box<Switched>>,
}

/// Why an attempt gave no response head.
enum Miss {
    /// The connection was closed before a byte of an answer: perhaps before it had seen the request.
    Unanswered(Option<Buffer>, Fate),
    /// Anything else.
    Fault(Fault),
}

impl Answer<'_> {
    /// True if the client's connection can go on.
    pub async fn run(&mut self, opener: Buffer) -> Result<bool, Fault> {
        let hash = hash(&self.cluster.plan, self.exchange);
        let mut opener = opener;
        let mut excluded = Vec::new();
        let mut last_fault = Fault::from(Code::NoEndpoint);
        for _ in 0..ATTEMPTS_MAX {
            let ask = Ask { hash, excluded: &excluded };
            let Ok(chosen) = self.cluster.choose(&ask) else { break };
            self.tally.upstream.attempts.set(self.tally.upstream.attempts.get() + 1);
            let endpoint = chosen.endpoint().clone();
            self.tally.upstream.endpoint.replace(Some(endpoint.clone()));
            self.chosen.set(Some(chosen));
            endpoint.metrics.attempts.add(1);
            let connection = match self.connect(&endpoint).await {
                Ok(connection) => connection,
                Err(fault) => {
                    last_fault = fault;
                    excluded.push(endpoint);
                    continue;
                }
            };
            let is_reused = connection.is_reused;
            match self.attempt(connection, opener).await {
                Ok(persists) => return Ok(persists),
                Err(Miss::Unanswered(Some(again), fate)) if self.may_repeat(is_reused, fate) => {
                    endpoint.metrics.stale_replaced.add(1);
                    if fate == Fate::Lost {
                        // Where one was closed on its next request, the others will be too.
                        endpoint.close_idle();
                    }
                    last_fault = Code::UpstreamReset.into();
                    opener = again;
                }
                Err(miss) => {
                    endpoint.metrics.failures.add(1);
                    return Err(match miss {
                        Miss::Unanswered(..) => Code::UpstreamReset.into(),
                        Miss::Fault(fault) => fault,
                    });
                }
            }
        }
        Err(last_fault)
    }

    /// What an endpoint has not looked at may be sent again whatever it asks for, if it is all there.
    fn may_repeat(&self, is_reused: bool, fate: Fate) -> bool {
        match fate {
            Fate::Lost => is_reused && self.is_repeatable,
            Fate::Untouched => self.is_whole,
            Fate::Reset => false,
        }
    }

    async fn connect(&self, endpoint: &Rc<Endpoint>) -> Result<Connection, Fault> {
        let upstream = &self.tally.upstream;
        let needs_http1 = !self.exchange.upgrade.is_empty();
        if let Some(connection) = endpoint.reuse(self.is_repeatable, self.tally.sent_ms(), needs_http1) {
            upstream.connect_nanos.set(0);
            upstream.is_http2.set(connection.is_stream());
            return Ok(connection);
        }
        let began_nanos = clock::nanos();
        let timeout = self.cluster.plan.timeouts.connect;
        let preface = self.cluster.plan.proxy_header.map(|version| {
            let source = speaks_for(self.exchange.peer, self.exchange.client.0);
            encode(version, &Proxied { source, destination: self.downstream.local_addr() })
        });
        let way = Opening { preface: preface.as_deref(), buffers: &self.local.pool, needs_http1 };
        let opened = endpoint.open(self.answering, timeout, self.is_repeatable, way).await;
        let now_nanos = clock::nanos();
        upstream.is_http2.set(opened.as_ref().is_ok_and(Connection::is_stream));
        let is_reused = opened.as_ref().is_ok_and(|connection| connection.is_reused);
        upstream.connect_nanos.set(if is_reused { 0 } else { now_nanos - began_nanos });
        upstream.sent_nanos.set(now_nanos);
        opened.map_err(|error| {
            Fault::from(match error {
                ConnectError::Refused(_) => Code::UpstreamConnectRefused,
                ConnectError::Tls(HandshakeFault::CertificateName) => Code::UpstreamCertificateName,
                ConnectError::Tls(HandshakeFault::Certificate) => Code::UpstreamCertificateInvalid,
                ConnectError::Tls(_) => Code::UpstreamTlsFailed,
                ConnectError::TimedOut => Code::UpstreamConnectTimeout,
                ConnectError::Exhausted => Code::UpstreamConnectionsExhausted,
            })
        })
    }

    /// Writes the opener while the answer is awaited and carried: an origin may answer before it has read all of it.
    async fn attempt(&mut self, connection: Connection, opener: Buffer) -> Result<bool, Miss> {
        let upstream = connection.stream.clone();
        let len = opener.len();
        let Self { duplex, local, opening, .. } = *self;
        duplex.is_opened.set(false);
        // The answer tells soon enough that a small request has been taken.
        let is_unhurried = duplex.is_uploaded.get() && len <= SMALL_BYTES;
        let sent_ms = self.tally.sent_ms();
        let soon_ms = due_ms(sent_ms, SOON);
        let write = async {
            let mut write = pin!(upstream.write(opener, len));
            let outcome = if is_unhurried { opening.unhurried(soon_ms, write.as_mut()).await } else { None };
            let (outcome, mut opener) = match outcome {
                Some(outcome) => outcome,
                None => write.await,
            };
            local.metrics.bytes_upstream_written.add(len as u64);
            // An origin may refuse by closing its reading side and still answer: what it says counts.
            if outcome.is_ok() {
                duplex.is_opened.set(true);
                duplex.open(&upstream);
            }
            // What was not written is not consumed either.
            opener.rewind(len.saturating_sub(opener.len()));
            opener
        };
        let write = pin!(write);
        self.answering.arm_at(due_ms(sent_ms, self.cluster.plan.timeouts.head));
        match beside(write, pin!(self.respond(connection))).await {
            (opener, Err(Miss::Unanswered(_, fate))) => Err(Miss::Unanswered(opener, fate)),
            (_, outcome) => outcome,
        }
    }

    async fn respond(&mut self, mut connection: Connection) -> Result<bool, Miss> {
        let input = self.read_head(&mut connection).await?;
        let now_nanos = clock::nanos();
        let since = now_nanos.saturating_sub(self.tally.upstream.sent_nanos.get());
        self.tally.upstream.head_nanos.set(since.max(1));
        if self.exchange.response.status == 101 {
            return self.switch(connection, input).await.map_err(Miss::Fault);
        }
        self.relay(connection, input, now_nanos).await.map_err(Miss::Fault)
    }

    async fn read_head(&mut self, connection: &mut Connection) -> Result<Buffer, Miss> {
        let limits = HeadLimits {
            head_bytes: self.cluster.plan.head_bytes,
            target_bytes: 0,
            field_count: RESPONSE_FIELDS_MAX,
        };
        let mut scan = HeadScan::default();
        let mut interim_count = 0;
        let mut input = self.read_more(connection, None, false).await?;
        loop {
            let parsed = parse::response(&mut scan, input.filled(), &limits, &mut self.exchange.response);
            match parsed.map_err(|breach| Miss::Fault(breach.into()))? {
                Some(used) => {
                    input.consume(used);
                    if !self.exchange.response.is_interim() || self.exchange.response.status == 101 {
                        return Ok(input);
                    }
                    interim_count += 1;
                    self.pass_interim(interim_count).await.map_err(Miss::Fault)?;
                    scan.reset();
                }
                None => input = self.read_more(connection, Some(input), interim_count > 0).await?,
            }
        }
    }

    async fn read_more(
        &self,
        connection: &mut Connection,
        so_far: Option<Buffer>,
        has_interim: bool,
    ) -> Result<Buffer, Miss> {
        let is_first = so_far.as_ref().is_none_or(Buffer::is_empty) && !has_interim;
        let input = so_far.map(|mut input| {
            input.make_room(1);
            input
        });
        if input.as_ref().is_some_and(|input| input.spare() == 0) {
            return Err(Miss::Fault(Breach::HeadTooLarge.into()));
        }
        let fresh = || self.local.pool.lease_behind(Size::Standard, HEADROOM);
        let (outcome, input) = self
            .answering
            .watch(pin!(connection.read(|| input.unwrap_or_else(fresh))))
            .await
            .map_err(|_| Miss::Fault(Code::UpstreamHeadTimeout.into()))?;
        match outcome {
            Ok(count) if count > 0 => {
                self.local.metrics.bytes_upstream_read.add(count as u64);
                Ok(input)
            }
            _ if is_first => Err(Miss::Unanswered(None, connection.fate())),
            _ => Err(Miss::Fault(Breach::TruncatedHead.into())),
        }
    }

    /// Interim responses go on to clients that know them (RFC 9110 15.2).
    async fn pass_interim(&mut self, count: u32) -> Result<(), Fault> {
        framing::response(&self.exchange.response, self.exchange.request.method)?;
        self.exchange.response.fields.remove_hop_by_hop();
        if count > INTERIM_MAX {
            return Err(Breach::TooManyInterim.into());
        }
        if self.exchange.request.version == Version::Http10 {
            return Ok(());
        }
        self.duplex.has_spoken.set(true);
        let mut buffer = self.local.pool.lease(Size::Standard);
        response_head::write_interim(self.exchange, buffer.tail());
        let len = buffer.len();
        // Half an interim response cannot be followed by anything.
        self.duplex.has_begun.set(true);
        self.write(buffer, len).await?;
        self.duplex.has_begun.set(false);
        // The answer is not late while the request is still on its way.
        if self.duplex.is_uploaded.get() {
            self.answering.arm(self.cluster.plan.timeouts.head);
        }
        Ok(())
    }

    /// Whether the rest of the request will come and be read. What is left of it would stand in the way of the next
    /// one. An early refusal stops the client or the origin; a client that waits for 100 (Continue) and gets a
    /// final answer may or may not send its body.
    fn will_be_uploaded(&self) -> bool {
        let waits = self.duplex.uploaded_bytes.get() == 0;
        self.duplex.is_uploaded.get() || (self.exchange.response.status < 400 && !waits)
    }

    async fn write(&self, buffer: Buffer, limit: usize) -> Result<(), Fault> {
        let timeout = self.limits.write_timeout;
        write(self.downstream, buffer, limit, self.sending, timeout, &self.duplex.progress).await.map(drop)
    }

    /// The origin has switched: neither connection is HTTP any more.
    async fn switch(&mut self, connection: Connection, input: Buffer) -> Result<bool, Fault> {
        self.answering.disarm();
        upgrade::check(self.exchange)?;
        if !self.duplex.is_opened.get() {
            // It has not even seen all of the request.
            return Err(Breach::BadSwitch.into());
        }
        self.exchange.response.fields.remove_hop_by_hop();
        self.route.chain.on_response(self.route.chain.len(), self.exchange).await;
        let mut head = Vec::with_capacity(HEADROOM);
        response_head::write_switch(self.exchange, &self.exchange.upgrade, &mut head);
        self.tally.status.set(self.exchange.response.status);
        let chosen = self.chosen.take();
        let switched = Switched { connection, installed: None, chosen, head, input };
        self.switched = Some(Box::new(switched));
        Ok(false)
    }

    /// Carries the answer to the client. True if the client's connection can go on.
    async fn relay(&mut self, connection: Connection, input: Buffer, now_nanos: u64) -> Result<bool, Fault> {
        self.answering.disarm();
        let from = framing::response(&self.exchange.response, self.exchange.request.method)?;
        let keeps_upstream =
            framing::persists(self.exchange.response.version, &self.exchange.response.fields);
        self.exchange.response.fields.remove_hop_by_hop();
        if let Some(copying) = &self.duplex.copying {
            copying.head(&self.exchange.response, from);
        }
        self.route.chain.on_response(self.route.chain.len(), self.exchange).await;
        let to = match (from, self.exchange.request.version) {
            (Framing::UntilClose, Version::Http11) => Framing::Chunked,
            (Framing::Chunked, Version::Http10) => Framing::UntilClose,
            (same, _) => same,
        };
        let persists = self.may_persist
            && to != Framing::UntilClose
            && self.will_be_uploaded()
            && !self.local.is_draining.get();
        self.scratch.clear();
        let wire = Wire { framing: to, persists, is_proxied: true };
        response_head::write(self.exchange, wire, &self.local.date_at(now_nanos / 1_000_000), self.scratch);
        self.tally.status.set(self.exchange.response.status);
        let mut way = Way {
            connection: Some(connection),
            chosen: &self.chosen,
            keeps_upstream,
            downstream: self.downstream,
            pool: &self.local.pool,
            sending: self.sending,
            idle_timeout: self.cluster.plan.timeouts.idle,
            write_timeout: self.limits.write_timeout,
            // The next request, or the client's leaving, tells soon enough that the answer has been taken.
            is_unhurried: persists,
            duplex: self.duplex,
            metrics: &self.local.metrics,
            tally: self.tally,
            pins: self.pins,
        };
        let framings = Framings { upstream: from, downstream: to };
        let is_clean = way.relay(self.scratch, input, framings, now_nanos).await?;
        if !is_clean && from != Framing::UntilClose {
            self.local.metrics.count_error(Fault::from(Breach::UnsolicitedBytes).slot());
        }
        Ok(persists)
    }
}

/// What the cluster's balancer hashes, if it does. A request without the field or cookie is spread by its client's
/// address.
pub fn hash(plan: &ClusterPlan, exchange: &Exchange) -> Option<u64> {
    let fields = &exchange.request.fields;
    let value = match plan.hash_key.as_ref()? {
        HashKeyConfig::Header(name) => fields.first_named(name.as_bytes()),
        HashKeyConfig::Cookie(name) => cookie::find(fields, name.as_bytes()),
        HashKeyConfig::Address => None,
    };
    Some(value.map_or_else(|| hash_address(exchange.client.0), hash_key))
}
