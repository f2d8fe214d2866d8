//! A downstream connection: waiting for heads, and being idle at little cost.
//!
//! Busy, it holds buffers and everything an exchange needs, in one allocation that serves many exchanges. Idle for
//! a while, it gives all of that back and waits for readability with a few hundred bytes of state.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::http::h1::framing::persists;
use crate::http::h1::parse::{self, HeadScan};
use crate::http::refusal::Refusal;
use crate::net::addr::{Caller, ClientAddr, PeerAddr};
use crate::net::intake::{Arrival, Intake};
use crate::net::stream::Stream;
use crate::net::transport::Transport;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault};
use crate::proxy::h2::connection::{PREFACE, serve_http2};
use crate::proxy::local::{Local, Stage};
use crate::proxy::record::{Tally, record};
use crate::proxy::relay::write;
use crate::proxy::reply;
use crate::proxy::serve::{After, serve};
use crate::proxy::tunnel::{Opening, Tunnel};
use crate::proxy::upgrade::Switched;
use crate::rt::buffer::{Buffer, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};

/// A connection that has been idle this long gives its buffers back. Long enough that a busy client never pays
/// for it, short enough that memory follows the load.
const PARK_AFTER: Duration = Duration::from_secs(1);
/// The same while more than [`IDLE_CROWD`] of a worker's connections hold buffers for nothing.
const PARK_AFTER_IN_CROWD: Duration = Duration::from_millis(40);
/// So many idle connections cost a few MiB; more of them are a reconnecting crowd that must not set the mark for the
/// process's memory.
const IDLE_CROWD: i64 = 256;
/// How long a closed connection is read on, so that the last answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(3);

/// Everything a busy connection needs.
pub struct Conversation {
    /// The worker.
    pub local: Rc<Local>,
    /// The transport.
    pub stream: Rc<Stream>,
    /// Its reading side.
    pub intake: Intake,
    /// The current exchange.
    pub exchange: Exchange,
    /// What happened in it.
    pub tally: Tally,
    /// Which listener it came in on.
    pub listener: usize,
    /// Exchanges so far.
    pub served: u32,
    /// True if the connection may go on after the current exchange, as far as the client is concerned.
    pub may_persist: bool,
    /// Waits for the client to send.
    pub waiting: Deadline,
    /// Waits for the upstream to take a small request.
    pub opening: Deadline,
    /// Waits for a read or write of the answer.
    pub sending: Deadline,
    /// Waits for the upstream's response head.
    pub answering: Deadline,
    /// Bounds the whole exchange.
    pub total: Deadline,
    /// Room for a response head.
    pub scratch: Vec<u8>,
    /// Room for a rewritten path.
    pub path_scratch: Vec<u8>,
    /// The other side, once it has switched protocols.
    pub switched: Option<Box<Switched>>,
    scan: HeadScan,
}

/// Where a busy connection has come to.
enum Rest {
    /// Nothing to do for a while.
    Parked {
        /// Exchanges so far.
        served: u32,
    },
    /// It has switched protocols.
    Switched(Box<Tunnel>, Box<Opening>),
    /// The client speaks HTTP/2, and this is what it began with.
    Http2(Buffer),
    /// It is over.
    Closed,
}

/// What came instead of, or as, the next request head.
enum Next {
    Head,
    Park,
    Close,
    Refuse(Fault),
    /// The client speaks HTTP/2.
    Http2,
}

/// Serves a client until its connection is over.
pub async fn serve_connection(local: Rc<Local>, stream: Stream, caller: Caller, listener: usize) {
    let stream = Rc::new(stream);
    let idle = Deadline::new(&local.deadlines);
    let place = local.enlist(idle.trigger(), Stage::Serving(listener));
    let mut served = 0;
    if stream.transport().is_none() && stream.tls().is_some_and(|facts| facts.alpn == "h2") {
        Box::pin(serve_http2(&local, stream, caller, listener, Buffer::default(), &idle)).await;
        local.delist(place);
        return;
    }
    loop {
        match Box::pin(busy(&local, &stream, &caller, listener, &idle, served)).await {
            Rest::Closed => break,
            Rest::Switched(tunnel, opening) => {
                local.mark_switched(place);
                // What was lent to the conversation has been given back by now.
                Box::pin(tunnel.run(*opening, &idle)).await;
                break;
            }
            Rest::Http2(opening) => {
                Box::pin(serve_http2(&local, stream, caller, listener, opening, &idle)).await;
                break;
            }
            Rest::Parked { served: so_far } => served = so_far,
        }
        if !wait_parked(&local, &stream, &idle, served).await {
            break;
        }
    }
    local.delist(place);
}

