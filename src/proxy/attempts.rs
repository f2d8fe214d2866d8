//! Attempts: which endpoint is asked, and what is done when it gives no answer.
//!
//! One after another, until one gives an answer, the plan allows no more, or the cluster's budget is spent. What has perhaps
//! had an effect is not done again unless it may be; a kept connection that turns out closed is replaced without that
//! counting. Where the cluster gives nothing, another one may be asked.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::net::proxy_header::{Proxied, encode};
use crate::net::tls::fault::HandshakeFault;
use crate::policy::reply::{Code, Fault};
use crate::proxy::answer::{Answer, hash};
use crate::proxy::entering::{later, turn_away};
use crate::proxy::l4::tunnel::speaks_for;
use crate::proxy::miss::{Miss, is_unsent};
use crate::proxy::opener::{put_request_head, tell_deadline};
use crate::proxy::relay::{SMALL_BYTES, SOON};
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};
use crate::rt::join::beside;
use crate::telemetry::retry::{Fallback, RetryReason};
use crate::telemetry::shed::ShedReason;
use crate::upstream::cluster::{Ask, Chosen, Unchosen};
use crate::upstream::endpoint::{ConnectError, Connection, Endpoint, Opening};
use crate::upstream::entry::{Entry, Refused};
use crate::upstream::h2::lane::Fate;
use crate::upstream::verdict::Outcome;

/// What has been tried.
#[derive(Default)]
pub(super) struct Tried {
    /// Endpoints that gave no answer, since all of them were tried last.
    excluded: Vec<Rc<Endpoint>>,
    /// How often it was waited for endpoints that had failed already.
    waits: u32,
    /// True if there was an endpoint that had as many exchanges as it may.
    is_full: bool,
}

/// An attempt without an answer, and what it began with, if that can be sent again.
type Missed = (Miss, Option<Buffer>);

impl Tried {
    /// True while nobody has failed.
    fn is_untouched(&self) -> bool {
        self.excluded.is_empty() && self.waits == 0
    }
}

