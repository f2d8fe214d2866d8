//! Accepting connections of one listening socket.
//!
//! One long-lived task per socket: an accept that is dropped in flight would leak what it accepts. Stops at the
//! worker's cap on connections if no other worker has room either, which leaves clients in the kernel's backlog
//! until others have gone. Which worker a connection goes to is decided in [`super::placement`].

use std::io;
use std::net::TcpListener as StdListener;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use monoio::io::CancelHandle;
use monoio::net::{TcpListener, TcpStream};

use crate::net::addr::PeerAddr;
use crate::net::stream::{Stream, set_close_on_exec};
use crate::proxy::l4::callers::at_the_door;
use crate::proxy::local::Local;
use crate::rt::say::say;
use crate::worker::placement::{Placement, begin, connections_max};

/// Idle connections that make room for new ones while a worker is full.
const IDLE_CLOSED_AT_ONCE: usize = 32;
/// How long to wait when the process is out of descriptors, or the worker at its cap.
const BACK_OFF: Duration = Duration::from_millis(20);

/// Accepts until `stop` is cancelled; then takes what the kernel has finished already, and closes the socket.
pub async fn accept(
    local: Rc<Local>,
    placement: Rc<Placement>,
    listener: StdListener,
    index: usize,
    stop: CancelHandle,
) {
    let fd = listener.as_raw_fd();
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return say(format_args!("worker {}: cannot listen: {error}", local.worker)),
    };
    let mut has_complained = false;
    loop {
        let is_full = local.metrics.connections_active.get() >= connections_max(&local);
        if is_full && !local.is_draining.get() && !placement.has_room_elsewhere() {
            local.close_some_idle(IDLE_CLOSED_AT_ONCE);
            monoio::time::sleep(BACK_OFF).await;
            continue;
        }
        match listener.cancelable_accept(stop.clone()).await {
            Ok((stream, peer)) => {
                set_close_on_exec(stream.as_raw_fd());
                local.metrics.connections_accepted.add(1);
                match at_the_door(&local.installed(), index, peer.ip()) {
                    Ok(called) => placement.place(&local, stream, PeerAddr(peer), index, called),
                    Err(_) => refuse(stream),
                }
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => break,
            // The client went away between its connect and our accept.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !has_complained {
                    say(format_args!("worker {}: cannot accept: {error}; trying on", local.worker));
                    has_complained = true;
                }
                local.metrics.connections_refused.add(1);
                local.close_some_idle(IDLE_CLOSED_AT_ONCE);
                monoio::time::sleep(BACK_OFF).await;
            }
        }
    }
    while let Some(accepted) = accept_now(fd) {
        // A client that is gone already has no address any more.
        if let Ok((stream, peer)) = accepted {
            local.metrics.connections_accepted.add(1);
            match at_the_door(&local.installed(), index, peer.ip()) {
                Ok(called) => begin(&local, &placement, stream, peer, index, called),
                Err(_) => refuse(stream),
            }
        }
    }
}

/// Closes at once, and so that nothing of it is left with us.
fn refuse(stream: TcpStream) {
    Stream::from_tcp(stream).reset_on_close();
}

/// A connection that is complete already. The listening socket does not block.
fn accept_now(listener: RawFd) -> Option<io::Result<(TcpStream, PeerAddr)>> {
    // SAFETY: accept4 without an address writes nothing; the descriptor is open while its listener is.
    let fd =
        unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: the descriptor is new and nobody else's.
    let stream = unsafe { std::net::TcpStream::from_raw_fd(fd) };
    Some(adopt(stream))
}

fn adopt(stream: std::net::TcpStream) -> io::Result<(TcpStream, PeerAddr)> {
    stream.set_nonblocking(true)?;
    let peer = PeerAddr(stream.peer_addr()?);
    Ok((TcpStream::from_std(stream)?, peer))
}