/// Waits for the client without holding a buffer. False if it is over.
async fn wait_parked(local: &Local, stream: &Stream, idle: &Deadline, served: u32) -> bool {
    let timeout = {
        let limits = &local.installed().snapshot.limits;
        if served == 0 { limits.head_timeout } else { limits.keepalive_timeout }
    };
    if local.is_draining.get() {
        return false;
    }
    local.metrics.parked_connections.add(1);
    let outcome = idle.guard(timeout.saturating_sub(PARK_AFTER), pin!(stream.readable())).await;
    local.metrics.parked_connections.sub(1);
    matches!(outcome, Ok(Ok(()))) && !local.is_draining.get()
}

async fn busy(
    local: &Rc<Local>,
    stream: &Rc<Stream>,
    caller: &Caller,
    listener: usize,
    idle: &Deadline,
    served: u32,
) -> Rest {
    let mut conversation = Conversation::new(local, stream, caller, listener, served);
    loop {
        match conversation.next_head(idle).await {
            Next::Head => {}
            Next::Park => return Rest::Parked { served: conversation.served },
            Next::Close => return Rest::Closed,
            Next::Http2 => return Rest::Http2(conversation.intake.take().unwrap_or_default()),
            Next::Refuse(fault) => {
                conversation.refuse(fault).await;
                conversation.linger().await;
                return Rest::Closed;
            }
        }
        match serve(&mut conversation).await {
            After::KeepAlive => conversation.rest().await,
            After::Linger => {
                conversation.linger().await;
                return Rest::Closed;
            }
            After::Cut => {
                stream.reset_on_close();
                return Rest::Closed;
            }
            After::Switch => {
                let followed = Tunnel::follow_on(conversation);
                return followed.map_or(Rest::Closed, |(tunnel, opening)| Rest::Switched(tunnel, opening));
            }
        }
    }
}

impl Conversation {
    fn new(local: &Rc<Local>, stream: &Rc<Stream>, caller: &Caller, listener: usize, served: u32) -> Self {
        let deadline = || Deadline::new(&local.deadlines);
        let mut exchange = Exchange::new(caller.peer);
        exchange.via = caller.via.map(PeerAddr::ip);
        exchange.protocol = stream.transport().map_or("", Transport::protocol);
        if let Some(facts) = stream.tls() {
            exchange.scheme = "https";
            exchange.tls_version = facts.version;
            exchange.client_certificate = facts.peer.clone();
        }
        Self {
            intake: Intake::new(stream.clone(), local.pool.clone()),
            exchange,
            tally: Tally::default(),
            listener,
            served,
            may_persist: true,
            waiting: deadline(),
            opening: deadline(),
            sending: deadline(),
            answering: deadline(),
            total: deadline(),
            scratch: Vec::new(),
            path_scratch: Vec::new(),
            switched: None,
            scan: HeadScan::default(),
            local: local.clone(),
            stream: stream.clone(),
        }
    }

    /// Waits for a complete request head.
    async fn next_head(&mut self, idle: &Deadline) -> Next {
        self.scan.reset();
        if self.intake.bytes().is_empty() {
            match self.wait_idle(idle).await {
                Next::Head => {}
                other => return other,
            }
        }
        self.tally.restart();
        let installed = self.local.installed();
        let limits = &installed.snapshot.limits;
        let mut is_armed = false;
        loop {
            let input = self.intake.bytes();
            match parse::request(&mut self.scan, input, &limits.head, &mut self.exchange.request) {
                Err(_) if self.served == 0 && begins_http2(input) && self.speaks_http2() => {
                    return Next::Http2;
                }
                Err(refusal) => return Next::Refuse(refusal.into()),
                Ok(Some(used)) => {
                    self.intake.consume(used);
                    if is_armed {
                        // It came in pieces: only now there is something to be sent.
                        self.tally.upstream.sent_nanos.set(clock::nanos());
                    }
                    self.begin(limits.keepalive_requests);
                    return Next::Head;
                }
                Ok(None) => {}
            }
            if !is_armed {
                self.waiting.arm(limits.head_timeout);
                is_armed = true;
            }
            match self.waiting.watch(pin!(self.intake.fill())).await {
                Ok(Ok(Arrival::Bytes(_))) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => {
                    return Next::Refuse(Refusal::HeadTooLarge.into());
                }
                Ok(Ok(Arrival::End) | Err(_)) => return Next::Close,
                Err(_) => return Next::Refuse(Code::HeadTimeout.into()),
            }
        }
    }

