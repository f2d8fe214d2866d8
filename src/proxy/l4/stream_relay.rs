//! Bytes both ways between two connections, until both have ended.
//!
//! Each direction has one buffer and reads only when the other side has taken what was read before: that is the
//! back-pressure. The end of one direction is passed on and leaves the other one open (TCP's half-close). What rests
//! gives its buffer back and waits for readability.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::net::reader::Reader;
use crate::net::stream::Stream;
use crate::proxy::l4::ending::{Course, TunnelFault};
use crate::proxy::local::{Local, Stage};
use crate::rt::buffer::{Buffer, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, TICK_MS};
use crate::shared::Counter;
use crate::telemetry::metrics::{TunnelMetrics, WorkerMetrics};

/// A direction that has rested this long gives its buffer back.
const PARK_AFTER: Duration = Duration::from_secs(1);
/// How long before the end of a drain connections are cut, so that this is still written down.
const CUT_BEFORE_MS: u64 = 4 * TICK_MS;

/// The two ends of a tunnel, and where it is counted.
pub struct Ends<'a> {
    /// The worker.
    pub local: &'a Rc<Local>,
    /// The client's connection.
    pub downstream: &'a Rc<Stream>,
    /// The endpoint's.
    pub upstream: &'a Rc<Stream>,
    /// How long nothing may move.
    pub idle_timeout: Duration,
    /// True once its generation is to end.
    pub is_expired: &'a Cell<bool>,
    /// What happened so far.
    pub course: &'a Course,
    /// Figures of the listener and cluster.
    pub metrics: &'a TunnelMetrics,
}

/// Carries bytes both ways. `opening` has been read from the client and goes first.
///
/// # Errors
/// When a side was reset, nothing moved for too long, or the gateway stops. Both ends should be reset then.
pub async fn relay(ends: &Ends<'_>, opening: Option<Buffer>) -> Result<(), TunnelFault> {
    let live = Live::new(&ends.local.metrics);
    let worker = &ends.local.metrics;
    let up = Direction {
        from: ends.downstream,
        to: ends.upstream,
        read: &worker.bytes_downstream_read,
        written: [&worker.bytes_upstream_written, &ends.metrics.upstream_bytes],
        total: &ends.course.upstream_bytes,
        faults: [TunnelFault::ClientGone, TunnelFault::UpstreamReset],
    };
    let down = Direction {
        from: ends.upstream,
        to: ends.downstream,
        read: &worker.bytes_upstream_read,
        written: [&worker.bytes_downstream_written, &ends.metrics.downstream_bytes],
        total: &ends.course.downstream_bytes,
        faults: [TunnelFault::UpstreamReset, TunnelFault::ClientGone],
    };
    let mut up = pin!(up.run(ends.local, &live, opening));
    let mut down = pin!(down.run(ends.local, &live, None));
    let (mut up_end, mut down_end) = (None, None);
    let both = pin!(poll_fn(|cx| {
        if up_end.is_none()
            && let Poll::Ready(outcome) = up.as_mut().poll(cx)
        {
            up_end = Some(outcome?);
        }
        if down_end.is_none()
            && let Poll::Ready(outcome) = down.as_mut().poll(cx)
        {
            down_end = Some(outcome?);
        }
        match (up_end, down_end) {
            (Some(up), Some(down)) => Poll::Ready(up.or(down).map_or(Ok(()), Err)),
            _ => Poll::Pending,
        }
    }));
    watch(ends, &live, both).await
}

/// Awaits `both` for as long as something moves and the gateway has patience.
async fn watch<F: Future<Output = Result<(), TunnelFault>>>(
    ends: &Ends<'_>,
    live: &Live<'_>,
    mut both: Pin<&mut F>,
) -> Result<(), TunnelFault> {
    let local = ends.local;
    let idle = Deadline::new(&local.deadlines);
    let place = local.enlist(idle.trigger(), Stage::Switched);
    let idle_ms = ends.idle_timeout.as_millis() as u64;
    let mut cut_ms = u64::MAX;
    let mut held = 0;
    let outcome = loop {
        let now_ms = clock::coarse_ms();
        if (local.is_draining.get() || ends.is_expired.get()) && cut_ms == u64::MAX {
            let limit = local.installed().snapshot.limits.drain_timeout.as_millis() as u64;
            cut_ms = now_ms + limit.saturating_sub(CUT_BEFORE_MS);
        }
        if now_ms >= cut_ms {
            break Err(TunnelFault::DrainTimeout);
        }
        if now_ms >= live.moved_ms.get() + idle_ms {
            // Who is slow is not who is stalled: what the kernel holds for a slow reader becomes less.
            let holds = ends.downstream.unsent_bytes() + ends.upstream.unsent_bytes();
            if holds == std::mem::replace(&mut held, holds) {
                break Err(TunnelFault::IdleTimeout);
            }
            live.moved_ms.set(now_ms);
        }
        idle.arm_at((live.moved_ms.get() + idle_ms).min(cut_ms));
        if let Ok(outcome) = idle.watch(both.as_mut()).await {
            break outcome;
        }
    };
    local.delist(place);
    outcome
}

