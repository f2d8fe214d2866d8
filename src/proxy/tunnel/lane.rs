//! One direction of an upgraded connection: one read, one write.
//!
//! A slow target stops the reading of its source, so that memory is one buffer. Bytes go on as they are; of WebSocket the
//! lane knows where frames end, so that a Close frame can be put between two.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::http::ws::{BadLength, Frames, frames};
use crate::net::intake::{Arrival, Intake};
use crate::net::stream::Stream;
use crate::policy::reply::{Code, Fault};
use crate::proxy::relay::write;
use crate::rt::buffer::{Buffer, Size};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::shared::counter::Counter;
use crate::telemetry::upgrade_end::UpgradeEnd;

/// What the gateway's Close frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// The code (RFC 6455 7.4.1).
    pub code: u16,
    /// The words.
    pub reason: &'static str,
}

impl Farewell {
    /// An endpoint is "going away". Clients take it as an invitation to come back.
    pub const fn going_away(reason: &'static str) -> Self {
        Self { code: 1001, reason }
    }

    /// What the client does is against a policy. Clients do not come back by themselves.
    pub const fn against_policy(reason: &'static str) -> Self {
        Self { code: 1008, reason }
    }
}

/// What both lanes know of each other.
#[derive(Default)]
pub struct Course {
    /// Counts up with everything that moves.
    pub progress: Cell<u64>,
    /// What a Close frame is to say, once the connection is to end by one.
    pub closing: Cell<Option<Farewell>>,
    /// Why it ends: the first reason there was.
    pub end: Cell<Option<UpgradeEnd>>,
    /// The code of the first Close frame that went by.
    pub close_code: Cell<Option<u16>>,
}

impl Course {
    /// Settles why it ends, unless that has been settled.
    pub fn ends(&self, end: UpgradeEnd) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
    }
}

/// Who a lane comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It leads from the client to the origin.
    Client,
    /// It leads from the origin to the client.
    Upstream,
}

/// One direction, as it stands.
pub struct Lane {
    source: Source,
    /// None where the protocol is not WebSocket.
    frames: Option<RefCell<Frames>>,
    /// True while nothing is in hand and the source is waited for.
    pub is_waiting: Cell<bool>,
    /// True once the gateway has put its own Close frame in. Nothing may follow it (RFC 6455 5.5.1).
    pub has_said_close: Cell<bool>,
    /// True once nothing more will come this way.
    pub is_over: Cell<bool>,
}

/// How a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It has given all; the other may go on.
    Ended,
    /// Neither can go on.
    Cut,
}

/// What a lane is run with.
pub struct Pump<'a> {
    /// The lane.
    pub lane: &'a Lane,
    /// Shared with the other one.
    pub course: &'a Course,
    /// Where it leads.
    pub target: &'a Stream,
    /// Ends a stalled write.
    pub sending: Deadline,
    /// Without a byte taken by the target.
    pub timeout: Duration,
    /// Bytes that the worker has read from the source's side.
    pub read: &'a Counter,
    /// Bytes that went this way: of this connection, of its route, of the worker.
    pub bytes: (&'a Cell<u64>, &'a Counter, &'a Counter),
}

impl Lane {
    /// A lane from there.
    pub fn new(source: Source, is_websocket: bool) -> Self {
        Self {
            source,
            frames: is_websocket.then(RefCell::default),
            is_waiting: Cell::new(false),
            has_said_close: Cell::new(false),
            is_over: Cell::new(false),
        }
    }

    /// True once a Close frame went this way, from the source or from the gateway: the target has been told.
    pub fn has_told(&self) -> bool {
        self.has_said_close.get() || self.has_source_closed()
    }

    fn has_source_closed(&self) -> bool {
        self.frames.as_ref().is_some_and(|frames| frames.borrow().close().is_some())
    }

    /// True if the gateway's Close frame can go in here and now.
    pub fn can_say_close(&self) -> bool {
        let Some(frames) = &self.frames else { return false };
        !self.has_told() && !self.is_over.get() && frames.borrow().is_at_boundary()
    }

    /// Says Close, without waiting. False if the target would have to be waited for.
    pub fn say_close_now(&self, farewell: Farewell, target: &Stream) -> bool {
        let is_said = target.send_now(&self.close_frame(farewell));
        self.has_said_close.set(is_said);
        is_said
    }

    fn close_frame(&self, farewell: Farewell) -> Vec<u8> {
        // RFC 6455 10.3: masking protects from content that somebody else chose, which this is not.
        let key = (self.source == Source::Client).then(|| (clock::nanos() as u32 | 1).to_le_bytes());
        let mut frame = Vec::with_capacity(64);
        frames::write_close(farewell.code, farewell.reason, key, &mut frame);
        frame
    }

