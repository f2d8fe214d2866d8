//! epoll through libc, edge-triggered, registered once per socket.
//!
//! Edge-triggered for both directions at once, so that no `epoll_ctl` is needed after the first: who reads less than
//! it asked for has drained the socket, who writes less waits for the next edge. Nothing else here.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Events taken from the kernel in one call; more wait for the next.
const EVENTS_MAX: usize = 1024;

/// An epoll instance.
pub struct Poller {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// What happened to a socket.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// As given to [`Poller::watch`].
    pub token: u64,
    /// Something can be read, or the other side is gone.
    pub is_readable: bool,
    /// There is room again to write.
    pub is_writable: bool,
}

impl Poller {
    /// An instance that watches nothing.
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes flags only.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches `fd` until it is closed.
    pub fn watch(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let wanted = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event { events: wanted as u32, u64: token };
        // SAFETY: the event is a valid one and is only read during the call.
        let outcome = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for events, at most `timeout`. Gives how many there are; an interrupting signal is none.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<usize> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let (fd, room) = (self.fd.as_raw_fd(), EVENTS_MAX as i32);
        // SAFETY: the vector has room for as many events as the call may write.
        let count = unsafe { libc::epoll_wait(fd, self.events.as_mut_ptr(), room, timeout_ms) };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) };
        };
        // SAFETY: the kernel has written the first `count` events.
        unsafe { self.events.set_len(count) };
        Ok(count)
    }

    /// One of the events of the last [`Self::wait`].
    pub fn event(&self, at: usize) -> Event {
        let event = self.events[at];
        let readable = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        Event {
            token: event.u64,
            is_readable: event.events & readable != 0,
            is_writable: event.events & libc::EPOLLOUT as u32 != 0,
        }
    }
}
