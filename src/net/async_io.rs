//! A [`Stream`] as the HTTP/2 codec reads and writes it: polled, and in pieces.
//!
//! Reads go through one [`Reader`]; what is written is gathered until it is flushed, so that the frames of one turn of the
//! loop leave in one write, while another one may be in flight. Memory is a buffer on lease for each direction, none
//! while nothing moves and its owner has it rest. Knows nothing of frames: an [`Inspect`] sees what comes in.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::reader::Reader;
use crate::net::stream::Stream;
use crate::rt::buffer::{Buffer, Pool, Size};

/// Sees every byte that comes in, once and in order.
pub trait Inspect {
    /// An error ends the connection.
    fn inspect(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Inspect for () {
    fn inspect(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// What the owner of the codec knows of the transport below it.
#[derive(Default)]
pub struct Pulse {
    /// Set to have the buffer of the read given back until something comes.
    pub is_resting: Cell<bool>,
    /// Counts up with everything that the kernel took.
    pub progress: Cell<u64>,
    /// Bytes that wait to be taken by the kernel.
    pub unsent_bytes: Cell<usize>,
    /// Bytes that came in.
    pub read_bytes: Cell<u64>,
    /// Bytes that the kernel took.
    pub written_bytes: Cell<u64>,
}

/// A stream for a codec.
pub struct AsyncIo<I> {
    stream: Rc<Stream>,
    pool: Rc<Pool>,
    inspect: I,
    pulse: Rc<Pulse>,
    reader: Reader,
    incoming: Buffer,
    /// Waits for something to read, while nothing is on lease for it.
    rest: Option<Pin<Box<dyn Future<Output = ()>>>>,
    writer: Writer,
    outgoing: Buffer,
}

impl<I: Inspect + Unpin> AsyncIo<I> {
    /// Reads and writes `stream`; `opening` has been read from it already.
    pub fn new(stream: Rc<Stream>, pool: Rc<Pool>, opening: Buffer, mut inspect: I) -> io::Result<Self> {
        inspect.inspect(opening.filled())?;
        let pulse = Rc::new(Pulse::default());
        Ok(Self {
            reader: Reader::cancelable(stream.clone()),
            writer: Writer::new(stream.clone(), pulse.clone()),
            stream,
            pool,
            inspect,
            pulse,
            incoming: opening,
            rest: None,
            outgoing: Buffer::default(),
        })
    }

    /// What its owner may look at.
    pub fn pulse(&self) -> Rc<Pulse> {
        self.pulse.clone()
    }

    /// Reads until something is in `incoming`. False at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
                self.pulse.is_resting.set(false);
            }
            if !self.reader.is_in_flight() {
                self.incoming = Buffer::default();
                self.reader.begin(self.pool.lease(Size::Standard));
            }
            if self.pulse.is_resting.get() {
                self.reader.cancel();
            }
            let (outcome, buffer) = ready!(self.reader.poll(cx));
            match outcome {
                Ok(0) => return Poll::Ready(Ok(false)),
                Ok(count) => {
                    self.pulse.is_resting.set(false);
                    self.pulse.read_bytes.set(self.pulse.read_bytes.get() + count as u64);
                    self.inspect.inspect(buffer.filled())?;
                    self.incoming = buffer;
                    return Poll::Ready(Ok(true));
                }
                Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {
                    let stream = self.stream.clone();
                    // An error shows again when it is read.
                    self.rest = Some(Box::pin(async move { drop(stream.readable().await) }));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Hands on what has been gathered, unless a write is in flight.
    fn poll_writer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.writer.is_in_flight {
                ready!(self.writer.poll(cx))?;
            }
            if self.outgoing.is_empty() {
                // The pool has it while nothing is to be written.
                self.outgoing = Buffer::default();
                return Poll::Ready(Ok(()));
            }
            self.writer.begin(std::mem::take(&mut self.outgoing));
        }
    }

    /// Room behind what has been gathered.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.outgoing.capacity() == 0 {
            self.outgoing = self.pool.lease(Size::Standard);
        }
        if self.outgoing.spare() == 0 {
            ready!(self.poll_writer(cx))?;
            self.outgoing = self.pool.lease(Size::Standard);
        }
        Poll::Ready(Ok(self.outgoing.spare()))
    }

    fn gather(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.outgoing.spare());
        let fits = self.outgoing.append(&bytes[..count]);
        debug_assert!(fits);
        self.pulse.unsent_bytes.set(self.pulse.unsent_bytes.get() + count);
        count
    }
}

impl<I: Inspect + Unpin> AsyncRead for AsyncIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.is_empty() && !ready!(self.poll_fill(cx))? {
            return Poll::Ready(Ok(()));
        }
        let count = out.remaining().min(self.incoming.len());
        out.put_slice(&self.incoming.filled()[..count]);
        self.incoming.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<I: Inspect + Unpin> AsyncWrite for AsyncIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        Poll::Ready(Ok(self.gather(bytes)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        let mut total = 0;
        for slice in slices {
            let count = self.gather(slice);
            total += count;
            if count < slice.len() {
                break;
            }
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_writer(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_writer(cx))?;
        self.stream.shutdown_write();
        Poll::Ready(Ok(()))
    }
}

/// Performs the writes of one stream, as [`Reader`] performs its reads.
struct Writer {
    port: Rc<Port>,
    run: Pin<Box<dyn Future<Output = ()>>>,
    is_in_flight: bool,
}

#[derive(Default)]
struct Port {
    order: Cell<Option<Buffer>>,
    outcome: RefCell<Option<io::Result<()>>>,
}

impl Writer {
    fn new(stream: Rc<Stream>, pulse: Rc<Pulse>) -> Self {
        let port = Rc::new(Port::default());
        let orders = port.clone();
        let run = Box::pin(async move {
            loop {
                let next = poll_fn(|_| orders.order.take().map_or(Poll::Pending, Poll::Ready));
                let buffer = next.await;
                let len = buffer.len();
                let (outcome, _) = stream.write_counting(buffer, len, &pulse.progress).await;
                pulse.unsent_bytes.set(pulse.unsent_bytes.get().saturating_sub(len));
                pulse.written_bytes.set(pulse.written_bytes.get() + len as u64);
                orders.outcome.replace(Some(outcome));
            }
        });
        Self { port, run, is_in_flight: false }
    }

    fn begin(&mut self, buffer: Buffer) {
        self.port.order.set(Some(buffer));
        self.is_in_flight = true;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It never ends by itself; what matters is whether it has left an outcome.
        let _ = self.run.as_mut().poll(cx);
        let outcome = self.port.outcome.take();
        outcome.map_or(Poll::Pending, |outcome| {
            self.is_in_flight = false;
            Poll::Ready(outcome)
        })
    }
}