impl Answer<'_> {
    /// True if the client's connection can go on.
    pub async fn run(&mut self, opener: Buffer) -> Result<bool, Fault> {
        let mut opener = Some(opener);
        loop {
            let entry = match self.cluster.enter(self.exchange.class) {
                Ok(entry) => Ok(entry),
                // Boxed for the sake of all exchanges that do not come here.
                Err(refused) => Box::pin(self.enter_later(refused)).await,
            };
            self.trial.set(entry.as_ref().ok().and_then(Entry::take_probe));
            self.permit.set(entry.as_ref().ok().and_then(Entry::take_permit));
            let mut tried = Tried::default();
            let mut fault = entry.as_ref().err().copied().unwrap_or(Code::NoEndpoint.into());
            let hash = hash(&self.cluster.plan, self.exchange);
            while entry.is_ok()
                && let Some(sent) = opener.take()
            {
                let Some(chosen) = self.choose(hash, &mut tried).await else {
                    if tried.is_full && self.made() == 0 {
                        let class = self.exchange.class;
                        fault = turn_away(ShedReason::EndpointsFull, class, self.local, self.tally);
                    }
                    opener = Some(sent);
                    break;
                };
                let sent = self.refreshed(sent);
                self.hedging.set(if tried.is_untouched() { self.hedge_wait() } else { None });
                match self.attempt(chosen, sent).await {
                    Ok(persists) => return Ok(persists),
                    Err((miss, again)) => {
                        (fault, opener) = (miss.fault(), again);
                        if !self.may_go_on(miss, opener.is_some(), &mut tried) {
                            break;
                        }
                    }
                }
            }
            self.end_trial(fault);
            self.permit.take();
            opener = self.move_on(fault, opener.take());
            if opener.is_none() {
                return Err(fault);
            }
        }
    }

    /// Says of an exchange that failed how the cluster is; nothing where nobody was asked, or it is not the cluster's fault.
    fn end_trial(&self, fault: Fault) {
        if let Some(trial) = self.trial.take().filter(|_| self.made() > 0 && fault.status() >= 500) {
            trial.settle(false);
        }
    }

    /// Turns to the fallback's cluster. Gives what is sent to it; none if there is nobody else to ask.
    fn move_on(&mut self, fault: Fault, opener: Option<Buffer>) -> Option<Buffer> {
        let index = self.care.fallback()?.cluster?;
        let spare = &self.clusters[index];
        // What no attempt has brought to the service may go to another one in any case.
        let is_unsent = self.made() == 0 || matches!(fault, Fault::Gateway(code) if is_unsent(code));
        let may_move = (is_unsent || self.may_repeat()) && !self.duplex.has_begun.get();
        if fault.status() < 500 || !may_move || Rc::ptr_eq(spare, self.cluster) {
            return None;
        }
        let opener = opener?;
        self.cluster = spare;
        let upstream = &self.tally.upstream;
        upstream.former_attempts.set(upstream.attempts.get());
        upstream.cluster.set(Some(index));
        upstream.fallback.set(Fallback::Cluster);
        self.route.metrics.fallbacks[1].add(1);
        Some(self.anew(opener))
    }

    /// The endpoint of the next attempt: one that was not tried if there is one, else after a while one that was.
    async fn choose(&self, hash: Option<u64>, tried: &mut Tried) -> Option<Chosen> {
        match self.cluster.choose(&Ask { hash, excluded: &tried.excluded }) {
            Ok(chosen) => return Some(chosen),
            Err(why) => tried.is_full |= why == Unchosen::Full,
        }
        let (base, max) = self.care.retries.backoff;
        if tried.excluded.is_empty() || base.is_zero() {
            return None;
        }
        let bound = base.saturating_mul(1 << tried.waits.min(16)).min(max);
        tried.waits += 1;
        tried.excluded.clear();
        let wait = self.local.random.next() % (bound.as_nanos() as u64).max(1);
        // Boxed for the sake of all exchanges that need not wait.
        Box::pin(monoio::time::sleep(Duration::from_nanos(wait))).await;
        self.cluster.choose(&Ask { hash, excluded: &[] }).ok()
    }

    /// Attempts at this cluster.
    fn made(&self) -> u32 {
        let upstream = &self.tally.upstream;
        upstream.attempts.get() - upstream.former_attempts.get()
    }

    /// Counts an attempt at an endpoint, which is the current one from now on.
    pub(super) fn take_up(&self, chosen: Chosen) -> Rc<Endpoint> {
        let upstream = &self.tally.upstream;
        upstream.attempts.set(upstream.attempts.get() + 1);
        let endpoint = chosen.endpoint().clone();
        upstream.endpoint.replace(Some(endpoint.clone()));
        self.chosen.set(Some(chosen));
        endpoint.metrics.attempts.add(1);
        endpoint
    }

    /// Writes down how an attempt failed, and whether there may be another one.
    fn may_go_on(&mut self, miss: Miss, is_there: bool, tried: &mut Tried) -> bool {
        let endpoint = self.tally.upstream.endpoint.borrow().clone();
        let Some(endpoint) = endpoint else { return false };
        self.judge(miss);
        let is_stale = self.is_stale(miss);
        if is_stale || matches!(miss, Miss::Unanswered { fate: Fate::Untouched, .. }) {
            endpoint.metrics.stale_replaced.add(1);
        }
        if is_stale {
            // Where one was closed on its next request, the others will be too.
            endpoint.close_idle();
            return is_there && self.made() < self.care.retries.attempts.max(3);
        }
        let Some(reason) = miss.reason() else { return false };
        let may_have_been_seen = !matches!(reason, RetryReason::Connect | RetryReason::Untouched);
        let is_admitted = self.care.retries.on[reason as usize]
            && is_there
            && (reason == RetryReason::Connect || self.is_whole)
            && (!may_have_been_seen || self.may_repeat())
            && self.made() < self.care.retries.attempts;
        if reason != RetryReason::Untouched {
            tried.excluded.push(endpoint);
        }
        // An answer that is not wanted was weighed when it came.
        if !is_admitted || (reason != RetryReason::Status && !self.cluster.may_retry()) {
            return false;
        }
        self.cluster.metrics.retries[reason as usize].add(1);
        self.tally.upstream.retried.set(Some(reason));
        self.tally.upstream.sent_nanos.set(clock::nanos());
        true
    }

    /// True if all that happened is that a kept connection had been closed.
    fn is_stale(&self, miss: Miss) -> bool {
        matches!(miss, Miss::Unanswered { fate: Fate::Lost, is_reused: true }) && self.is_repeatable
    }

    /// Tells who keeps the books of the current endpoint how its attempt failed.
    pub(super) fn judge(&self, miss: Miss) {
        let endpoint = self.tally.upstream.endpoint.borrow();
        let Some(endpoint) = endpoint.as_ref() else { return };
        let nanos = clock::nanos().saturating_sub(self.tally.upstream.sent_nanos.get());
        match miss {
            Miss::Unconnected(Fault::Gateway(Code::UpstreamConnectionsExhausted)) => {}
            Miss::Unconnected(_) => {
                self.cluster.suspect(endpoint);
                self.settle(Outcome::Failure, nanos);
            }
            Miss::Unanswered { fate: Fate::Untouched, .. } => {}
            Miss::Unanswered { .. } if self.is_stale(miss) => {}
            Miss::Unanswered { .. } | Miss::Late(_) | Miss::Broken(_) => {
                endpoint.metrics.failures.add(1);
                self.settle(Outcome::Failure, nanos);
            }
            // Judged when its head came.
            Miss::Unwanted { .. } => {}
            Miss::Final(_) => endpoint.metrics.failures.add(1),
        }
    }

    /// True if the request may have its effect twice, and all of it is there.
    fn may_repeat(&self) -> bool {
        self.is_whole && self.care.retries.may_repeat(self.exchange)
    }

    /// Why an answer of this status is not passed on, if it is not: it is asked for again, which spends the budget, or is as
    /// good as none.
    pub(super) fn unwanted(&self, status: u16) -> Option<Miss> {
        let plan = self.care.plan?;
        // Without the beginning nothing can be sent again.
        let is_there = self.duplex.is_opened.get() && self.may_repeat();
        let is_retried = plan.retries.as_ref().is_some_and(|retries| {
            is_there
                && retries.statuses.has(status)
                && self.made() < retries.attempts
                && self.cluster.may_retry()
        });
        let is_spare = self.tally.upstream.fallback.get() == Fallback::Cluster;
        let is_replaced = plan.fallback.as_ref().is_some_and(|fallback| {
            let has_other =
                (fallback.cluster.is_some() && is_there && !is_spare) || fallback.respond.is_some();
            fallback.statuses.has(status) && has_other
        });
        (is_retried || is_replaced).then_some(Miss::Unwanted { is_retried })
    }

    /// How long the head of one attempt's answer may take.
    pub(super) fn head_timeout(&self) -> Duration {
        let head = self.cluster.plan.timeouts.head;
        self.care.retries.per_try.map_or(head, |per_try| per_try.min(head))
    }

    /// The same request with a head of its own time: for another cluster.
    fn anew(&mut self, former: Buffer) -> Buffer {
        let head = head_len(former.filled());
        let mut body = self.local.pool.lease_behind(Size::Standard, HEADROOM);
        body.tail().extend_from_slice(&former.filled()[head..]);
        tell_deadline(self.exchange, self.cluster, self.limit);
        put_request_head(self.exchange, self.aim, self.cluster, body, self.scratch, &self.local.pool)
    }

    /// What is sent in another attempt tells how little time is left.
    fn refreshed(&mut self, opener: Buffer) -> Buffer {
        if self.made() == 0 || self.limit.is_none() { opener } else { self.anew(opener) }
    }

    async fn enter_later(&self, refused: Refused) -> Result<Entry, Fault> {
        later(self.cluster, self.exchange.class, refused, self.local, self.tally).await
    }

    /// A connection that is there already.
    fn reuse(&self, endpoint: &Rc<Endpoint>) -> Option<Connection> {
        let needs_http1 = !self.exchange.upgrade.is_empty();
        let connection = endpoint.reuse(self.is_repeatable, self.tally.sent_ms(), needs_http1)?;
        self.tally.upstream.connect_nanos.set(0);
        self.tally.upstream.is_http2.set(connection.is_stream());
        Some(connection)
    }

    /// A connection to an endpoint.
    pub(super) async fn connect(
        &self,
        endpoint: &Rc<Endpoint>,
        deadline: &Deadline,
    ) -> Result<Connection, Fault> {
        match self.reuse(endpoint) {
            Some(connection) => Ok(connection),
            None => self.open(endpoint, deadline).await,
        }
    }

    async fn open(&self, endpoint: &Rc<Endpoint>, deadline: &Deadline) -> Result<Connection, Fault> {
        let upstream = &self.tally.upstream;
        let needs_http1 = !self.exchange.upgrade.is_empty();
        let began_nanos = clock::nanos();
        let timeout = self.cluster.plan.timeouts.connect;
        let preface = self.cluster.plan.proxy_header.map(|version| {
            let source = speaks_for(self.exchange.peer, self.exchange.client.0);
            encode(version, &Proxied { source, destination: self.downstream.local_addr() })
        });
        let way = Opening { preface: preface.as_deref(), buffers: &self.local.pool, needs_http1 };
        let opened = endpoint.open(deadline, timeout, self.is_repeatable, way).await;
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
    async fn attempt(&mut self, chosen: Chosen, opener: Buffer) -> Result<bool, Missed> {
        let endpoint = self.take_up(chosen);
        self.connection = self.reuse(&endpoint);
        if self.connection.is_none() {
            // Boxed for the sake of all exchanges that find one.
            match self.hedging.get() {
                Some(wait) => return Box::pin(self.hedged(endpoint, opener, wait)).await,
                None => match Box::pin(self.open(&endpoint, self.answering)).await {
                    Ok(connection) => self.connection = Some(connection),
                    Err(fault) => return Err((Miss::Unconnected(fault), Some(opener))),
                },
            }
        }
        drop(endpoint);
        let Some(upstream) = self.connection.as_ref().map(|it| it.stream.clone()) else {
            return Err((Miss::Final(Code::NoEndpoint.into()), Some(opener)));
        };
        let len = opener.len();
        let Self { duplex, local, opening, answering, .. } = *self;
        duplex.is_opened.set(false);
        duplex.is_stuck.set(false);
        let idle = self.cluster.plan.timeouts.idle;
        // The answer tells soon enough that a small request has been taken.
        let is_unhurried = duplex.is_uploaded.get() && len <= SMALL_BYTES;
        let sent_ms = self.tally.sent_ms();
        let soon_ms = due_ms(sent_ms, SOON);
        // Takes the transport along: where somebody else's answer is taken, this one's ends with it.
        let write = async move {
            let mut write = pin!(upstream.write(opener, len));
            let outcome = if is_unhurried { opening.unhurried(soon_ms, write.as_mut()).await } else { None };
            let (outcome, mut opener) = match outcome {
                Some(outcome) => outcome,
                None => match duplex.while_moving(opening, idle, write.as_mut()).await {
                    Ok(outcome) => outcome,
                    Err(_) => {
                        // Whoever waits for the answer is told.
                        duplex.is_stuck.set(true);
                        answering.arm_at(sent_ms);
                        write.await
                    }
                },
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
        self.answering.arm_at(due_ms(sent_ms, self.first_wait()));
        let is_hedged = self.hedging.get().is_some();
        let (opener, outcome) = beside(write, pin!(self.respond(None))).await;
        // What the first of two has not taken yet is not there.
        outcome.map_err(|miss| (miss, opener.or_else(|| is_hedged.then(|| self.head_alone()))))
    }
}

/// Where the body of what was made to be sent begins.
fn head_len(opener: &[u8]) -> usize {
    memchr::memmem::find(opener, b"\r\n\r\n").map_or(opener.len(), |at| at + 4)
}
