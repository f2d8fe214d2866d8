//! The answer's side of an exchange: the response head, and the way back.
//!
//! Owns the upstream connection from the sent request on. Which attempts are made is decided in [`super::attempts`].

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::http::cookie;
use crate::http::h1::body::BodyCursor;
use crate::http::h1::chunked::Emit;
use crate::http::h1::framing::{self, Framing};
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::head::Version;
use crate::http::refusal::Breach;
use crate::net::stream::Stream;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault};
use crate::proxy::care::Care;
use crate::proxy::hedged::is_brief;
use crate::proxy::installed::{Pins, RunningRoute};
use crate::proxy::local::Local;
use crate::proxy::miss::Miss;
use crate::proxy::opener::{Aim, Limit};
use crate::proxy::record::Tally;
use crate::proxy::relay::{Framings, Way, write};
use crate::proxy::response_head::{self, Wire};
use crate::proxy::snapshot::Limits;
use crate::proxy::upgrade::{self, Switched};
use crate::proxy::upload::Duplex;
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::shared::probe::Probe;
use crate::upstream::admission::Permit;
use crate::upstream::balance::{hash_address, hash_key};
use crate::upstream::cluster::{Chosen, Cluster, ClusterPlan};
use crate::upstream::config::HashKeyConfig;
use crate::upstream::endpoint::Connection;
use crate::upstream::h2::lane::Fate;
use crate::upstream::verdict::Outcome;

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
    /// Whoever could, in the snapshot's order.
    pub clusters: &'a [Rc<Cluster>],
    /// What is done about failures.
    pub care: &'a Care<'a>,
    /// How the request is addressed.
    pub aim: &'a Aim<'a>,
    /// Until when everything must be over.
    pub limit: Option<Limit>,
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
    /// Of the current attempt, until its answer is read.
    pub connection: Option<Connection>,
    /// Counts as in flight until the origin has given all.
    pub chosen: Cell<Option<Chosen>>,
    /// The room that the exchange takes at the cluster, until then too.
    pub permit: Cell<Option<Permit>>,
    /// The try of the cluster's breaker that this exchange is, if it is one.
    pub trial: Cell<Option<Probe>>,
    /// How long the current attempt is waited for before a second endpoint is asked, if one may be.
    pub hedging: Cell<Option<Duration>>,
    /// Where the origin has switched protocols, as it was asked to.
    pub switched: Option<Box<Switched>>,
}

