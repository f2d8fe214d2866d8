//! Non-blocking sockets with as few system calls as possible: listen, connect, receive, discard, send.
//!
//! Knows nothing of HTTP. Loopback and unix sockets only.

use std::fmt;
use std::fs::Permissions;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// Connections the kernel holds before they are accepted; it lowers this to its own limit.
const BACKLOG: i32 = 16_384;
/// A gateway that does not take a connection within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where something listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP on loopback.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(out),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// A port of 127.0.0.1 that the kernel chooses.
    pub fn any() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    fn kernel(&self) -> io::Result<(Domain, SockAddr)> {
        Ok(match self {
            Self::Tcp(addr) => (Domain::for_address(*addr), SockAddr::from(*addr)),
            Self::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        })
    }
}

/// A listening socket, and where it listens.
pub fn listen(address: &Address) -> io::Result<(OwnedFd, Address)> {
    let (domain, kernel) = address.kernel()?;
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if let Address::Tcp(_) = address {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&kernel)?;
    if let Address::Unix(path) = address {
        // nginx's workers are somebody else when it is started as root.
        std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let bound = match address {
        Address::Tcp(_) => socket.local_addr()?.as_socket().map(Address::Tcp),
        Address::Unix(_) => None,
    };
    Ok((socket.into(), bound.unwrap_or_else(|| address.clone())))
}

/// A connected socket.
pub fn connect(address: &Address) -> io::Result<OwnedFd> {
    let (domain, kernel) = address.kernel()?;
    let socket = Socket::new(domain, Type::STREAM, None)?;
    match address {
        Address::Tcp(_) => {
            socket.connect_timeout(&kernel, CONNECT_TIMEOUT)?;
            socket.set_tcp_nodelay(true)?;
        }
        Address::Unix(_) => socket.connect(&kernel)?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A socket that is being connected, and cannot be written to before it is.
pub fn begin_connect(address: &Address) -> io::Result<OwnedFd> {
    let (domain, kernel) = address.kernel()?;
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
    if let Address::Tcp(_) = address {
        socket.set_tcp_nodelay(true)?;
    }
    match socket.connect(&kernel) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// The next connection that waits at `listener`, if there is one.
pub fn accept(listener: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    use std::os::fd::FromRawFd;
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: accept4 without an address writes nothing.
    let fd =
        unsafe { libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    if fd < 0 {
        return unless_it_would_block(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // Fails on a unix socket, which needs none.
    let _ = socket2::SockRef::from(&fd).set_tcp_nodelay(true);
    Ok(Some(fd))
}

/// Reads into `buffer`. Ok(Some(0)) is the end, Ok(None) that nothing is there.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the kernel writes within the buffer.
    let count = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    usize::try_from(count).map_or_else(|_| unless_it_would_block(io::Error::last_os_error()), |n| Ok(Some(n)))
}

/// Drops up to `len` bytes without copying them: TCP only, tcp(7) MSG_TRUNC. Otherwise as [`receive`].
pub fn discard(fd: RawFd, len: usize) -> io::Result<Option<usize>> {
    // SAFETY: with MSG_TRUNC TCP writes nothing into the buffer, so that it may be null.
    let count = unsafe { libc::recv(fd, std::ptr::null_mut(), len, libc::MSG_TRUNC) };
    usize::try_from(count).map_or_else(|_| unless_it_would_block(io::Error::last_os_error()), |n| Ok(Some(n)))
}

/// Writes as much of `bytes` as there is room for; Ok(0) if there is none.
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads within the slice.
    let count = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    match usize::try_from(count) {
        Ok(count) => Ok(count),
        Err(_) => Ok(unless_it_would_block::<usize>(io::Error::last_os_error())?.unwrap_or(0)),
    }
}

/// Writes as much of `parts` as there is room for; Ok(None) if there is none.
pub fn send_parts(fd: RawFd, parts: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
    // SAFETY: IoSlice is an iovec by its documentation, and the kernel only reads within the slices. The signal for
    // closed connections is ignored by every Rust program.
    let count = unsafe { libc::writev(fd, parts.as_ptr().cast(), parts.len() as i32) };
    usize::try_from(count).map_or_else(|_| unless_it_would_block(io::Error::last_os_error()), |n| Ok(Some(n)))
}

fn unless_it_would_block<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) }
}
