//! One connected transport, used from both directions of one task.
//!
//! Reads and writes lend their buffer to the kernel and give it back. Whoever drops a read in flight loses
//! what it would have brought; downstream reads therefore go through [`super::intake`].

use std::cell::{Cell, UnsafeCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::task::Poll;

use monoio::io::{AsyncReadRent, AsyncWriteRent, CancelHandle, CancelableAsyncReadRent};
use monoio::net::{TcpStream, UnixStream};

use crate::net::addr::EndpointAddr;
use crate::net::tls::session::{Facts, Session};
use crate::net::transport::Transport;
use crate::rt::buffer::{Buffer, Spare, Window};

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Reads and writes never come this far.
    None,
}

/// A connected transport.
pub struct Stream {
    kind: UnsafeCell<Kind>,
    fd: RawFd,
    /// What is between it and the wire, where it speaks TLS.
    session: Option<Box<Session>>,
    /// What it stands on instead of a socket.
    transport: Option<Rc<dyn Transport>>,
    /// True if the read in flight on a transport is to end.
    is_cancelled: Cell<bool>,
}

/// No descriptor.
const NO_FD: RawFd = -1;

macro_rules! on_kind {
    ($self:expr, $stream:ident => $call:expr) => {
        // SAFETY: a Stream never leaves its thread, and both transports are `Split`: monoio promises that a
        // read and a write may be in flight at once, because each only clones the descriptor.
        match unsafe { &mut *$self.kind.get() } {
            Kind::Tcp($stream) => $call,
            Kind::Unix($stream) => $call,
            Kind::None => unreachable!("a stream without a socket has a transport"),
        }
    };
}

impl Stream {
    /// Takes a connected TCP socket.
    pub fn from_tcp(stream: TcpStream) -> Self {
        Self::new(stream.as_raw_fd(), Kind::Tcp(stream), None)
    }

    /// Stands on something that is no socket.
    pub fn from_transport(transport: Rc<dyn Transport>) -> Self {
        Self::new(NO_FD, Kind::None, Some(transport))
    }

    fn new(fd: RawFd, kind: Kind, transport: Option<Rc<dyn Transport>>) -> Self {
        let kind = UnsafeCell::new(kind);
        Self { kind, fd, session: None, transport, is_cancelled: Cell::new(false) }
    }

