//! The reading side of a downstream connection: no byte is ever lost to a dropped future.
//!
//! One long-lived reader task-within-the-task performs every read, so that whoever waits for bytes may
//! stop waiting at any time: the read goes on and its bytes are there for the next who asks. That makes it
//! safe to read ahead while an exchange waits for its upstream, which costs no extra operation and tells
//! when the client has gone.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use monoio::io::Canceller;

use crate::net::stream::Stream;
use crate::rt::buffer::{Buffer, Pool, Size};

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// More bytes are there.
    Bytes(usize),
    /// The client has closed its sending side.
    End,
}

#[derive(Default)]
struct Port {
    order: Cell<Option<Buffer>>,
    outcome: Cell<Option<(io::Result<usize>, Buffer)>>,
    canceller: RefCell<Canceller>,
}

/// The reading side of one connection.
pub struct Intake {
    port: Rc<Port>,
    reader: Pin<Box<dyn Future<Output = ()>>>,
    pool: Rc<Pool>,
    /// None while the kernel has it, or while nothing is held.
    buffer: Option<Buffer>,
    in_flight: bool,
    ended: bool,
    /// Bytes read so far.
    pub read_bytes: u64,
}

impl Intake {
    /// Reads from `stream` into buffers of `pool`.
    pub fn new(stream: Rc<Stream>, pool: Rc<Pool>) -> Self {
        let port = Rc::new(Port::default());
        Self {
            reader: Box::pin(read_on_order(stream, port.clone())),
            port,
            pool,
            buffer: None,
            in_flight: false,
            ended: false,
            read_bytes: 0,
        }
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
        if self.in_flight { None } else { self.buffer.take() }
    }

    /// Gives a buffer back, with what is left in it. Only after [`Self::take`] and before the next read.
    pub fn put_back(&mut self, buffer: Buffer) {
        debug_assert!(!self.in_flight && self.buffer.is_none());
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
        if !self.in_flight {
            let mut buffer = match self.buffer.take() {
                Some(buffer) if !buffer.is_empty() => buffer,
                _ => self.pool.lease(size),
            };
            buffer.make_room(1);
            if buffer.spare() == 0 {
                self.buffer = Some(buffer);
                return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
            }
            self.port.order.set(Some(buffer));
            self.in_flight = true;
        }
        // The reader never ends by itself; what matters is whether it has left an outcome.
        let _ = self.reader.as_mut().poll(cx);
        match self.port.outcome.take() {
            None => Poll::Pending,
            Some((outcome, buffer)) => Poll::Ready(self.landed(outcome, buffer)),
        }
    }

    /// Cancels the read in flight and waits for the kernel to give the buffer back. True if bytes, the end
    /// or an error arrived instead, which the next `fill` reports.
    pub async fn park(&mut self) -> bool {
        if !self.in_flight {
            return !self.bytes().is_empty();
        }
        let canceller = self.port.canceller.take();
        self.port.canceller.replace(canceller.cancel());
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
        self.in_flight = false;
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

async fn read_on_order(stream: Rc<Stream>, port: Rc<Port>) {
    loop {
        let buffer = poll_fn(|_| match port.order.take() {
            Some(buffer) => Poll::Ready(buffer),
            None => Poll::Pending,
        })
        .await;
        let handle = port.canceller.borrow().handle();
        port.outcome.set(Some(stream.read_cancelable(buffer, handle).await));
    }
}
