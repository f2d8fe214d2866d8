//! One connection that speaks HTTP/2, and the task that drives it.
//!
//! Owns how old and how idle it is, whether it takes more streams, and whether the endpoint still lives. The task ends
//! when nobody needs the connection any more, or when it is dead; then the socket closes and its lease goes back.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Ping, PingPong};

use super::Http2Plan;
use super::frames::{Frames, Seen};
use crate::net::async_io::{AsyncIo, Pulse};
use crate::net::stream::Stream;
use crate::rt::buffer::{Buffer, Pool};
use crate::rt::clock;
use crate::shared::ledger::Lease;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::EndpointMetrics;

/// Streams that one connection serves in its life. Their ids end at 2^31 (RFC 9113 5.1.1).
const STREAMS_IN_ALL: u32 = 1 << 29;
/// What one stream may have given to the codec and not to the kernel.
const UNSENT_BYTES_MAX: usize = 128 * 1024;
/// Streams that clients have left, of which frames may still come. The codec takes frames of those it has forgotten for
/// faults of the endpoint.
const LEFT_STREAMS: usize = 1_000;
/// Such faults in the life of a connection.
const LATE_FRAMES_MAX: usize = 1 << 20;
/// What the codec may count as waste of small frames that wait for slow clients: about 250 bytes each. With its own bound,
/// two clients that take nothing of a stream of tiny messages would end the connection for all.
const SMALL_FRAMES_BYTES: usize = 64 * 1024 * 1024;
/// Idle for so long, it gives its buffers back.
const REST_AFTER_MS: u64 = 1_000;
/// How long saying goodbye may take.
const FAREWELL_MS: u64 = 3_000;

type Codec = client::Connection<AsyncIo<Frames>, Bytes>;

/// One connection.
pub struct Link {
    /// Gone once no more streams are to be opened.
    sender: RefCell<Option<SendRequest<Bytes>>>,
    seen: Rc<Seen>,
    pulse: Rc<Pulse>,
    driver: RefCell<Option<Waker>>,
    open: Cell<u32>,
    opened: Cell<u32>,
    streams_max: u32,
    born_ms: u64,
    /// Since when no stream is open, or since when it is retired.
    idle_since_ms: Cell<u64>,
    /// Bytes that had come, and when that was noticed.
    heard: Cell<(u64, u64)>,
    asked_at_ms: Cell<Option<u64>>,
    is_ping_due: Cell<bool>,
    is_cut: Cell<bool>,
    /// True once nobody looks after it: it ends with its last stream.
    is_orphan: Cell<bool>,
    is_over: Cell<bool>,
    has_counted_goaway: Cell<bool>,
    metrics: Slot<EndpointMetrics>,
}

/// Begins to speak HTTP/2 on `stream`. `notify` is called when streams may be opened, and at the end.
pub async fn begin(
    stream: Stream,
    plan: &Http2Plan,
    lease: Lease,
    pool: &Rc<Pool>,
    metrics: Slot<EndpointMetrics>,
    notify: impl Fn() + 'static,
) -> io::Result<Rc<Link>> {
    let seen = Rc::new(Seen::default());
    let frames = Frames::new(seen.clone());
    let wire = AsyncIo::new(Rc::new(stream), pool.clone(), Buffer::default(), frames)?;
    let pulse = wire.pulse();
    let connection_window = (u64::from(plan.window) * u64::from(plan.streams)).min((1 << 31) - 1);
    let handshake = client::Builder::new()
        .enable_push(false)
        // As long as nobody has said how many there may be.
        .initial_max_send_streams(1)
        .initial_window_size(plan.window)
        .initial_connection_window_size(u32::try_from(connection_window).unwrap_or(u32::MAX >> 1))
        .max_header_list_size(plan.head_bytes)
        .max_send_buffer_size(UNSENT_BYTES_MAX)
        .max_concurrent_reset_streams(LEFT_STREAMS)
        .max_local_error_reset_streams(Some(LATE_FRAMES_MAX))
        .data_frame_budget(SMALL_FRAMES_BYTES)
        .handshake::<_, Bytes>(wire)
        .await;
    let (sender, connection) = handshake.map_err(|_| io::ErrorKind::ConnectionReset)?;
    let now_ms = clock::coarse_ms();
    let link = Rc::new(Link {
        sender: RefCell::new(Some(sender)),
        seen,
        pulse,
        driver: RefCell::default(),
        open: Cell::new(0),
        opened: Cell::new(0),
        streams_max: plan.streams,
        born_ms: now_ms,
        idle_since_ms: Cell::new(now_ms),
        heard: Cell::new((0, now_ms)),
        asked_at_ms: Cell::new(None),
        is_ping_due: Cell::new(false),
        is_cut: Cell::new(false),
        is_orphan: Cell::new(false),
        is_over: Cell::new(false),
        has_counted_goaway: Cell::new(false),
        metrics,
    });
    link.metrics.h2_connections.add(1);
    monoio::spawn(drive(link.clone(), connection, lease, notify));
    Ok(link)
}