    /// Follows bytes from the source. Gives how many of them go on.
    pub fn follow(&self, bytes: &[u8], course: &Course) -> Result<usize, BadLength> {
        let Some(frames) = &self.frames else { return Ok(bytes.len()) };
        let mut frames = frames.borrow_mut();
        let knew = frames.close();
        let passed = if self.has_said_close.get() {
            frames.pass(bytes)?;
            0
        } else if course.closing.get().is_some() {
            frames.finish(bytes)?
        } else {
            frames.pass(bytes)?;
            bytes.len()
        };
        if let (None, Some(close)) = (knew, frames.close()) {
            course.ends(if self.source == Source::Client {
                UpgradeEnd::Client
            } else {
                UpgradeEnd::Upstream
            });
            if course.close_code.get().is_none() {
                course.close_code.set(close.code);
            }
        }
        Ok(passed)
    }

    /// The source's connection has ended, orderly or by a reset.
    fn source_ended(&self, is_orderly: bool, course: &Course) {
        let is_proper = is_orderly && self.frames.is_none();
        course.ends(match (self.source, is_proper) {
            (Source::Client, true) => UpgradeEnd::Client,
            (Source::Client, false) => UpgradeEnd::ClientGone,
            (Source::Upstream, true) => UpgradeEnd::Upstream,
            (Source::Upstream, false) => UpgradeEnd::UpstreamGone,
        });
    }

    fn target_failed(&self, is_stalled: bool, course: &Course) {
        course.ends(match (self.source, is_stalled) {
            (Source::Client, true) => UpgradeEnd::UpstreamStalled,
            (Source::Client, false) => UpgradeEnd::UpstreamGone,
            (Source::Upstream, true) => UpgradeEnd::ClientStalled,
            (Source::Upstream, false) => UpgradeEnd::ClientGone,
        });
    }
}

impl Pump<'_> {
    /// Carries what comes from `intake` until it ends. May be dropped while the lane is waiting.
    pub async fn run(&self, intake: &mut Intake) -> Stop {
        let stop = self.carry(intake).await.unwrap_or_else(|stop| stop);
        self.lane.is_waiting.set(false);
        self.lane.is_over.set(true);
        if stop == Stop::Ended {
            self.target.shutdown_write();
        }
        stop
    }

    async fn carry(&self, intake: &mut Intake) -> Result<Stop, Stop> {
        loop {
            self.say_close().await?;
            match intake.take() {
                Some(buffer) if !buffer.is_empty() => {
                    let buffer = self.pass(buffer).await?;
                    intake.put_back(buffer);
                    continue;
                }
                Some(buffer) => intake.put_back(buffer),
                None => {}
            }
            // Both have said that they close; what else would come is nobody's.
            if self.course.closing.get().is_some() && self.lane.has_source_closed() {
                return Ok(Stop::Ended);
            }
            if self.wait(intake).await? == Some(Arrival::End) {
                self.lane.source_ended(true, self.course);
                return Ok(Stop::Ended);
            }
        }
    }

    /// Waits for the source, or for a reason to speak.
    async fn wait(&self, intake: &mut Intake) -> Result<Option<Arrival>, Stop> {
        self.lane.is_waiting.set(true);
        let arrival = poll_fn(|cx| {
            if self.course.closing.get().is_some() && self.lane.can_say_close() {
                return Poll::Ready(Ok(None));
            }
            intake.poll_fill(cx, Size::Standard).map_ok(Some)
        })
        .await;
        self.lane.is_waiting.set(false);
        self.course.progress.set(self.course.progress.get() + 1);
        self.read.add(std::mem::take(&mut intake.read_bytes));
        arrival.map_err(|_| {
            self.lane.source_ended(false, self.course);
            Stop::Cut
        })
    }

    /// Passes on what is in `buffer`, or drops what may not follow a Close frame.
    async fn pass(&self, mut buffer: Buffer) -> Result<Buffer, Stop> {
        let passed = self.lane.follow(buffer.filled(), self.course).map_err(|BadLength| {
            self.course.ends(UpgradeEnd::BadFrame);
            Stop::Cut
        })?;
        if passed == 0 {
            buffer.consume(if self.lane.has_told() { buffer.len() } else { 0 });
            return Ok(buffer);
        }
        self.write(buffer, passed).await
    }

    async fn write(&self, buffer: Buffer, count: usize) -> Result<Buffer, Stop> {
        let progress = &self.course.progress;
        let outcome = write(self.target, buffer, count, &self.sending, self.timeout, progress).await;
        match outcome {
            Ok(buffer) => {
                let (own, route, worker) = self.bytes;
                own.set(own.get() + count as u64);
                route.add(count as u64);
                worker.add(count as u64);
                Ok(buffer)
            }
            Err(fault) => {
                let is_stalled = fault == Fault::Gateway(Code::ClientStalled);
                self.lane.target_failed(is_stalled, self.course);
                // What the target said before it went may still be on its way through the other lane.
                Err(if is_stalled { Stop::Cut } else { Stop::Ended })
            }
        }
    }

    async fn say_close(&self) -> Result<(), Stop> {
        let Some(farewell) = self.course.closing.get() else { return Ok(()) };
        if !self.lane.can_say_close() || self.lane.say_close_now(farewell, self.target) {
            return Ok(());
        }
        let frame = self.lane.close_frame(farewell);
        let mut buffer = Buffer::detached(frame.len());
        buffer.tail().extend_from_slice(&frame);
        self.lane.has_said_close.set(true);
        self.write(buffer, frame.len()).await.map(drop)
    }
}