impl Answer<'_> {
    /// Reads the head from the attempt's connection, of which `first` may be the beginning, and carries the answer, unless
    /// it is better asked for again.
    pub(super) async fn respond(&mut self, first: Option<Buffer>) -> Result<bool, Miss> {
        let Some(mut connection) = self.connection.take() else {
            return Err(Miss::Unanswered { fate: Fate::Untouched, is_reused: false });
        };
        let mut input = self.read_head(&mut connection, first).await?;
        let now_nanos = clock::nanos();
        let since = now_nanos.saturating_sub(self.tally.upstream.sent_nanos.get());
        self.tally.upstream.head_nanos.set(since.max(1));
        let status = self.exchange.response.status;
        let grpc_status = if connection.is_stream() { connection.grpc_status() } else { None };
        let is_failed = is_failure(status, grpc_status);
        self.settle(if is_failed { Outcome::Failure } else { Outcome::Success }, since.max(1));
        if status == 101 {
            self.pass_trial(is_failed, since);
            return self.switch(connection, input).await.map_err(Miss::Final);
        }
        let status = as_http(status, grpc_status);
        if status >= 400
            && let Some(miss) = self.unwanted(status)
        {
            self.put_away(connection, &mut input, now_nanos);
            return Err(miss);
        }
        self.pass_trial(is_failed, since);
        self.relay(connection, input, now_nanos).await.map_err(Miss::Final)
    }

    /// Says how cluster and route are, where that is what this exchange is for: with its head, for a body may take for ever.
    fn pass_trial(&self, is_failed: bool, nanos: u64) {
        if let Some(trial) = self.trial.take() {
            trial.settle(!is_failed && nanos <= self.cluster.plan.slow_nanos);
        }
        if let Some((trial, slow_nanos)) = self.tally.trial.take() {
            trial.settle(!is_failed && nanos <= slow_nanos);
        }
    }

    /// How the current attempt ended, for whoever judges the endpoint.
    pub(super) fn settle(&self, outcome: Outcome, nanos: u64) {
        if let Some(chosen) = self.chosen.take() {
            chosen.settle(outcome, nanos);
            self.cluster.note(outcome == Outcome::Success, nanos);
            self.chosen.set(Some(chosen));
        }
    }

    /// Keeps the connection of an answer that nobody wants, if all of that answer is here already.
    fn put_away(&self, connection: Connection, input: &mut Buffer, now_nanos: u64) {
        let response = &self.exchange.response;
        let Ok(framing) = framing::response(response, self.exchange.request.method) else { return };
        let mut cursor = BodyCursor::new(framing, Emit::Data);
        let portion = if cursor.is_done() { None } else { cursor.advance(input.filled_mut()).ok() };
        let is_all = input.len() == portion.map_or(0, |portion| portion.consumed);
        if cursor.is_done() && is_all && framing::persists(response.version, &response.fields) {
            let buffer = self.local.pool.lease_behind(Size::Standard, HEADROOM);
            connection.release(buffer, now_nanos / 1_000_000);
        }
    }

    async fn read_head(
        &mut self,
        connection: &mut Connection,
        first: Option<Buffer>,
    ) -> Result<Buffer, Miss> {
        let limits = HeadLimits {
            head_bytes: self.cluster.plan.head_bytes,
            target_bytes: 0,
            field_count: RESPONSE_FIELDS_MAX,
        };
        let mut scan = HeadScan::default();
        let mut interim_count = 0;
        let mut input = match first {
            Some(first) => first,
            None => match self.hedging.get() {
                // Boxed for the sake of all exchanges that need neither.
                Some(wait) if is_brief(wait) => Box::pin(self.read_within(connection, wait)).await?,
                waits => match self.read_more(connection, None, false).await {
                    Err(Miss::Late(Code::UpstreamHeadTimeout)) if waits.is_some() => {
                        Box::pin(self.read_beside(connection)).await?
                    }
                    outcome => outcome?,
                },
            },
        };
        loop {
            let parsed = parse::response(&mut scan, input.filled(), &limits, &mut self.exchange.response);
            match parsed.map_err(Miss::Broken)? {
                Some(used) => {
                    input.consume(used);
                    if !self.exchange.response.is_interim() || self.exchange.response.status == 101 {
                        return Ok(input);
                    }
                    interim_count += 1;
                    self.pass_interim(interim_count).await.map_err(Miss::Final)?;
                    scan.reset();
                }
                None => {
                    self.wait_on();
                    input = self.read_more(connection, Some(input), interim_count > 0).await?;
                }
            }
        }
    }

    /// Reads once, until the answer is late. What is being read then is had by whoever asks next.
    pub(super) async fn read_more(
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
            return Err(Miss::Broken(Breach::HeadTooLarge));
        }
        let fresh = || self.local.pool.lease_behind(Size::Standard, HEADROOM);
        let read = self.answering.watch(pin!(connection.read(|| input.unwrap_or_else(fresh)))).await;
        let (outcome, input) = read.map_err(|_| {
            let is_stuck = self.duplex.is_stuck.get();
            Miss::Late(if is_stuck { Code::UpstreamIdleTimeout } else { Code::UpstreamHeadTimeout })
        })?;
        match outcome {
            Ok(count) if count > 0 => {
                self.local.metrics.bytes_upstream_read.add(count as u64);
                Ok(input)
            }
            _ if is_first => {
                Err(Miss::Unanswered { fate: connection.fate(), is_reused: connection.is_reused })
            }
            _ => Err(Miss::Broken(Breach::TruncatedHead)),
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
        // Whoever has spoken is waited for alone.
        self.hedging.set(None);
        // The answer is not late while the request is still on its way.
        if self.duplex.is_uploaded.get() {
            self.answering.arm(self.head_timeout());
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
        give_cookie(self.exchange);
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
            permit: &self.permit,
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

/// True if the status of an answer tells of a failure of the service. Over gRPC that is: deadline exceeded, internal,
/// unavailable.
pub fn is_failure(status: u16, grpc_status: Option<u16>) -> bool {
    status >= 500 || matches!(grpc_status, Some(4 | 13 | 14))
}

/// Gives the client the cookie that keeps it with its variant.
pub fn give_cookie(exchange: &mut Exchange) {
    if !exchange.set_cookie.is_empty() {
        exchange.response.fields.append(b"Set-Cookie", &exchange.set_cookie);
    }
}

/// The status of an answer, for a gRPC call whose head says already how it ended that of HTTP which says the same.
fn as_http(status: u16, grpc_status: Option<u16>) -> u16 {
    match grpc_status {
        Some(14) => 503,
        Some(4) => 504,
        _ => status,
    }
}
