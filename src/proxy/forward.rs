//! An exchange with a cluster: attempts, the response head, the way back.
//!
//! Both directions run in one task. The answer's side owns the upstream connection; the request's side
//! ([`super::upload`]) carries the body and watches the client. An endpoint that does not take the connection is
//! left for another; a reused connection that turns out closed is replaced where the request can be repeated.

use std::pin::pin;
use std::rc::Rc;

use crate::http::cookie;
use crate::http::field::FieldId;
use crate::http::h1::framing::{self, Framing};
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::head::Version;
use crate::http::refusal::Breach;
use crate::net::stream::Stream;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault};
use crate::proxy::connection::Conversation;
use crate::proxy::installed::{Installed, RunningRoute};
use crate::proxy::local::Local;
use crate::proxy::record::Tally;
use crate::proxy::relay::{Framings, Way, write};
use crate::proxy::request_head::{self, Address};
use crate::proxy::response_head::{self, Wire};
use crate::proxy::snapshot::Limits;
use crate::proxy::upload::{Duplex, Uplink, Upload, UploadTimeouts};
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::rt::join::{Either, beside, race};
use crate::upstream::balance::{hash_address, hash_key};
use crate::upstream::cluster::{Chosen, Cluster, ClusterPlan};
use crate::upstream::config::HashKeyConfig;
use crate::upstream::endpoint::{ConnectError, Connection};

/// Endpoints that are tried before the client is told. Only connections that were never made, or were closed
/// before an answer, are tried again.
const ATTEMPTS_MAX: u32 = 3;
/// Interim responses of one exchange. Origins send one or two; more is a way to keep a connection for nothing.
const INTERIM_MAX: u32 = 16;
/// Fields of a response.
const RESPONSE_FIELDS_MAX: usize = 500;

/// How the exchange with the cluster ended.
#[derive(Debug)]
pub enum Forwarded {
    /// The answer is with the client.
    Answered {
        /// The client's connection can go on.
        persists: bool,
        /// The whole request was read.
        is_uploaded: bool,
    },
    /// Nothing is with the client; it can be told.
    Failed {
        /// What is wrong.
        fault: Fault,
        /// The whole request was read.
        is_uploaded: bool,
    },
    /// Part of an answer is with the client: the connection must be cut so that it notices.
    Cut(Fault),
}

/// Sends the exchange to `cluster` and its answer to the client. `address` says how it is addressed there.
pub async fn forward(
    conversation: &mut Conversation,
    installed: &Installed,
    route: &RunningRoute,
    cluster: &Rc<Cluster>,
    address: &Address<'_>,
) -> Forwarded {
    let limits = &installed.snapshot.limits;
    let timeouts = cluster.plan.timeouts;
    let duplex = Duplex::default();
    let Conversation { local, intake, exchange, stream, waiting, sending, answering, total, .. } =
        conversation;
    let mut upload = Upload::new(exchange.framing, exchange.body_bytes_max, &installed.identity_fields);
    let mut opening = local.pool.lease(Size::Standard);
    request_head::write(exchange, address, opening.tail());
    if let Err(fault) = upload.gather(intake, &mut opening, &duplex) {
        return Forwarded::Failed { fault, is_uploaded: false };
    }
    let is_repeatable = upload.is_done() && exchange.request.method.is_idempotent();
    let waits_for_100 = (exchange.request.version == Version::Http11
        && exchange.request.fields.first(FieldId::Expect).is_some())
    .then_some(&**stream);
    let mut answer = Answer {
        exchange,
        local,
        limits,
        cluster,
        route,
        duplex: &duplex,
        downstream: stream,
        sending,
        answering,
        scratch: &mut conversation.scratch,
        tally: &conversation.tally,
        may_persist: conversation.may_persist,
    };
    let upload_timeouts = UploadTimeouts {
        body: limits.body_timeout,
        idle: timeouts.idle,
        head: timeouts.head,
        half_close_grace: limits.half_close_grace,
    };
    let uplink =
        Uplink { intake, waits_for_100, duplex: &duplex, waiting, answering, timeouts: upload_timeouts };
    let outcome = {
        let answering_side = pin!(answer.run(opening, is_repeatable));
        let asking_side = pin!(upload.run(uplink));
        let both = pin!(race(answering_side, asking_side));
        match timeouts.total {
            None => both.await,
            Some(limit) => {
                total.guard(limit, both).await.unwrap_or(Either::Second(Code::UpstreamTotalTimeout.into()))
            }
        }
    };
    answer.tally.request_bytes.set(duplex.uploaded_bytes.get());
    let is_uploaded = duplex.is_uploaded.get();
    match outcome {
        Either::First(Ok(persists)) => Forwarded::Answered { persists, is_uploaded },
        Either::First(Err(fault)) | Either::Second(fault) if duplex.has_begun.get() => Forwarded::Cut(fault),
        Either::First(Err(fault)) | Either::Second(fault) => Forwarded::Failed { fault, is_uploaded },
    }
}

