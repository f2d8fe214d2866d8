//! The request body on its way upstream, and after it the watch over the client.
//!
//! Runs beside the answer, in the same task. What is in the downstream buffer already goes with the head in one
//! write ([`Upload::claim`]); the rest follows once the upstream has taken that. Memory is one buffer, whatever
//! the body's size.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::http::h1::body::{BodyCursor, Portion};
use crate::http::h1::chunked::{ChunkError, Emit};
use crate::http::h1::framing::Framing;
use crate::http::refusal::Refusal;
use crate::net::intake::{Arrival, Intake};
use crate::net::stream::Stream;
use crate::policy::reply::{Code, Fault};
use crate::proxy::local::Local;
use crate::proxy::shadow::copy::Copying;
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::deadline::{Deadline, Elapsed};

/// What the two directions of an exchange know of each other.
#[derive(Default)]
pub struct Duplex {
    upstream: RefCell<Option<Rc<Stream>>>,
    /// True once every byte of the request has been taken from the client.
    pub is_uploaded: Cell<bool>,
    /// True once the head, and what went with it, has been written to the current upstream connection.
    pub is_opened: Cell<bool>,
    /// True if the upstream has not taken them for as long as it may be idle.
    pub is_stuck: Cell<bool>,
    /// True while a read ahead will tell of whatever the client does next.
    pub is_watched: Cell<bool>,
    /// Bytes of the request body so far.
    pub uploaded_bytes: Cell<u64>,
    /// Counts up with every write that the client took.
    pub progress: Cell<u64>,
    /// True once the final answer has begun to be written.
    pub has_begun: Cell<bool>,
    /// True once anything has been written, interim responses included.
    pub has_spoken: Cell<bool>,
    /// The request's copy, if it is copied.
    pub copying: Option<Box<Copying>>,
}

impl Duplex {
    /// The upstream has taken the head; the body may follow.
    pub fn open(&self, upstream: &Rc<Stream>) {
        self.upstream.replace(Some(upstream.clone()));
    }

    /// Awaits `work` until the client has taken nothing for `after` either: an answer may be on its way meanwhile, and a
    /// stream of both directions may be quiet in one of them.
    pub async fn while_moving<F: Future>(
        &self,
        deadline: &Deadline,
        after: Duration,
        mut work: Pin<&mut F>,
    ) -> Result<F::Output, Elapsed> {
        loop {
            let before = self.progress.get();
            match deadline.guard(after, work.as_mut()).await {
                Err(_) if self.progress.get() != before => {}
                outcome => return outcome,
            }
        }
    }

    async fn upstream(&self) -> Rc<Stream> {
        // Both directions are polled in one task, so whoever opens has woken this one too.
        poll_fn(|_| match &*self.upstream.borrow() {
            Some(upstream) => Poll::Ready(upstream.clone()),
            None => Poll::Pending,
        })
        .await
    }
}

/// How long the parts of an upload may take.
#[derive(Debug, Clone, Copy)]
pub struct UploadTimeouts {
    /// Without a byte from the client.
    pub body: Duration,
    /// Without a byte taken by the upstream.
    pub idle: Duration,
    /// From the last byte of the request to the complete response head.
    pub head: Duration,
    /// For a client that has closed its sending side.
    pub half_close_grace: Duration,
}

/// Everything on the way of a request's body.
pub struct Uplink<'a> {
    /// Where it comes from.
    pub intake: &'a mut Intake,
    /// The client's transport, if the client waits for 100 (Continue).
    pub waits_for_100: Option<&'a Stream>,
    /// Shared with the other direction.
    pub duplex: &'a Duplex,
    /// Waits for the client, or for the upstream to take something.
    pub waiting: &'a Deadline,
    /// Waits for the answer, which is not late while the request is on its way.
    pub answering: &'a Deadline,
    /// How long each part may take.
    pub timeouts: UploadTimeouts,
}

/// How long a client may be left waiting for the origin's 100 (Continue). As long as curl waits before it goes on.
const CONTINUE_AFTER: Duration = Duration::from_secs(1);

/// A request body on its way.
pub struct Upload {
    pub(super) cursor: BodyCursor,
    bytes_max: u64,
}

impl Upload {
    /// The beginning of a body of at most `bytes_max`, which may not carry `identity` fields in its trailers.
    pub fn new(framing: Framing, bytes_max: Option<u64>, identity: &Rc<[Box<[u8]>]>) -> Self {
        let cursor = BodyCursor::without_trailers(framing, Emit::Framed, identity);
        Self { cursor, bytes_max: bytes_max.unwrap_or(u64::MAX) }
    }

    /// True after the last byte has been taken from the client.
    pub fn is_done(&self) -> bool {
        self.cursor.is_done()
    }

    /// The beginning of what goes upstream: what the client has sent of the body already, where it lies, with room for a
    /// head in front. What is behind the request stays with `intake`.
    pub fn claim(&mut self, local: &Local, intake: &mut Intake, duplex: &Duplex) -> Result<Buffer, Fault> {
        let mut buffer = match intake.take() {
            Some(buffer) => buffer,
            None => local.pool.lease_behind(Size::Standard, HEADROOM),
        };
        let mut portion = Portion { kept: 0, consumed: 0 };
        if !self.is_done() && !buffer.is_empty() {
            portion = self.cursor.advance(buffer.filled_mut()).map_err(refusal)?;
            self.count(portion.kept, duplex)?;
        }
        duplex.is_uploaded.set(self.is_done());
        if portion.consumed == buffer.len() {
            buffer.truncate(portion.kept);
            return Ok(buffer);
        }
        let mut opening = local.pool.lease_behind(Size::Standard, HEADROOM);
        opening.tail().extend_from_slice(&buffer.filled()[..portion.kept]);
        buffer.consume(portion.consumed);
        intake.put_back(buffer);
        Ok(opening)
    }

