//! What an endpoint is, how it is connected to, and why it is not.
//!
//! Values, the same for all workers.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::net::addr::EndpointAddr;
use crate::net::tls::fault::HandshakeFault;
use crate::rt::buffer::Pool;
use crate::shared::ledger::Ledger;
use crate::upstream::verdict::Outcome;

/// What an endpoint is, the same for all workers.
#[derive(Debug)]
pub struct EndpointPlan {
    /// Where it listens.
    pub addr: EndpointAddr,
    /// The address as written, for metrics and logs.
    pub label: Box<str>,
    /// What its certificate must be for, where TLS is spoken.
    pub tls_name: Option<ServerName<'static>>,
    /// Share of the requests relative to its neighbours.
    pub weight: u32,
    /// Lower ones are used first.
    pub tier: u8,
    /// Where it is, if that is known.
    pub zone: Option<Box<str>>,
    /// Open connections, counted for the whole gateway.
    pub connections: Ledger,
    /// Exchanges, counted likewise where they are limited.
    pub requests: Ledger,
}

/// How many connections are kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct PoolPlan {
    /// Idle connections per worker.
    pub idle: usize,
    /// How long one may be idle.
    pub idle_timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The endpoint did not take it.
    Refused(io::Error),
    /// It took too long, a handshake included.
    TimedOut,
    /// The handshake failed.
    Tls(HandshakeFault),
    /// The gateway's cap on connections to this endpoint is reached.
    Exhausted,
}

impl ConnectError {
    /// What it says of the endpoint. That the gateway has no connection left says nothing.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Exhausted => Outcome::Cancelled,
            _ => Outcome::Failure,
        }
    }
}

/// What a new connection is opened with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Bytes in front of everything else, a handshake too: a PROXY header.
    pub preface: Option<&'a [u8]>,
    /// For a handshake.
    pub buffers: &'a Rc<Pool>,
    /// True for what other protocols than HTTP/1.1 have no room for: something that is to be switched to.
    pub needs_http1: bool,
}
