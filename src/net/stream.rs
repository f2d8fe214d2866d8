//! One connected transport, used from both directions of one task.
//!
//! Reads and writes lend their buffer to the kernel and give it back. Whoever drops a read in flight loses
//! what it would have brought; downstream reads therefore go through [`super::intake`].

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use monoio::io::{AsyncReadRent, AsyncWriteRent, CancelHandle, CancelableAsyncReadRent};
use monoio::net::{TcpStream, UnixStream};

use crate::net::addr::EndpointAddr;
use crate::rt::buffer::{Buffer, Spare, Window};

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connected transport.
pub struct Stream {
    kind: UnsafeCell<Kind>,
    fd: RawFd,
}

macro_rules! on_kind {
    ($self:expr, $stream:ident => $call:expr) => {
        // SAFETY: a Stream never leaves its thread, and both transports are `Split`: monoio promises that a
        // read and a write may be in flight at once, because each only clones the descriptor.
        match unsafe { &mut *$self.kind.get() } {
            Kind::Tcp($stream) => $call,
            Kind::Unix($stream) => $call,
        }
    };
}

impl Stream {
    /// Takes a connected TCP socket.
    pub fn from_tcp(stream: TcpStream) -> Self {
        Self { fd: stream.as_raw_fd(), kind: UnsafeCell::new(Kind::Tcp(stream)) }
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
                Ok(Self { fd: stream.as_raw_fd(), kind: UnsafeCell::new(Kind::Unix(stream)) })
            }
        }
    }

    /// Reads behind what is in `buffer`. Ok(0) is the end of the stream (or a full buffer: do not).
    pub async fn read(&self, buffer: Buffer) -> (io::Result<usize>, Buffer) {
        let (outcome, spare) = on_kind!(self, stream => stream.read(Spare(buffer)).await);
        (outcome, spare.0)
    }

    /// The same, and can be cancelled: then the outcome is ECANCELED, or the bytes if they won the race.
    pub async fn read_cancelable(&self, buffer: Buffer, handle: CancelHandle) -> (io::Result<usize>, Buffer) {
        let (outcome, spare) = on_kind!(self, stream => stream.cancelable_read(Spare(buffer), handle).await);
        (outcome, spare.0)
    }

    /// Writes the first `limit` bytes of `buffer` and consumes them.
    pub async fn write(&self, buffer: Buffer, limit: usize) -> (io::Result<()>, Buffer) {
        self.write_counting(buffer, limit, &Cell::new(0)).await
    }

    /// The same; `progress` counts up with every part that the kernel took.
    pub async fn write_counting(
        &self,
        buffer: Buffer,
        limit: usize,
        progress: &Cell<u64>,
    ) -> (io::Result<()>, Buffer) {
        let mut window = Window { limit: limit.min(buffer.len()), buffer };
        while window.limit > 0 {
            let (outcome, lent) = on_kind!(self, stream => stream.write(window).await);
            window = lent;
            match outcome {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), window.buffer),
                Ok(count) => {
                    progress.set(progress.get() + 1);
                    window.buffer.consume(count);
                    window.limit -= count;
                }
                Err(error) => return (Err(error), window.buffer),
            }
        }
        (Ok(()), window.buffer)
    }

    /// Writes all of `buffer` and consumes it.
    pub async fn write_all(&self, buffer: Buffer) -> (io::Result<()>, Buffer) {
        let len = buffer.len();
        self.write(buffer, len).await
    }

    /// Waits until there is something to read, without holding a buffer.
    pub async fn readable(&self) -> io::Result<()> {
        on_kind!(self, stream => stream.readable(false).await)
    }

    /// Writes a few bytes at once or not at all, without waiting. True if they are on their way.
    pub fn send_now(&self, bytes: &[u8]) -> bool {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the pointer and length are those of a live slice; the descriptor is open as long as `self` is.
        let sent = unsafe { libc::send(self.fd, bytes.as_ptr().cast(), bytes.len(), flags) };
        usize::try_from(sent).is_ok_and(|sent| sent == bytes.len())
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
        // SAFETY: the descriptor is open as long as `self` is, and only borrowed.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let addr = socket2::SockRef::from(&fd).local_addr().ok().and_then(|addr| addr.as_socket());
        addr.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Bytes that the kernel holds because the other side has not taken them yet.
    pub fn unsent_bytes(&self) -> usize {
        let mut count: libc::c_int = 0;
        // SAFETY: SIOCOUTQ writes one int to the pointer; the descriptor is open as long as `self` is.
        let outcome = unsafe { libc::ioctl(self.fd, libc::TIOCOUTQ, &raw mut count) };
        if outcome < 0 { 0 } else { usize::try_from(count).unwrap_or(0) }
    }

    /// Tells the other side that nothing more will come.
    pub fn shutdown_write(&self) {
        // SAFETY: the descriptor is open as long as `self` is; an error means the peer is gone already.
        unsafe { libc::shutdown(self.fd, libc::SHUT_WR) };
    }

    /// Makes the close that follows a reset, so that a peer does not take a cut answer for a whole one.
    pub fn reset_on_close(&self) {
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
        let mut byte = 0_u8;
        // SAFETY: the buffer is one writable byte and the descriptor is open as long as `self` is.
        let outcome =
            unsafe { libc::recv(self.fd, (&raw mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
        outcome < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
    }
}

/// Descriptors must not leak into processes that are started later.
pub fn set_close_on_exec(fd: RawFd) {
    // SAFETY: fcntl with F_SETFD touches nothing but the descriptor's flag.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}