    /// Carries the body, then watches the client. Only ever ends with the reason to give up.
    pub async fn run(&mut self, mut uplink: Uplink<'_>) -> Fault {
        if !self.is_done() {
            let upstream = uplink.duplex.upstream().await;
            // The answer is not late while the request is still on its way.
            uplink.answering.disarm();
            uplink.continue_late().await;
            while !self.is_done() {
                match self.carry(&mut uplink, &upstream).await {
                    Ok(true) => {}
                    // The upstream takes no more: its answer, if any, tells why.
                    Ok(false) => {
                        uplink.answering.arm(uplink.timeouts.head);
                        return pending().await;
                    }
                    Err(fault) => return fault,
                }
            }
            uplink.answering.arm(uplink.timeouts.head);
            uplink.duplex.is_uploaded.set(true);
        }
        uplink.watch().await
    }

    /// One read and one write. False if the upstream took nothing.
    async fn carry(&mut self, uplink: &mut Uplink<'_>, upstream: &Stream) -> Result<bool, Fault> {
        let Uplink { intake, duplex, waiting, timeouts, .. } = uplink;
        if let Some(mut buffer) = intake.take() {
            let portion = self.cursor.advance(buffer.filled_mut()).map_err(refusal)?;
            self.count(portion.kept, duplex)?;
            if let Some(copying) = &duplex.copying {
                copying.request(&buffer.filled()[..portion.kept], self.is_done());
            }
            let leftover = buffer.len() - portion.consumed;
            let mut write = pin!(upstream.write(buffer, portion.kept));
            let written = duplex.while_moving(waiting, timeouts.idle, write.as_mut()).await;
            let (outcome, mut buffer) = written.map_err(|_| Code::UpstreamIdleTimeout)?;
            buffer.consume(buffer.len() - leftover);
            intake.put_back(buffer);
            if outcome.is_err() {
                return Ok(false);
            }
            if self.is_done() {
                return Ok(true);
            }
        }
        let size = self.cursor.buffer_size();
        match duplex.while_moving(waiting, timeouts.body, pin!(intake.fill_sized(size))).await {
            Ok(Ok(Arrival::Bytes(_))) => Ok(true),
            Ok(Ok(Arrival::End)) => Err(Code::ClientGone.into()),
            // A chunk's extension or a trailer section that does not fit a whole buffer.
            Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => Err(Refusal::BadChunk.into()),
            Ok(Err(_)) => Err(Code::ClientGone.into()),
            Err(_) => Err(Code::BodyTimeout.into()),
        }
    }

    /// True if it is known to have more than `most` bytes.
    pub(super) fn is_known_to_exceed(&self, most: usize) -> bool {
        matches!(self.cursor, BodyCursor::Length(left) if left > most as u64)
    }

    pub(super) fn count(&self, bytes: usize, duplex: &Duplex) -> Result<(), Fault> {
        let total = duplex.uploaded_bytes.get() + bytes as u64;
        duplex.uploaded_bytes.set(total);
        let data = self.cursor.data_bytes().unwrap_or(total);
        if data > self.bytes_max { Err(Code::BodyTooLarge.into()) } else { Ok(()) }
    }
}

impl Uplink<'_> {
    /// RFC 9110 10.1.1 leaves 100 (Continue) to the origin, and a client need not wait for ever. Where an origin does
    /// not know the expectation and the client waits all the same, neither would go on: so after a while the
    /// gateway says it.
    async fn continue_late(&mut self) {
        let Some(client) = self.waits_for_100 else { return };
        if self.duplex.uploaded_bytes.get() > 0 || !self.intake.bytes().is_empty() {
            return;
        }
        let outcome = self.waiting.guard(CONTINUE_AFTER, pin!(self.intake.fill())).await;
        if outcome.is_err() && !self.duplex.has_spoken.get() {
            client.send_now(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Reads ahead while the answer is awaited: a reset is the end at once; the end of the client's sending side
    /// is tolerated as long as it takes bytes, and for the grace where it takes none.
    async fn watch(&mut self) -> Fault {
        if self.intake.bytes().is_empty() {
            self.duplex.is_watched.set(true);
            let arrival = self.intake.fill().await;
            self.duplex.is_watched.set(false);
            match arrival {
                Ok(Arrival::Bytes(_)) => {}
                Err(_) => return Code::ClientGone.into(),
                Ok(Arrival::End) => {
                    let grace = self.timeouts.half_close_grace;
                    let _ = self.duplex.while_moving(self.waiting, grace, pin!(pending::<()>())).await;
                    return Code::ClientGone.into();
                }
            }
        }
        // The next request is there already; what follows it says nothing about this one.
        pending().await
    }
}

/// A malformed body, as it is told.
pub(super) fn refusal(error: ChunkError) -> Fault {
    Fault::Refused(error.into())
}