/// What both directions of a tunnel tell its watch.
struct Live<'a> {
    moved_ms: Cell<u64>,
    /// Directions that hold no buffer.
    resting: Cell<u8>,
    metrics: &'a WorkerMetrics,
}

impl<'a> Live<'a> {
    fn new(metrics: &'a WorkerMetrics) -> Self {
        Self { moved_ms: Cell::new(clock::coarse_ms()), resting: Cell::new(0), metrics }
    }

    fn moved(&self) {
        self.moved_ms.set(clock::coarse_ms());
    }

    fn rest(&self) {
        self.resting.set(self.resting.get() + 1);
        if self.resting.get() == 2 {
            self.metrics.parked_connections.add(1);
        }
    }

    fn wake(&self) {
        if self.resting.get() == 2 {
            self.metrics.parked_connections.sub(1);
        }
        self.resting.set(self.resting.get() - 1);
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if self.resting.get() == 2 {
            self.metrics.parked_connections.sub(1);
        }
    }
}

/// From one end to the other.
struct Direction<'a> {
    from: &'a Rc<Stream>,
    to: &'a Rc<Stream>,
    read: &'a Counter,
    written: [&'a Counter; 2],
    total: &'a Cell<u64>,
    /// What it means if reading fails, and if writing does.
    faults: [TunnelFault; 2],
}

impl Direction<'_> {
    /// Carries bytes until the end, and passes the end on. Ok(Some) if the other side takes no more: what it still sends
    /// is carried all the same.
    async fn run(
        &self,
        local: &Local,
        live: &Live<'_>,
        opening: Option<Buffer>,
    ) -> Result<Option<TunnelFault>, TunnelFault> {
        let mut reader = Reader::cancelable(self.from.clone());
        let rest = Deadline::new(&local.deadlines);
        let mut next = opening;
        let outcome = loop {
            let mut buffer = match next.take() {
                Some(read) => {
                    let len = read.len();
                    let (outcome, buffer) = self.to.write_all(read).await;
                    if outcome.is_err() {
                        break Some(self.faults[1]);
                    }
                    live.moved();
                    self.written.iter().for_each(|counter| counter.add(len as u64));
                    self.total.set(self.total.get() + len as u64);
                    // Whoever fills a buffer has more to come. Not by splice: see src/README.md.
                    if len >= Size::Standard.bytes() && buffer.capacity() < Size::Large.bytes() {
                        local.pool.lease(Size::Large)
                    } else {
                        buffer
                    }
                }
                None => local.pool.lease(Size::Standard),
            };
            buffer.reset(0);
            let (outcome, buffer) = self.read(&mut reader, &rest, buffer, local, live).await;
            match outcome {
                Ok(0) => {
                    self.to.shutdown_write();
                    break None;
                }
                Ok(count) => self.read.add(count as u64),
                Err(_) => return Err(self.faults[0]),
            }
            live.moved();
            next = Some(buffer);
        };
        live.rest();
        Ok(outcome)
    }

    /// Reads, at first with the buffer at hand, after a while without one.
    async fn read(
        &self,
        reader: &mut Reader,
        rest: &Deadline,
        buffer: Buffer,
        local: &Local,
        live: &Live<'_>,
    ) -> (io::Result<usize>, Buffer) {
        reader.begin(buffer);
        loop {
            if let Ok(arrived) = rest.guard(PARK_AFTER, pin!(poll_fn(|cx| reader.poll(cx)))).await {
                return arrived;
            }
            reader.cancel();
            let (outcome, buffer) = poll_fn(|cx| reader.poll(cx)).await;
            if !matches!(&outcome, Err(error) if error.raw_os_error() == Some(libc::ECANCELED)) {
                return (outcome, buffer);
            }
            drop(buffer);
            live.rest();
            // An error shows again when it is read.
            let _ = self.from.readable().await;
            live.wake();
            reader.begin(local.pool.lease(Size::Standard));
        }
    }
}