async fn drive(link: Rc<Link>, mut connection: Codec, lease: Lease, notify: impl Fn()) {
    let mut pings = connection.ping_pong();
    let mut had_settings = false;
    poll_fn(|cx| {
        link.driver.replace(Some(cx.waker().clone()));
        if let Some(pings) = &mut pings {
            link.exchange_pings(pings, cx);
        }
        let outcome = Pin::new(&mut connection).poll(cx);
        if link.seen.last_stream.get().is_some() && !link.has_counted_goaway.replace(true) {
            link.metrics.h2_goaways.add(1);
            link.retire();
        }
        if link.seen.has_settings.get() && !std::mem::replace(&mut had_settings, true) {
            notify();
        }
        let is_left = link.is_orphan.get() && link.is_idle();
        if outcome.is_ready() || link.is_cut.get() || is_left { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    link.is_over.set(true);
    link.retire();
    link.metrics.h2_connections.sub(1);
    // In this order: what waits for the lease finds the socket closed.
    drop(connection);
    drop(lease);
    notify();
}

impl Link {
    /// A handle to open a stream with, if one more may be open. The caller counts it with [`Link::enter`].
    pub fn sender(&self) -> Option<SendRequest<Bytes>> {
        let mut kept = self.sender.borrow_mut();
        let sender = kept.as_mut()?;
        let is_usable = matches!(
            sender.poll_ready(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(Ok(())) | Poll::Pending
        );
        if !is_usable || self.opened.get() >= STREAMS_IN_ALL {
            *kept = None;
            return None;
        }
        let allowed = sender.current_max_send_streams().min(self.streams_max as usize);
        ((self.open.get() as usize) < allowed).then(|| sender.clone())
    }

    /// A stream is opened.
    pub fn enter(&self) {
        self.open.set(self.open.get() + 1);
        self.opened.set(self.opened.get() + 1);
        if self.open.get() == 1 {
            // What has not been heard before is not missed.
            self.heard.set((self.pulse.read_bytes.get(), clock::coarse_ms()));
            self.pulse.is_resting.set(false);
        }
        self.metrics.h2_streams.add(1);
        self.metrics.h2_streams_active.add(1);
    }

    /// A stream is over.
    pub fn leave(&self) {
        self.open.set(self.open.get() - 1);
        self.metrics.h2_streams_active.sub(1);
        if self.open.get() == 0 {
            self.idle_since_ms.set(clock::coarse_ms());
            self.asked_at_ms.set(None);
            self.wake();
        }
    }

    /// True until the endpoint has said how many streams there may be.
    pub fn is_fresh(&self) -> bool {
        !self.seen.has_settings.get() && !self.is_retired()
    }

    /// True if it takes no more streams.
    pub fn is_retired(&self) -> bool {
        self.sender.borrow().is_none()
    }

    /// True if no stream is open.
    pub fn is_idle(&self) -> bool {
        self.open.get() == 0
    }

    /// True once its task has ended.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Since when no stream is open.
    pub fn idle_since_ms(&self) -> u64 {
        self.idle_since_ms.get()
    }

    /// True if the endpoint has said that it has not looked, and will not look, at this stream (RFC 9113 6.8).
    pub fn has_passed_over(&self, stream: u32) -> bool {
        self.seen.last_stream.get().is_some_and(|last| stream > last)
    }

    /// Takes no more streams, and closes once the open ones are over.
    pub fn retire(&self) {
        if self.sender.take().is_some() {
            self.idle_since_ms.set(clock::coarse_ms());
            self.wake();
        }
    }

    /// The same, and nobody will look after it any more.
    pub fn orphan(&self) {
        self.is_orphan.set(true);
        self.retire();
        self.wake();
    }

    /// Closes now, whatever is on it.
    pub fn cut(&self) {
        self.is_cut.set(true);
        self.wake();
    }

    /// Looks after it: age, idleness, signs of life. Called now and then.
    pub fn sweep(&self, plan: &Http2Plan, now_ms: u64) {
        let idle_ms = now_ms.saturating_sub(self.idle_since_ms.get());
        if now_ms.saturating_sub(self.born_ms) >= plan.age.as_millis() as u64 {
            self.retire();
        }
        if self.is_idle() {
            if self.is_retired() && idle_ms >= FAREWELL_MS {
                self.cut();
            } else if idle_ms >= REST_AFTER_MS && !self.pulse.is_resting.replace(true) {
                self.wake();
            }
            return;
        }
        self.listen(plan, now_ms);
    }

    fn listen(&self, plan: &Http2Plan, now_ms: u64) {
        let (bytes, since_ms) = self.heard.get();
        let now_bytes = self.pulse.read_bytes.get();
        if now_bytes != bytes {
            self.heard.set((now_bytes, now_ms));
            self.asked_at_ms.set(None);
            return;
        }
        match self.asked_at_ms.get() {
            Some(asked_ms) if now_ms.saturating_sub(asked_ms) >= plan.ping_timeout.as_millis() as u64 => {
                self.metrics.h2_dead.add(1);
                self.cut();
            }
            Some(_) => {}
            None if now_ms.saturating_sub(since_ms) >= plan.ping_after.as_millis() as u64 => {
                self.asked_at_ms.set(Some(now_ms));
                self.is_ping_due.set(true);
                self.wake();
            }
            None => {}
        }
    }

    fn exchange_pings(&self, pings: &mut PingPong, cx: &mut Context<'_>) {
        if self.is_ping_due.take() {
            // One that is still on its way does as well.
            let _ = pings.send_ping(Ping::opaque());
        }
        // That something has come shows in the bytes read.
        let _ = pings.poll_pong(cx);
    }

    fn wake(&self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }
}