/// What the cluster's balancer hashes, if it does. A request without the field or cookie is spread by its client's
/// address.
pub fn hash(plan: &ClusterPlan, exchange: &Exchange) -> Option<u64> {
    let fields = &exchange.request.fields;
    let value = match plan.balance.hash_key()? {
        HashKeyConfig::Header(name) => fields.first_named(name.as_bytes()),
        HashKeyConfig::Cookie(name) => cookie::find(fields, name.as_bytes()),
        HashKeyConfig::Address => None,
    };
    Some(value.map_or_else(|| hash_address(exchange.client.0), hash_key))
}

/// The answer's side of an exchange.
struct Answer<'a> {
    exchange: &'a mut Exchange,
    local: &'a Local,
    limits: &'a Limits,
    cluster: &'a Rc<Cluster>,
    route: &'a RunningRoute,
    duplex: &'a Duplex,
    downstream: &'a Stream,
    sending: &'a Deadline,
    answering: &'a Deadline,
    scratch: &'a mut Vec<u8>,
    tally: &'a Tally,
    may_persist: bool,
}

/// Why an attempt gave no response head.
enum Miss {
    /// The connection was closed before a byte of an answer: perhaps before it had seen the request.
    Unanswered(Option<Buffer>),
    /// Anything else.
    Fault(Fault),
}

