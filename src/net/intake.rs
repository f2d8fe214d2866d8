//! The reading side of a downstream connection: no byte is ever lost to a dropped future.
//!
//! All reads go through one [`Reader`], so that whoever waits for bytes may stop waiting at any time. That makes it safe
//! to read ahead while an exchange waits for its upstream, which costs no extra operation and tells when the client
//! has gone.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::net::reader::Reader;
use crate::net::stream::Stream;
use crate::rt::buffer::{Buffer, HEADROOM, Pool, Size};

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// More bytes are there.
    Bytes(usize),
    /// The client has closed its sending side.
    End,
}

/// The reading side of one connection.
pub struct Intake {
    reader: Reader,
    pool: Rc<Pool>,
    /// None while the kernel has it, or while nothing is held.
    buffer: Option<Buffer>,
    ended: bool,
    /// Bytes read so far.
    pub read_bytes: u64,
}

impl Intake {
    /// Reads from `stream` into buffers of `pool`.
    pub fn new(stream: Rc<Stream>, pool: Rc<Pool>) -> Self {
        Self { reader: Reader::cancelable(stream), pool, buffer: None, ended: false, read_bytes: 0 }
    }

    /// What has been read and not been taken. Empty while a read is in flight.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], Buffer::filled)
    }

    /// Drops `count` bytes from the front.
    pub fn consume(&mut self, count: usize) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(count);
        }
    }

    /// True once the client has closed its sending side.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the buffer out, to write it elsewhere. None if nothing has been read.
    pub fn take(&mut self) -> Option<Buffer> {
        if self.reader.is_in_flight() { None } else { self.buffer.take() }
    }

    /// Gives a buffer back, with what is left in it. Only after [`Self::take`] and before the next read.
    pub fn put_back(&mut self, buffer: Buffer) {
        debug_assert!(!self.reader.is_in_flight() && self.buffer.is_none());
        self.buffer = Some(buffer);
    }

    /// Reads more behind what is there. A full buffer is an error of kind `StorageFull`.
    pub async fn fill(&mut self) -> io::Result<Arrival> {
        self.fill_sized(Size::Standard).await
    }

    /// The same; where nothing is held, into a buffer of `size`.
    pub async fn fill_sized(&mut self, size: Size) -> io::Result<Arrival> {
        poll_fn(|cx| self.poll_fill(cx, size)).await
    }

    /// Polls for more bytes, beginning a read if none is in flight.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, size: Size) -> Poll<io::Result<Arrival>> {
        if self.ended {
            return Poll::Ready(Ok(Arrival::End));
        }
        if !self.reader.is_in_flight() {
            let mut buffer = match self.buffer.take() {
                Some(buffer) if !buffer.is_empty() => buffer,
                Some(mut buffer) if buffer.capacity() >= size.bytes() => {
                    buffer.reset(HEADROOM);
                    buffer
                }
                _ => self.pool.lease_behind(size, HEADROOM),
            };
            buffer.make_room(1);
            if buffer.spare() == 0 {
                self.buffer = Some(buffer);
                return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
            }
            self.reader.begin(buffer);
        }
        self.reader.poll(cx).map(|(outcome, buffer)| self.landed(outcome, buffer))
    }

    /// Cancels the read in flight and waits for the kernel to give the buffer back. True if bytes, the end
    /// or an error arrived instead, which the next `fill` reports.
    pub async fn park(&mut self) -> bool {
        if !self.reader.is_in_flight() {
            return !self.bytes().is_empty();
        }
        self.reader.cancel();
        let outcome = poll_fn(|cx| self.poll_fill(cx, Size::Standard)).await;
        match outcome {
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {
                self.buffer = None;
                false
            }
            _ => true,
        }
    }

    fn landed(&mut self, outcome: io::Result<usize>, buffer: Buffer) -> io::Result<Arrival> {
        // An empty buffer goes back to the pool at once.
        self.buffer = (!buffer.is_empty()).then_some(buffer);
        match outcome? {
            0 => {
                self.ended = true;
                Ok(Arrival::End)
            }
            count => {
                self.read_bytes += count as u64;
                Ok(Arrival::Bytes(count))
            }
        }
    }
}
