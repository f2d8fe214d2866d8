//! One HTTP/2 connection of a client, from its preface to its end.
//!
//! Accepts streams and gives them to lanes. Looks once in a while whether the connection is idle, stalled, silent or to
//! be drained. A client that does too much besides asking is told so (ENHANCE_YOUR_CALM), counted, and closed.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection};
use h2::{Ping, PingPong, Reason};

use crate::http::h2::flood::{Flood, FloodGuard};
use crate::net::addr::Caller;
use crate::net::async_io::{AsyncIo, Inspect, Pulse};
use crate::net::stream::Stream;
use crate::proxy::h2::lanes::{Given, Lanes};
use crate::proxy::local::Local;
use crate::proxy::snapshot::Limits;
use crate::rt::buffer::Buffer;
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::telemetry::http2::Http2End;

/// What every client of HTTP/2 begins with (RFC 9113 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often a connection is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A connection without streams gives its buffer back after this time.
const REST_AFTER_MS: u64 = 1_000;
/// With streams open and nothing read for so long, a PING asks whether the client is still there.
const PING_AFTER_MS: u64 = 30_000;
/// How long it has for an answer.
const PONG_WITHIN_MS: u64 = 20_000;
/// What a client may send of one stream before it is read.
const STREAM_WINDOW: u32 = 256 * 1024;
/// And of all together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of a stream that the codec holds because the client's windows are closed, or the kernel's buffers full.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long a client without streams has to acknowledge that its connection ends.
const PARTING_MS: u64 = 1_000;
/// What small DATA frames may cost in memory besides their bytes, by the codec's reckoning of 256 bytes a frame. A stream of
/// small messages whose origin takes none fills its window within that, if they have 20 bytes or more.
const SMALL_DATA_BYTES: usize = 4 * 1024 * 1024;
/// How long what is over may take to be told.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a client does besides asking.
struct Watch {
    guard: FloodGuard,
    given: Rc<Given>,
    flood: Rc<Cell<Option<Flood>>>,
}

impl Inspect for Watch {
    fn inspect(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.given.has_answered.take() {
            self.guard.answered();
        }
        self.guard.answering(self.given.bytes.take(), self.given.writes.take());
        self.guard.follow(bytes).map_err(|flood| {
            self.flood.set(Some(flood));
            io::Error::new(io::ErrorKind::InvalidData, flood.label())
        })
    }
}

type Codec = Connection<AsyncIo<Watch>, Bytes>;

struct Session {
    codec: Codec,
    lanes: Rc<Lanes>,
    pulse: Rc<Pulse>,
    /// Why it is to end, once it is, and since when.
    ending: Option<(Http2End, u64)>,
    /// When streams were open last.
    busy_ms: u64,
    /// When something was read last, and how much had been.
    read: (u64, u64),
    /// When something was written last, or nothing was to be; and what the kernel held.
    written: (u64, u64, usize),
    pings: Option<PingPong>,
    has_asked: bool,
}

/// Serves a client that speaks HTTP/2 until its connection is over. `opening` has been read from it; `idle` is pulled when
/// the worker drains.
pub async fn serve_http2(
    local: &Rc<Local>,
    stream: Rc<Stream>,
    caller: Caller,
    listener: usize,
    opening: Buffer,
    idle: &Deadline,
) {
    let metrics = &local.metrics.http2;
    metrics.connections.add(1);
    metrics.connections_active.add(1);
    let lanes = Lanes::new(local, caller, listener, stream.clone());
    let flood = Rc::<Cell<Option<Flood>>>::default();
    let outcome = run(&lanes, opening, flood.clone(), idle).await;
    lanes.close();
    let end = match flood.get() {
        Some(flood) => {
            goodbye(&stream, Reason::ENHANCE_YOUR_CALM);
            of_flood(flood)
        }
        None => outcome,
    };
    if matches!(end, Http2End::Stalled | Http2End::Unresponsive) {
        stream.reset_on_close();
    }
    metrics.ends[end as usize].add(1);
    metrics.connections_active.sub(1);
}

async fn run(
    lanes: &Rc<Lanes>,
    opening: Buffer,
    flood: Rc<Cell<Option<Flood>>>,
    idle: &Deadline,
) -> Http2End {
    let local = &lanes.local;
    // A copy: a connection outlives generations, and must not keep one.
    let limits = &local.installed().snapshot.limits.clone();
    let watch = Watch { guard: FloodGuard::default(), given: lanes.given.clone(), flood };
    let Ok(io) = AsyncIo::new(lanes.stream.clone(), local.pool.clone(), opening, watch) else {
        return Http2End::Preface;
    };
    let pulse = io.pulse();
    let shaking = pin!(settings(limits).handshake::<_, Bytes>(io));
    let Ok(Ok(mut codec)) = idle.guard(limits.head_timeout, shaking).await else { return Http2End::Preface };
    let now_ms = clock::coarse_ms();
    let session = Session {
        pings: codec.ping_pong(),
        codec,
        lanes: lanes.clone(),
        pulse,
        ending: None,
        busy_ms: now_ms,
        read: (now_ms, 0),
        written: (now_ms, 0, 0),
        has_asked: false,
    };
    Box::pin(session.run(limits, idle)).await
}

fn settings(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.http2_streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.head.head_bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .data_frame_budget(SMALL_DATA_BYTES)
        .enable_connect_protocol();
    builder
}