    /// Connects. The caller bounds the time; dropping this future in flight closes the socket.
    pub async fn connect(addr: &EndpointAddr) -> io::Result<Self> {
        match addr {
            EndpointAddr::Tcp(addr) => {
                let stream = TcpStream::connect_addr(*addr).await?;
                set_close_on_exec(stream.as_raw_fd());
                stream.set_nodelay(true)?;
                Ok(Self::from_tcp(stream))
            }
            EndpointAddr::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                set_close_on_exec(stream.as_raw_fd());
                Ok(Self::new(stream.as_raw_fd(), Kind::Unix(stream), None))
            }
        }
    }

    /// Speaks TLS from here on. The handshake is over.
    #[must_use]
    pub fn secured(mut self, session: Session) -> Self {
        self.session = Some(Box::new(session));
        self
    }

    /// What the handshake brought, if it speaks TLS.
    pub fn tls(&self) -> Option<&Facts> {
        match &self.transport {
            None => self.session.as_ref().map(|session| &session.facts),
            Some(transport) => transport.tls(),
        }
    }

    /// What it stands on, if that is no socket.
    pub fn transport(&self) -> Option<&dyn Transport> {
        self.transport.as_deref()
    }

    /// Reads behind what is in `buffer`. Ok(0) is the end of the stream (or a full buffer: do not).
    pub async fn read(&self, buffer: Buffer) -> (io::Result<usize>, Buffer) {
        match &self.session {
            None => self.read_wire(buffer).await,
            Some(session) => session.read(self, buffer, None).await,
        }
    }

    /// The same, and can be cancelled: then the outcome is ECANCELED, or the bytes if they won the race.
    pub async fn read_cancelable(&self, buffer: Buffer, handle: CancelHandle) -> (io::Result<usize>, Buffer) {
        match &self.session {
            None => self.read_wire_cancelable(buffer, handle).await,
            Some(session) => session.read(self, buffer, Some(handle)).await,
        }
    }

    /// Writes the first `limit` bytes of `buffer` and consumes them.
    pub async fn write(&self, buffer: Buffer, limit: usize) -> (io::Result<()>, Buffer) {
        self.write_counting(buffer, limit, &Cell::new(0)).await
    }

    /// The same; `progress` counts up with every part that the kernel took. One future for both transports with and
    /// without TLS, because it is part of every exchange's task.
    pub async fn write_counting(
        &self,
        buffer: Buffer,
        limit: usize,
        progress: &Cell<u64>,
    ) -> (io::Result<()>, Buffer) {
        if let Some(transport) = &self.transport {
            return Self::write_transport(&**transport, buffer, limit, progress).await;
        }
        let limit = limit.min(buffer.len());
        let (mut window, mut plain) = match &self.session {
            None => (Window { limit, buffer }, None),
            Some(_) => (Window { limit: 0, buffer: Buffer::default() }, Some((buffer, limit))),
        };
        loop {
            while window.limit > 0 {
                let (outcome, lent) = on_kind!(self, stream => stream.write(window).await);
                window = lent;
                let error = match outcome {
                    Ok(0) => io::ErrorKind::WriteZero.into(),
                    Ok(count) => {
                        progress.set(progress.get() + 1);
                        window.buffer.consume(count);
                        window.limit -= count;
                        continue;
                    }
                    Err(error) => error,
                };
                return (Err(error), plain.map_or(window.buffer, |(plain, _)| plain));
            }
            let (Some((buffer, left)), Some(session)) = (&mut plain, &self.session) else {
                return (Ok(()), window.buffer);
            };
            let sealed = session.seal(buffer, left);
            match sealed {
                Ok(Some(sealed)) => window = Window { limit: sealed.len(), buffer: sealed },
                ended => {
                    let buffer = plain.map_or(window.buffer, |(plain, _)| plain);
                    return (ended.map(drop), buffer);
                }
            }
        }
    }

    /// Reads what is on the wire, below TLS.
    pub(super) async fn read_wire(&self, buffer: Buffer) -> (io::Result<usize>, Buffer) {
        if let Some(transport) = &self.transport {
            return self.read_transport(&**transport, buffer).await;
        }
        let (outcome, spare) = on_kind!(self, stream => stream.read(Spare(buffer)).await);
        (outcome, spare.0)
    }

    /// The same, and can be cancelled.
    pub(super) async fn read_wire_cancelable(
        &self,
        buffer: Buffer,
        handle: CancelHandle,
    ) -> (io::Result<usize>, Buffer) {
        if let Some(transport) = &self.transport {
            return self.read_transport(&**transport, buffer).await;
        }
        let (outcome, spare) = on_kind!(self, stream => stream.cancelable_read(Spare(buffer), handle).await);
        (outcome, spare.0)
    }

    async fn read_transport(
        &self,
        transport: &dyn Transport,
        mut buffer: Buffer,
    ) -> (io::Result<usize>, Buffer) {
        self.is_cancelled.set(false);
        let outcome = poll_fn(|cx| match transport.poll_read(cx, &mut buffer) {
            Poll::Pending if self.is_cancelled.get() => {
                Poll::Ready(Err(io::Error::from_raw_os_error(libc::ECANCELED)))
            }
            other => other,
        })
        .await;
        (outcome, buffer)
    }

    /// Makes the read in flight on a transport end when it is polled the next time.
    pub(super) fn cancel_read(&self) {
        self.is_cancelled.set(true);
    }

    async fn write_transport(
        transport: &dyn Transport,
        mut buffer: Buffer,
        limit: usize,
        progress: &Cell<u64>,
    ) -> (io::Result<()>, Buffer) {
        let mut left = limit.min(buffer.len());
        while left > 0 {
            let taken = poll_fn(|cx| transport.poll_write(cx, &mut buffer.filled_mut()[..left])).await;
            match taken {
                Ok(count) => {
                    progress.set(progress.get() + 1);
                    buffer.consume(count);
                    left -= count;
                }
                Err(error) => return (Err(error), buffer),
            }
        }
        (Ok(()), buffer)
    }

    /// Writes all of `buffer` and consumes it.
    pub async fn write_all(&self, buffer: Buffer) -> (io::Result<()>, Buffer) {
        let len = buffer.len();
        self.write(buffer, len).await
    }

    /// Waits until there is something to read, without holding a buffer.
    pub async fn readable(&self) -> io::Result<()> {
        if self.session.as_ref().is_some_and(|session| session.is_readable()) {
            return Ok(());
        }
        if let Some(transport) = &self.transport {
            poll_fn(|cx| transport.poll_readable(cx)).await;
            return Ok(());
        }
        on_kind!(self, stream => stream.readable(false).await)
    }

    /// Writes a few bytes at once or not at all, without waiting. True if they are on their way.
    pub fn send_now(&self, bytes: &[u8]) -> bool {
        match (&self.session, &self.transport) {
            (Some(session), _) => session.send_now(self, bytes),
            (None, Some(transport)) => transport.send_now(bytes),
            (None, None) => self.send_wire_now(bytes) == bytes.len(),
        }
    }

    /// Gives the kernel as much as it takes now, below TLS. How much that was.
    pub(super) fn send_wire_now(&self, bytes: &[u8]) -> usize {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the pointer and length are those of a live slice; the descriptor is open as long as `self` is.
        let sent = unsafe { libc::send(self.fd, bytes.as_ptr().cast(), bytes.len(), flags) };
        usize::try_from(sent).unwrap_or(0)
    }

    /// Copies what has arrived, without waiting and without taking it. Ok(0) is the end of the stream.
    pub fn peek_now(&self, into: &mut [u8]) -> io::Result<usize> {
        self.receive_now(into, libc::MSG_PEEK)
    }

    /// Takes bytes that have arrived, as [`Stream::peek_now`] has seen.
    pub fn take_now(&self, into: &mut [u8]) -> io::Result<()> {
        let count = self.receive_now(into, 0)?;
        if count == into.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn receive_now(&self, into: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
        // SAFETY: the pointer and length are those of a live slice; the descriptor is open as long as `self` is.
        let count =
            unsafe { libc::recv(self.fd, into.as_mut_ptr().cast(), into.len(), flags | libc::MSG_DONTWAIT) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Where a client has connected to. Unspecified for what is no TCP connection.
    pub fn local_addr(&self) -> SocketAddr {
        if let Some(transport) = &self.transport {
            return transport.local_addr();
        }
        // SAFETY: the descriptor is open as long as `self` is, and only borrowed.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let addr = socket2::SockRef::from(&fd).local_addr().ok().and_then(|addr| addr.as_socket());
        addr.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Bytes that the kernel holds because the other side has not taken them yet.
    pub fn unsent_bytes(&self) -> usize {
        if let Some(transport) = &self.transport {
            return transport.unsent_bytes();
        }
        let mut count: libc::c_int = 0;
        // SAFETY: SIOCOUTQ writes one int to the pointer; the descriptor is open as long as `self` is.
        let outcome = unsafe { libc::ioctl(self.fd, libc::TIOCOUTQ, &raw mut count) };
        if outcome < 0 { 0 } else { usize::try_from(count).unwrap_or(0) }
    }

    /// Tells the other side that nothing more will come.
    pub fn shutdown_write(&self) {
        if let Some(session) = &self.session {
            session.say_goodbye(self);
        }
        if let Some(transport) = &self.transport {
            return transport.shutdown_write();
        }
        // SAFETY: the descriptor is open as long as `self` is; an error means the peer is gone already.
        unsafe { libc::shutdown(self.fd, libc::SHUT_WR) };
    }

    /// Makes the close that follows a reset, so that a peer does not take a cut answer for a whole one.
    pub fn reset_on_close(&self) {
        if let Some(session) = &self.session {
            // A close_notify would make what was cut look whole.
            session.fall_silent();
        }
        if let Some(transport) = &self.transport {
            return transport.reset();
        }
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the descriptor is open as long as `self` is and the option is a valid `linger`.
        unsafe {
            libc::setsockopt(
                self.fd,
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            )
        };
    }

    /// False if the other side has closed, or has sent something that nobody asked for: an idle upstream
    /// connection in that state must not be used. One system call, about 0.3 us.
    pub fn is_quiet(&self) -> bool {
        if self.session.as_ref().is_some_and(|session| !session.is_quiet()) {
            return false;
        }
        if let Some(transport) = &self.transport {
            return transport.is_quiet();
        }
        let mut byte = 0_u8;
        // SAFETY: the buffer is one writable byte and the descriptor is open as long as `self` is.
        let outcome =
            unsafe { libc::recv(self.fd, (&raw mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
        outcome < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.say_goodbye(self);
        }
    }
}

/// Descriptors must not leak into processes that are started later.
pub fn set_close_on_exec(fd: RawFd) {
    // SAFETY: fcntl with F_SETFD touches nothing but the descriptor's flag.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}
