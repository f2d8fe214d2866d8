//! Listening sockets: one per worker and address, all with SO_REUSEPORT.
//!
//! The kernel spreads new connections over them, so workers share no accept queue. Binds; accepting is the
//! worker's.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Binds one listening socket for each of `count` workers. Port 0 takes a free port, the same for all.
pub fn bind_for_workers(addr: SocketAddr, backlog: u16, count: usize) -> io::Result<Vec<StdListener>> {
    let first = bind(addr, backlog)?;
    let addr = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(bind(addr, backlog)?);
    }
    Ok(listeners)
}

pub(super) fn bind(addr: SocketAddr, backlog: u16) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::from(backlog))?;
    Ok(socket.into())
}

/// True if another process listens on `addr`: SO_REUSEPORT would let two gateways of one user share it and
/// each get half of the clients, which is never what was meant.
pub fn is_taken(addr: SocketAddr) -> bool {
    let Ok(socket) = Socket::new(Domain::for_address(addr), Type::STREAM.cloexec(), Some(Protocol::TCP))
    else {
        return false;
    };
    let _ = socket.set_reuse_address(true);
    let bound = socket.bind(&addr.into()).and_then(|()| socket.listen(1));
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_every_worker_to_the_same_free_port() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let listeners = bind_for_workers(any, 16, 3).expect("loopback can be bound");
        let ports: Vec<u16> =
            listeners.iter().filter_map(|one| one.local_addr().ok()).map(|addr| addr.port()).collect();
        assert_eq!(ports.len(), 3);
        assert!(ports.iter().all(|&port| port == ports[0] && port != 0));
        assert!(is_taken(SocketAddr::from(([127, 0, 0, 1], ports[0]))));
    }
}