impl Session {
    async fn run(mut self, limits: &Limits, idle: &Deadline) -> Http2End {
        idle.arm(LOOK_EVERY);
        loop {
            let accepted = {
                let accepting = pin!(poll_fn(|cx| self.codec.poll_accept(cx)));
                idle.watch(accepting).await
            };
            match accepted {
                Ok(Some(Ok((request, respond)))) => {
                    self.lanes.serve(request, respond);
                    if self.lanes.served.get() >= limits.keepalive_requests {
                        self.go_away(Http2End::Requests);
                    }
                }
                Ok(Some(Err(error))) => return self.ending.map_or_else(|| reason(&error), |(end, _)| end),
                Ok(None) => return self.ending.map_or(Http2End::Client, |(end, _)| end),
                Err(_) => {
                    if let Some(end) = self.look(limits) {
                        // What is to be told has a moment.
                        let farewell = pin!(poll_fn(|cx| self.codec.poll_closed(cx)));
                        let _ = idle.guard(FAREWELL, farewell).await;
                        return end;
                    }
                    idle.arm(LOOK_EVERY);
                }
            }
        }
    }

    fn go_away(&mut self, end: Http2End) {
        if self.ending.is_none() {
            self.ending = Some((end, clock::coarse_ms()));
            self.codec.graceful_shutdown();
        }
    }

    /// What time has brought. Some if it is over now.
    fn look(&mut self, limits: &Limits) -> Option<Http2End> {
        let now_ms = clock::coarse_ms();
        if self.lanes.local.is_draining.get() {
            self.go_away(Http2End::Drain);
        }
        if self.lanes.busy() > 0 {
            self.busy_ms = now_ms;
        }
        let quiet_ms = now_ms.saturating_sub(self.busy_ms);
        if quiet_ms >= REST_AFTER_MS {
            self.pulse.is_resting.set(true);
        }
        let is_in_the_way = quiet_ms >= REST_AFTER_MS && self.is_crowded(limits);
        if is_in_the_way || quiet_ms >= limits.keepalive_timeout.as_millis() as u64 {
            self.go_away(Http2End::Idle);
        }
        if let Some((end, since_ms)) = self.ending
            && self.lanes.busy() == 0
            && now_ms.saturating_sub(since_ms) >= PARTING_MS
        {
            self.codec.abrupt_shutdown(Reason::NO_ERROR);
            return Some(end);
        }
        if self.is_stalled(now_ms, limits) {
            self.codec.abrupt_shutdown(Reason::CANCEL);
            return Some(Http2End::Stalled);
        }
        self.is_unresponsive(now_ms).then_some(Http2End::Unresponsive)
    }

    /// True if other clients wait for a place.
    fn is_crowded(&self, limits: &Limits) -> bool {
        let local = &self.lanes.local;
        let places = i64::from(limits.connections).min(local.connections_max.get());
        local.metrics.connections_active.get() >= places
    }

    /// True if the kernel has bytes for a client that takes none of them.
    fn is_stalled(&mut self, now_ms: u64, limits: &Limits) -> bool {
        let progress = self.pulse.progress.get();
        let held = self.lanes.stream.unsent_bytes();
        let (since_ms, last_progress, last_held) = self.written;
        if self.pulse.unsent_bytes.get() == 0 || progress != last_progress || held < last_held {
            self.written = (now_ms, progress, held);
            return false;
        }
        now_ms.saturating_sub(since_ms) >= limits.write_timeout.as_millis() as u64
    }

    /// Asks a client that has been silent for long while streams are open. True if it does not answer.
    fn is_unresponsive(&mut self, now_ms: u64) -> bool {
        let bytes = self.pulse.read_bytes.get();
        if bytes != self.read.1 || self.lanes.busy() == 0 {
            self.read = (now_ms, bytes);
            self.has_asked = false;
            return false;
        }
        let silent_ms = now_ms.saturating_sub(self.read.0);
        if silent_ms >= PING_AFTER_MS && !self.has_asked {
            self.has_asked = true;
            if let Some(pings) = &mut self.pings {
                // The answer to the one before is of no use; another cannot be sent before it has been taken.
                let _ = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
                let _ = pings.send_ping(Ping::opaque());
            }
        }
        silent_ms >= PING_AFTER_MS + PONG_WITHIN_MS
    }
}

fn reason(error: &h2::Error) -> Http2End {
    match error.reason() {
        _ if error.is_io() => Http2End::Client,
        Some(Reason::ENHANCE_YOUR_CALM) if error.is_library() => Http2End::Calm,
        _ if error.is_library() => Http2End::Protocol,
        _ => Http2End::Client,
    }
}

fn of_flood(flood: Flood) -> Http2End {
    match flood {
        Flood::Reset => Http2End::RapidReset,
        Flood::Settings => Http2End::Settings,
        Flood::Ping => Http2End::Ping,
        Flood::Priority => Http2End::Priority,
        Flood::WindowUpdate => Http2End::WindowUpdate,
        Flood::Continuation => Http2End::Continuation,
        Flood::EmptyData => Http2End::EmptyData,
        Flood::Unknown => Http2End::Unknown,
    }
}

/// Says why a connection ends, if that goes at once. The codec is gone by now.
fn goodbye(stream: &Stream, reason: Reason) {
    // A GOAWAY of 8 bytes on stream 0: the last stream that may have been acted upon, and why.
    let mut frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    frame[13..].copy_from_slice(&u32::from(reason).to_be_bytes());
    stream.send_now(&frame);
}
