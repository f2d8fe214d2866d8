//! The answer's body on its way to the client.
//!
//! One read, one write, in one buffer: bytes go on where they lie. The head is written in front of the first of
//! them, so that a small answer is one write. Large bodies move to a large buffer.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use crate::http::h1::body::BodyCursor;
use crate::http::h1::chunked::Emit;
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::refusal::Breach;
use crate::net::stream::Stream;
use crate::policy::reply::{Code, Fault};
use crate::proxy::installed::Pins;
use crate::proxy::record::Tally;
use crate::proxy::upload::Duplex;
use crate::rt::buffer::{Buffer, HEADROOM, Pool, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::WorkerMetrics;
use crate::upstream::admission::Permit;
use crate::upstream::cluster::Chosen;
use crate::upstream::endpoint::Connection;

/// Writes up to this size nearly always go at once.
pub const SMALL_BYTES: usize = 16 * 1024;
/// How long nobody looks whether they did, if nothing else happens on the connection.
pub const SOON: Duration = Duration::from_millis(20);

/// Both ends of an answer's way.
pub struct Way<'a> {
    /// Where it comes from, until it has given all.
    pub connection: Option<Connection>,
    /// What is in flight there as long.
    pub chosen: &'a Cell<Option<Chosen>>,
    /// The room that the exchange takes at the cluster, until then too.
    pub permit: &'a Cell<Option<Permit>>,
    /// True if the origin lets its connection be used again.
    pub keeps_upstream: bool,
    /// Where it goes.
    pub downstream: &'a Stream,
    /// Buffers for the large part.
    pub pool: &'a Rc<Pool>,
    /// Ends a stalled read or write.
    pub sending: &'a Deadline,
    /// Without a byte from upstream.
    pub idle_timeout: Duration,
    /// Without a byte taken by the client.
    pub write_timeout: Duration,
    /// True if, after the last write, nothing needs to be done before the client says something.
    pub is_unhurried: bool,
    /// Shared with the other direction.
    pub duplex: &'a Duplex,
    /// This worker's figures.
    pub metrics: &'a Slot<WorkerMetrics>,
    /// What happened in the exchange.
    pub tally: &'a Tally,
    /// Of the generation it runs on.
    pub pins: &'a Pins,
}

/// How an answer's body is framed on each side.
#[derive(Debug, Clone, Copy)]
pub struct Framings {
    /// As it comes.
    pub upstream: Framing,
    /// As it goes.
    pub downstream: Framing,
}

