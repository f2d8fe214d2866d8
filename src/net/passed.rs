//! A listening socket that somebody else has bound and passed on.
//!
//! Owns the check that it is what a worker can accept on, and how N workers come to share it. Binds nothing but
//! sockets beside it; whose it is to be, the caller knows.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::listener::bind;

/// A listening TCP socket from outside.
#[derive(Debug)]
pub struct Passed {
    socket: Socket,
    addr: SocketAddr,
}

/// How workers share a passed socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// All accept on the one socket; the kernel wakes one of those that wait.
    OneSocket,
    /// The first worker has the passed socket, the others sockets of their own beside it (SO_REUSEPORT).
    Beside,
}

impl Passed {
    /// Takes a descriptor that has been passed, or says what it is instead of a listening TCP socket.
    ///
    /// # Errors
    /// In the words of an operator.
    pub fn adopt(fd: OwnedFd) -> Result<Self, String> {
        let socket = Socket::from(fd);
        let kind = socket.r#type().map_err(|error| format!("is no socket: {error}"))?;
        let domain = socket.domain().map_err(|error| error.to_string())?;
        if domain == Domain::UNIX {
            return Err("is a unix socket; a listener takes TCP".to_owned());
        }
        if kind != Type::STREAM || socket.protocol().ok().flatten() != Some(Protocol::TCP) {
            return Err("is not a TCP socket (ListenStream= makes one)".to_owned());
        }
        if !socket.is_listener().map_err(|error| error.to_string())? {
            return Err(
                "does not listen; it is a connection (Accept=no passes the listening socket)".to_owned()
            );
        }
        let addr = socket.local_addr().ok().and_then(|addr| addr.as_socket());
        let addr = addr.ok_or_else(|| "has no IP address".to_owned())?;
        Self::prepare(&socket).map_err(|error| error.to_string())?;
        Ok(Self { socket, addr })
    }

    fn prepare(socket: &Socket) -> io::Result<()> {
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)
    }

    /// Where it is bound.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// One listening socket for each of `count` workers.
    ///
    /// The passed one always goes on being accepted on, so nobody in its backlog is lost. Sockets beside it need
    /// SO_REUSEPORT on it and the same user as its maker; where that fails for one, all share the passed one.
    pub fn for_workers(self, backlog: u16, count: usize) -> io::Result<(Vec<StdListener>, Sharing)> {
        if count > 1 && self.socket.reuse_port().unwrap_or(false) {
            let beside: io::Result<Vec<StdListener>> = (1..count).map(|_| bind(self.addr, backlog)).collect();
            if let Ok(mut listeners) = beside {
                listeners.insert(0, self.socket.into());
                return Ok((listeners, Sharing::Beside));
            }
        }
        let mut listeners = Vec::with_capacity(count);
        for _ in 1..count {
            listeners.push(self.socket.try_clone()?.into());
        }
        listeners.push(self.socket.into());
        Ok((listeners, Sharing::OneSocket))
    }

    /// The socket for a single thread.
    pub fn into_listener(self) -> StdListener {
        self.socket.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn takes_a_listening_socket_and_knows_its_address() {
        let listener = StdListener::bind(loopback()).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(Passed::adopt(listener.into()).unwrap().addr(), addr);
    }

    #[test]
    fn refuses_what_no_worker_can_accept_on() {
        let listener = StdListener::bind(loopback()).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let refused: [(OwnedFd, &str); 4] = [
            (client.into(), "does not listen"),
            (UdpSocket::bind(loopback()).unwrap().into(), "not a TCP socket"),
            (unix.into(), "unix socket"),
            (file.into(), "no socket"),
        ];
        for (fd, why) in refused {
            let reason = Passed::adopt(fd).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn a_plain_socket_is_shared_and_one_with_reuse_port_gets_company() {
        let plain = StdListener::bind(loopback()).unwrap();
        let (shared, sharing) = Passed::adopt(plain.into()).unwrap().for_workers(16, 3).unwrap();
        assert_eq!((shared.len(), sharing), (3, Sharing::OneSocket));
        let reusable = bind(loopback(), 16).unwrap();
        let addr = reusable.local_addr().unwrap();
        let (beside, sharing) = Passed::adopt(reusable.into()).unwrap().for_workers(16, 3).unwrap();
        assert_eq!((beside.len(), sharing), (3, Sharing::Beside));
        assert!(beside.iter().all(|listener| listener.local_addr().unwrap() == addr));
    }
}