impl Answer<'_> {
    /// True if the client's connection can go on.
    async fn run(&mut self, opening: Buffer, is_repeatable: bool) -> Result<bool, Fault> {
        let hash = hash(&self.cluster.plan, self.exchange);
        let mut opening = opening;
        let mut excluded = Vec::new();
        let mut last_fault = Fault::from(Code::NoEndpoint);
        for _ in 0..ATTEMPTS_MAX {
            let Some(chosen) = self.cluster.choose(hash, &excluded) else { break };
            self.tally.upstream.attempts.set(self.tally.upstream.attempts.get() + 1);
            self.tally.upstream.endpoint.set(chosen.index);
            chosen.endpoint().metrics.attempts.add(1);
            let connection = match self.connect(&chosen).await {
                Ok(connection) => connection,
                Err(fault) => {
                    last_fault = fault;
                    excluded.push(chosen.index);
                    continue;
                }
            };
            let is_reused = connection.is_reused;
            match self.attempt(connection, opening).await {
                Ok(persists) => return Ok(persists),
                Err(Miss::Unanswered(Some(again))) if is_reused && is_repeatable => {
                    chosen.endpoint().metrics.stale_replaced.add(1);
                    // Where one was closed on its next request, the others will be too.
                    chosen.endpoint().close_idle();
                    last_fault = Code::UpstreamReset.into();
                    opening = again;
                }
                Err(miss) => {
                    chosen.endpoint().metrics.failures.add(1);
                    return Err(match miss {
                        Miss::Unanswered(_) => Code::UpstreamReset.into(),
                        Miss::Fault(fault) => fault,
                    });
                }
            }
        }
        Err(last_fault)
    }

    async fn connect(&self, chosen: &Chosen) -> Result<Connection, Fault> {
        let endpoint = chosen.endpoint();
        let began_nanos = clock::nanos();
        let acquired = endpoint.acquire(self.answering, self.cluster.plan.timeouts.connect).await;
        let is_reused = acquired.as_ref().is_ok_and(|connection| connection.is_reused);
        let took_nanos = if is_reused { 0 } else { clock::nanos() - began_nanos };
        self.tally.upstream.connect_nanos.set(took_nanos);
        acquired.map_err(|error| {
            Fault::from(match error {
                ConnectError::Refused(_) => Code::UpstreamConnectRefused,
                ConnectError::TimedOut => Code::UpstreamConnectTimeout,
                ConnectError::Exhausted => Code::UpstreamConnectionsExhausted,
            })
        })
    }

    /// Writes the opening while the answer is awaited and carried: an origin may answer before it has read all of it.
    async fn attempt(&mut self, connection: Connection, opening: Buffer) -> Result<bool, Miss> {
        let upstream = connection.stream.clone();
        let len = opening.len();
        let Self { duplex, local, .. } = *self;
        duplex.is_opened.set(false);
        let write = async {
            let (outcome, mut opening) = upstream.write(opening, len).await;
            local.metrics.bytes_upstream_written.add(len as u64);
            // An origin may refuse by closing its reading side and still answer: what it says counts.
            if outcome.is_ok() {
                duplex.is_opened.set(true);
                duplex.open(&upstream);
            }
            opening.rewind(len);
            opening
        };
        let write = pin!(write);
        self.tally.upstream.sent_nanos.set(clock::nanos());
        self.answering.arm(self.cluster.plan.timeouts.head);
        match beside(write, pin!(self.respond(connection))).await {
            (opening, Err(Miss::Unanswered(_))) => Err(Miss::Unanswered(opening)),
            (_, outcome) => outcome,
        }
    }

    async fn respond(&mut self, connection: Connection) -> Result<bool, Miss> {
        let input = self.read_head(&connection.stream).await?;
        let since = clock::nanos().saturating_sub(self.tally.upstream.sent_nanos.get());
        self.tally.upstream.head_nanos.set(since.max(1));
        self.relay(connection, input).await.map_err(Miss::Fault)
    }

    async fn read_head(&mut self, upstream: &Stream) -> Result<Buffer, Miss> {
        let mut input = self.local.pool.lease(Size::Standard);
        input.reset(HEADROOM);
        let limits = HeadLimits {
            head_bytes: self.cluster.plan.head_bytes,
            target_bytes: 0,
            field_count: RESPONSE_FIELDS_MAX,
        };
        let mut scan = HeadScan::default();
        let mut interim_count = 0;
        loop {
            let parsed = parse::response(&mut scan, input.filled(), &limits, &mut self.exchange.response);
            match parsed.map_err(|breach| Miss::Fault(breach.into()))? {
                Some(used) => {
                    input.consume(used);
                    if !self.exchange.response.is_interim() {
                        return Ok(input);
                    }
                    interim_count += 1;
                    self.pass_interim(interim_count).await.map_err(Miss::Fault)?;
                    scan.reset();
                }
                None => input = self.read_more(upstream, input, interim_count > 0).await?,
            }
        }
    }

    async fn read_more(
        &self,
        upstream: &Stream,
        mut input: Buffer,
        has_interim: bool,
    ) -> Result<Buffer, Miss> {
        input.make_room(1);
        if input.spare() == 0 {
            return Err(Miss::Fault(Breach::HeadTooLarge.into()));
        }
        let is_first = input.is_empty() && !has_interim;
        let (outcome, input) = self
            .answering
            .watch(pin!(upstream.read(input)))
            .await
            .map_err(|_| Miss::Fault(Code::UpstreamHeadTimeout.into()))?;
        match outcome {
            Ok(count) if count > 0 => {
                self.local.metrics.bytes_upstream_read.add(count as u64);
                Ok(input)
            }
            _ if is_first => Err(Miss::Unanswered(None)),
            _ => Err(Miss::Fault(Breach::TruncatedHead.into())),
        }
    }

    /// Interim responses go on to clients that know them (RFC 9110 15.2).
    async fn pass_interim(&mut self, count: u32) -> Result<(), Fault> {
        if self.exchange.response.status == 101 {
            return Err(Breach::UnexpectedSwitch.into());
        }
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

    /// Carries the answer to the client. True if the client's connection can go on.
    async fn relay(&mut self, connection: Connection, input: Buffer) -> Result<bool, Fault> {
        self.answering.disarm();
        let from = framing::response(&self.exchange.response, self.exchange.request.method)?;
        let keeps_upstream =
            framing::persists(self.exchange.response.version, &self.exchange.response.fields);
        self.exchange.response.fields.remove_hop_by_hop();
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
        response_head::write(self.exchange, wire, &self.local.date(), self.scratch);
        self.tally.status.set(self.exchange.response.status);
        let way = Way {
            upstream: &connection.stream,
            downstream: self.downstream,
            pool: &self.local.pool,
            sending: self.sending,
            idle_timeout: self.cluster.plan.timeouts.idle,
            write_timeout: self.limits.write_timeout,
            duplex: self.duplex,
            metrics: &self.local.metrics,
        };
        let framings = Framings { upstream: from, downstream: to };
        let is_clean = way.relay(self.scratch, input, framings, &self.tally.response_bytes).await?;
        if !is_clean && from != Framing::UntilClose {
            self.local.metrics.count_error(Fault::from(Breach::UnsolicitedBytes).slot());
        }
        if is_clean && keeps_upstream && self.duplex.is_opened.get() && self.duplex.is_uploaded.get() {
            connection.release();
        }
        Ok(persists)
    }
}
