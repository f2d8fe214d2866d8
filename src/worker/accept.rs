//! Accepting connections of one listening socket.
//!
//! One long-lived task per socket: an accept that is dropped in flight would leak what it accepts. Stops at the
//! worker's cap on connections, which leaves clients in the kernel's backlog until others have gone.

use std::io;
use std::net::TcpListener as StdListener;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use monoio::io::CancelHandle;
use monoio::net::{TcpListener, TcpStream};

use crate::net::addr::PeerAddr;
use crate::net::stream::{Stream, set_close_on_exec};
use crate::proxy::connection::serve_connection;
use crate::proxy::local::Local;

/// How long to wait when the process is out of descriptors, or the worker at its cap.
const BACK_OFF: Duration = Duration::from_millis(20);

/// Accepts until `stop` is cancelled; then takes what the kernel has finished already, and closes the socket.
pub async fn accept(local: Rc<Local>, listener: StdListener, index: usize, stop: CancelHandle) {
    let fd = listener.as_raw_fd();
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("worker {}: cannot listen: {error}", local.worker),
    };
    let mut has_complained = false;
    loop {
        let cap = i64::from(local.installed().snapshot.limits.connections);
        if local.metrics.connections_active.get() >= cap && !local.is_draining.get() {
            monoio::time::sleep(BACK_OFF).await;
            continue;
        }
        match listener.cancelable_accept(stop.clone()).await {
            Ok((stream, peer)) => begin(&local, stream, PeerAddr(peer), index),
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => break,
            // The client went away between its connect and our accept.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !has_complained {
                    eprintln!("worker {}: cannot accept: {error}; trying on", local.worker);
                    has_complained = true;
                }
                local.metrics.connections_refused.add(1);
                monoio::time::sleep(BACK_OFF).await;
            }
        }
    }
    while let Some((stream, peer)) = accept_now(fd) {
        begin(&local, stream, peer, index);
    }
}

fn begin(local: &Rc<Local>, stream: TcpStream, peer: PeerAddr, index: usize) {
    set_close_on_exec(stream.as_raw_fd());
    local.metrics.connections_accepted.add(1);
    local.metrics.connections_active.add(1);
    let local = local.clone();
    monoio::spawn(async move {
        serve_connection(local.clone(), Stream::from_tcp(stream), peer, index).await;
        local.metrics.connections_active.sub(1);
    });
}

/// A connection that is complete already. The listening socket does not block.
fn accept_now(listener: RawFd) -> Option<(TcpStream, PeerAddr)> {
    // SAFETY: accept4 without an address writes nothing; the descriptor is open while its listener is.
    let fd =
        unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: the descriptor is new and nobody else's.
    let stream = unsafe { std::net::TcpStream::from_raw_fd(fd) };
    stream.set_nonblocking(true).ok()?;
    let peer = PeerAddr(stream.peer_addr().ok()?);
    Some((TcpStream::from_std(stream).ok()?, peer))
}