impl Way<'_> {
    /// Writes `head` and the body that begins in `buffer`, which came at `now_nanos`. True if the origin sent exactly
    /// what it announced.
    pub async fn relay(
        &mut self,
        head: &[u8],
        buffer: Buffer,
        framings: Framings,
        now_nanos: u64,
    ) -> Result<bool, Fault> {
        let emit = if framings.downstream == Framing::Chunked { Emit::Framed } else { Emit::Data };
        let mut cursor = BodyCursor::new(framings.upstream, emit);
        let chunks = framings.upstream == Framing::UntilClose && framings.downstream == Framing::Chunked;
        let mut encoder = chunks.then(ChunkEncoder::default);
        let sent = &self.tally.response_bytes;
        let mut head = Some(head);
        let mut buffer = buffer;
        loop {
            let portion = cursor.advance(buffer.filled_mut()).map_err(|error| Fault::Breach(error.into()))?;
            if let Some(copying) = &self.duplex.copying {
                copying.body(&buffer.filled()[..portion.kept]);
            }
            let leftover = buffer.len() - portion.consumed;
            sent.set(sent.get() + portion.kept as u64);
            if cursor.is_done() {
                self.tally.ended_nanos.set(if head.is_some() { now_nanos } else { clock::nanos() });
                self.settle(leftover == 0);
            }
            if portion.kept > 0 || head.is_some() {
                let mut limit = portion.kept;
                if let Some(encoder) = &mut encoder
                    && limit > 0
                {
                    limit += encoder.begin_chunk(&mut buffer, limit);
                }
                buffer = self.put_head(head.take(), buffer, &mut limit).await?;
                buffer = self.write(buffer, limit, cursor.is_done()).await?;
            }
            if cursor.is_done() {
                return Ok(leftover == 0);
            }
            buffer.consume(buffer.len() - leftover);
            buffer = self.read(buffer, &cursor).await?;
            if buffer.len() == leftover {
                return match framings.upstream {
                    Framing::UntilClose => self.finish(encoder, buffer).await,
                    _ => Err(Breach::TruncatedBody.into()),
                };
            }
        }
    }

    /// Puts the head in front of what is to be written, or writes it by itself where there is no room.
    async fn put_head(
        &self,
        head: Option<&[u8]>,
        mut buffer: Buffer,
        limit: &mut usize,
    ) -> Result<Buffer, Fault> {
        let Some(head) = head else { return Ok(buffer) };
        if buffer.prepend(head) {
            *limit += head.len();
            return Ok(buffer);
        }
        let mut alone = self.pool.lease(Size::Standard);
        alone.tail().extend_from_slice(head);
        let len = alone.len();
        self.write(alone, len, false).await?;
        Ok(buffer)
    }

    /// The origin has given all: its connection is ready for the next exchange, if this one was whole on both sides.
    fn settle(&mut self, is_clean: bool) {
        self.chosen.take();
        self.permit.take();
        let is_whole = self.duplex.is_opened.get() && self.duplex.is_uploaded.get();
        let Some(connection) = self.connection.take() else { return };
        self.tally.grpc_status.set(connection.grpc_status());
        if is_clean && is_whole && self.keeps_upstream {
            connection.release(self.pool.lease_behind(Size::Standard, HEADROOM), self.ended_ms());
        }
    }

    /// When the origin had given all, in milliseconds of the coarse clock; 0 before.
    fn ended_ms(&self) -> u64 {
        self.tally.ended_nanos.get() / 1_000_000
    }

    async fn write(&self, buffer: Buffer, limit: usize, is_last: bool) -> Result<Buffer, Fault> {
        self.duplex.has_begun.set(true);
        self.duplex.has_spoken.set(true);
        let progress = &self.duplex.progress;
        let mut write = pin!(self.downstream.write_counting(buffer, limit, progress));
        let is_unhurried =
            is_last && self.is_unhurried && self.duplex.is_watched.get() && limit <= SMALL_BYTES;
        let soon_ms = due_ms(self.ended_ms(), SOON);
        let soon = if is_unhurried { self.sending.unhurried(soon_ms, write.as_mut()).await } else { None };
        let buffer = match soon {
            Some((outcome, buffer)) => outcome.map(|()| buffer).map_err(|_| Code::ClientGone)?,
            None => {
                let buffer =
                    patiently(write, self.downstream, self.sending, self.write_timeout, progress).await?;
                self.tally.ended_nanos.set(0);
                buffer
            }
        };
        self.metrics.bytes_downstream_written.add(limit as u64);
        self.pins.carried.set(self.pins.carried.get() + limit as u64);
        Ok(buffer)
    }

    /// Reads behind what is left in `buffer`, or into a fresh one that suits what is to come.
    async fn read(&mut self, mut buffer: Buffer, cursor: &BodyCursor) -> Result<Buffer, Fault> {
        if buffer.is_empty() {
            let size = cursor.buffer_size();
            if size == Size::Large && buffer.capacity() < size.bytes() {
                buffer = self.pool.lease(size);
            }
            buffer.reset(CHUNK_HEADROOM);
        } else {
            buffer.make_room(Size::Standard.bytes() / 2);
            if buffer.spare() == 0 {
                return Err(Breach::BadChunk.into());
            }
        }
        if self.pins.is_expired.get() {
            return Err(Code::GenerationExpired.into());
        }
        // It is there until the origin has given all.
        let Some(connection) = &mut self.connection else { return Err(Breach::TruncatedBody.into()) };
        let mut read = pin!(connection.read(|| buffer));
        let (outcome, buffer) = loop {
            // The request may be on its way meanwhile: idle is a connection on which nothing moves.
            let before = self.duplex.uploaded_bytes.get();
            match self.sending.guard(self.idle_timeout, read.as_mut()).await {
                Ok(arrived) => break arrived,
                Err(_) if self.duplex.uploaded_bytes.get() != before => {}
                Err(_) => return Err(Code::UpstreamIdleTimeout.into()),
            }
        };
        match outcome {
            Ok(count) => self.metrics.bytes_upstream_read.add(count as u64),
            Err(_) => return Err(Breach::TruncatedBody.into()),
        }
        Ok(buffer)
    }

    async fn finish(&self, encoder: Option<ChunkEncoder>, mut buffer: Buffer) -> Result<bool, Fault> {
        if let Some(encoder) = encoder {
            buffer.reset(HEADROOM);
            buffer.tail().extend_from_slice(encoder.end());
            let len = buffer.len();
            self.write(buffer, len, true).await?;
        }
        Ok(false)
    }
}

