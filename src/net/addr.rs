//! Addresses, each side with a type of its own.
//!
//! A `PeerAddr` is whom the socket talks to; a `ClientAddr` is who that peer speaks for, after trusted
//! proxies have been believed. Mixing them up is how address rules are fooled.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The other end of a downstream socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The client itself: the peer, or whom a trusted proxy says it speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl PeerAddr {
    /// The address without port; an IPv4 address that came in over an IPv6 socket is IPv4.
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

/// Who is at the other end of a downstream connection.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Whom the connection belongs to: the socket's peer, or for whom that one speaks in a PROXY header.
    pub peer: PeerAddr,
    /// The socket's peer, if it speaks for another.
    pub via: Option<PeerAddr>,
    /// Where that other connected to.
    pub destination: Option<SocketAddr>,
}

impl From<PeerAddr> for Caller {
    fn from(peer: PeerAddr) -> Self {
        Self { peer, via: None, destination: None }
    }
}

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointAddr {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for EndpointAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(out),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
        let peer = PeerAddr("[::ffff:192.0.2.1]:80".parse().expect("an address"));
        assert_eq!(peer.ip(), "192.0.2.1".parse::<IpAddr>().expect("an address"));
    }
}
