//! The answer's body on its way to the client.
//!
//! One read, one write, in one buffer: bytes go on where they lie. The head is written in front of the first of
//! them, so that a small answer is one write. Large bodies move to a large buffer.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::http::h1::chunked::Emit;
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::refusal::Breach;
use crate::net::stream::Stream;
use crate::policy::reply::{Code, Fault};
use crate::proxy::body::BodyCursor;
use crate::proxy::upload::Duplex;
use crate::rt::buffer::{Buffer, HEADROOM, Pool, Size};
use crate::rt::deadline::Deadline;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::WorkerMetrics;

/// Both ends of an answer's way.
pub struct Way<'a> {
    /// Where it comes from.
    pub upstream: &'a Stream,
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
    /// Shared with the other direction.
    pub duplex: &'a Duplex,
    /// This worker's figures.
    pub metrics: &'a Slot<WorkerMetrics>,
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
    /// Writes `head` and the body that begins in `buffer`. True if the origin sent exactly what it announced
    /// and its connection can be used again.
    pub async fn relay(
        &self,
        head: &[u8],
        buffer: Buffer,
        framings: Framings,
        sent: &Cell<u64>,
    ) -> Result<bool, Fault> {
        let emit = if framings.downstream == Framing::Chunked { Emit::Framed } else { Emit::Data };
        let mut cursor = BodyCursor::new(framings.upstream, emit);
        let chunks = framings.upstream == Framing::UntilClose && framings.downstream == Framing::Chunked;
        let mut encoder = chunks.then(ChunkEncoder::default);
        let mut head = Some(head);
        let mut buffer = buffer;
        loop {
            let portion = cursor.advance(buffer.filled_mut()).map_err(|error| Fault::Breach(error.into()))?;
            let leftover = buffer.len() - portion.consumed;
            sent.set(sent.get() + portion.kept as u64);
            if portion.kept > 0 || head.is_some() {
                let mut limit = portion.kept;
                if let Some(encoder) = &mut encoder
                    && limit > 0
                {
                    limit += encoder.begin_chunk(&mut buffer, limit);
                }
                buffer = self.put_head(head.take(), buffer, &mut limit).await?;
                buffer = self.write(buffer, limit).await?;
            }
            buffer.consume(buffer.len() - leftover);
            if cursor.is_done() {
                return Ok(leftover == 0);
            }
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
        self.write(alone, len).await?;
        Ok(buffer)
    }

    async fn write(&self, buffer: Buffer, limit: usize) -> Result<Buffer, Fault> {
        self.duplex.has_begun.set(true);
        self.duplex.has_spoken.set(true);
        let progress = &self.duplex.progress;
        let buffer =
            write(self.downstream, buffer, limit, self.sending, self.write_timeout, progress).await?;
        self.metrics.bytes_downstream_written.add(limit as u64);
        Ok(buffer)
    }

    /// Reads behind what is left in `buffer`, or into a fresh one that suits what is to come.
    async fn read(&self, mut buffer: Buffer, cursor: &BodyCursor) -> Result<Buffer, Fault> {
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
        let mut read = pin!(self.upstream.read(buffer));
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
            self.write(buffer, len).await?;
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
/// `timeout` is given up: what it takes shows in `progress` or, for one that is slow, in what the kernel still holds.
pub async fn write(
    downstream: &Stream,
    buffer: Buffer,
    limit: usize,
    sending: &Deadline,
    timeout: Duration,
    progress: &Cell<u64>,
) -> Result<Buffer, Fault> {
    let mut write = pin!(downstream.write_counting(buffer, limit, progress));
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