/// Room in front of a read for a chunk's head: CR LF, 16 digits, CR LF.
const CHUNK_HEADROOM: usize = 32;

/// Frames bytes of a body that ends with its connection.
#[derive(Default)]
struct ChunkEncoder {
    has_begun: bool,
}

impl ChunkEncoder {
    /// Puts the head of a chunk of `len` bytes before them, and the end of the chunk before that. Returns how
    /// many bytes that took.
    fn begin_chunk(&mut self, buffer: &mut Buffer, len: usize) -> usize {
        let head = encode::chunk_head(len);
        let mut count = head.len();
        // Reads leave CHUNK_HEADROOM, the first one HEADROOM with a response head in between.
        let fits = buffer.prepend(&head);
        debug_assert!(fits);
        if self.has_begun {
            let fits = buffer.prepend(b"\r\n");
            debug_assert!(fits);
            count += 2;
        }
        self.has_begun = true;
        count
    }

    /// What ends the body.
    fn end(&self) -> &'static [u8] {
        if self.has_begun { b"\r\n0\r\n\r\n" } else { b"0\r\n\r\n" }
    }
}

/// Writes the first `limit` bytes of `buffer` to a client, and gives the buffer back. A client that takes nothing for
/// `timeout` is given up.
pub async fn write(
    downstream: &Stream,
    buffer: Buffer,
    limit: usize,
    sending: &Deadline,
    timeout: Duration,
    progress: &Cell<u64>,
) -> Result<Buffer, Fault> {
    let write = pin!(downstream.write_counting(buffer, limit, progress));
    patiently(write, downstream, sending, timeout, progress).await
}

/// Awaits a write to a client as long as the client takes something: that shows in `progress` or, for one that is slow, in
/// what the kernel still holds.
async fn patiently<W: Future<Output = (io::Result<()>, Buffer)>>(
    mut write: Pin<&mut W>,
    downstream: &Stream,
    sending: &Deadline,
    timeout: Duration,
    progress: &Cell<u64>,
) -> Result<Buffer, Fault> {
    let mut held = None;
    loop {
        let before = progress.get();
        match sending.guard(timeout / 2, write.as_mut()).await {
            Ok((Ok(()), buffer)) => return Ok(buffer),
            Ok((Err(_), _)) => return Err(Code::ClientGone.into()),
            Err(_) => {}
        }
        let holds = downstream.unsent_bytes();
        let takes = progress.get() != before || held.is_none_or(|held| holds < held);
        if !takes {
            return Err(Code::ClientStalled.into());
        }
        progress.set(progress.get() + u64::from(held.is_some()));
        held = Some(holds);
    }
}