    /// Waits for the first byte of a request.
    async fn wait_idle(&mut self, idle: &Deadline) -> Next {
        // A request that is there already is still answered.
        if !self.local.takes_requests(self.listener) && self.stream.is_quiet() {
            return Next::Close;
        }
        // Lanes of a connection are none themselves.
        let weight = i64::from(self.stream.transport().is_none());
        self.local.metrics.connections_idle.add(weight);
        let is_crowd = self.local.metrics.connections_idle.get() > IDLE_CROWD;
        let patience = if is_crowd { PARK_AFTER_IN_CROWD } else { PARK_AFTER };
        // Where there was an exchange, it has just ended.
        let now_ms = match self.tally.ended_nanos.get() {
            0 => clock::coarse_ms(),
            ended_nanos => ended_nanos / 1_000_000,
        };
        let outcome = idle.guard_until(due_ms(now_ms, patience), pin!(self.intake.fill())).await;
        self.local.metrics.connections_idle.sub(weight);
        match outcome {
            Ok(Ok(Arrival::Bytes(_))) => Next::Head,
            Ok(_) => Next::Close,
            Err(_) if !self.local.takes_requests(self.listener) => Next::Close,
            Err(_) if self.intake.park().await => {
                if self.intake.bytes().is_empty() {
                    Next::Close
                } else {
                    Next::Head
                }
            }
            Err(_) => Next::Park,
        }
    }

    fn speaks_http2(&self) -> bool {
        self.stream.transport().is_none() && self.local.installed().snapshot.doors[self.listener].http2
    }

    fn begin(&mut self, requests_max: u32) {
        self.served += 1;
        let request = &self.exchange.request;
        self.may_persist = persists(request.version, &request.fields)
            && self.served < requests_max
            && self.local.takes_requests(self.listener);
    }

    /// Does not listen for a while to a client whose request was refused because there is too much to do: one that asks again
    /// at once would cost more than it was refused for. Whoever speaks for many is listened to.
    async fn rest(&mut self) {
        if self.tally.fault.get() != Some(Fault::Gateway(Code::Overloaded)) {
            return;
        }
        let pause = self.local.installed().snapshot.shedding.pause;
        if !pause.is_zero() && self.stream.transport().is_none() && !self.exchange.peer_is_trusted {
            self.waiting.arm(pause);
            self.waiting.elapsed().await;
        }
    }

    /// Answers something that is not a request.
    async fn refuse(&mut self, fault: Fault) {
        let local = self.local.clone();
        let installed = local.installed();
        self.exchange.request_id.clear();
        let id = local.request_ids.next(clock::wall_ms());
        self.exchange.request_id.extend_from_slice(id.as_bytes());
        // What was parsed before belongs to another request, perhaps of another client behind the same proxy.
        self.exchange.request.clear();
        self.exchange.client = ClientAddr(self.exchange.peer.ip());
        self.exchange.path.clear();
        self.exchange.query = None;
        self.exchange.host.clear();
        self.tally.fault.set(Some(fault));
        self.tally.status.set(fault.status());
        let mut buffer = local.pool.lease(Size::Standard);
        let body_bytes = reply::write_bare(fault, &self.exchange.request_id, &local.date(), buffer.tail());
        self.tally.response_bytes.set(body_bytes);
        let len = buffer.len();
        let timeout = installed.snapshot.limits.write_timeout;
        // Whether the client still takes it or not, the connection is over.
        let _ = write(&self.stream, buffer, len, &self.sending, timeout, &Cell::new(0)).await;
        record(&self.tally, &self.exchange, &installed, &local, self.listener);
    }

    /// Closes so that the client gets all of the last answer (RFC 9112 9.6): a close with unread bytes would
    /// reset the connection and may take the answer with it.
    async fn linger(&mut self) {
        self.stream.shutdown_write();
        self.waiting.arm(LINGER);
        loop {
            let all = self.intake.bytes().len();
            self.intake.consume(all);
            let outcome = self.waiting.watch(pin!(self.intake.fill())).await;
            let Ok(Ok(Arrival::Bytes(_))) = outcome else { return };
        }
    }
}

/// True if a client may have begun with the preface of HTTP/2, of which the first line says enough.
fn begins_http2(input: &[u8]) -> bool {
    let len = input.len().min(16);
    input[..len] == PREFACE[..len]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_task<A, B, C, D, T: Future>(_: impl Fn(A, B, C, D) -> T) -> usize {
        size_of::<T>()
    }

    fn size_of_work<A, B, C, D, E, F, T: Future>(_: impl Fn(A, B, C, D, E, F) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn an_idle_connection_is_small_and_a_busy_one_bounded() {
        let idle = size_of_task(serve_connection);
        let busy =
            size_of_work::<&'static Rc<Local>, &'static Rc<Stream>, _, _, &'static Deadline, _, _>(busy);
        println!("idle {idle} bytes, busy {busy} bytes");
        assert!(idle <= 1024, "{idle} bytes");
        assert!(busy <= 8 * 1024, "{busy} bytes");
    }
}
