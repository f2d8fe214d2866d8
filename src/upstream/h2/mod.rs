//! HTTP/2 towards endpoints: connections that many exchanges share, and their streams as transports of HTTP/1.1 text.
//!
//! A worker has its own connections; nothing crosses threads. An exchange gets a [`lane::Lane`], which the proxy uses as it
//! uses a socket. Owns when connections are opened, shared, given up and closed. Never retries.

mod frames;
pub mod hub;
pub mod lane;
pub mod link;
mod reading;
mod writing;

use std::time::Duration;

use crate::config::units::ByteSize;
use crate::upstream::config::{ClusterConfig, GrpcWebConfig, ProtocolConfig};

/// How endpoints are spoken to in HTTP/2.
#[derive(Debug, Clone, Copy)]
pub struct Http2Plan {
    /// True if the TLS handshake decides between this and HTTP/1.1.
    pub is_negotiated: bool,
    /// True if TLS is spoken.
    pub is_https: bool,
    /// True if gRPC-Web becomes gRPC.
    pub translates_grpc_web: bool,
    /// Streams at once on one connection, if the endpoint allows as many.
    pub streams: u32,
    /// What an endpoint may send of one stream before it is taken.
    pub window: u32,
    /// How old a connection may get before it takes no more streams.
    pub age: Duration,
    /// Without a byte from the endpoint while streams are open, until it is asked for a sign of life.
    pub ping_after: Duration,
    /// How long that may take.
    pub ping_timeout: Duration,
    /// Largest head that is taken, in bytes.
    pub head_bytes: u32,
}

impl Http2Plan {
    /// From the written form; None where HTTP/2 is not spoken.
    pub fn of(config: &ClusterConfig) -> Option<Self> {
        if config.protocol == ProtocolConfig::Http1 {
            return None;
        }
        let http2 = &config.http2;
        let bytes = |size: ByteSize| u32::try_from(size.bytes()).unwrap_or(u32::MAX >> 1);
        Some(Self {
            is_negotiated: config.protocol == ProtocolConfig::Auto,
            is_https: config.tls.is_some(),
            translates_grpc_web: config.grpc_web == GrpcWebConfig::Translate,
            streams: http2.streams,
            window: bytes(http2.window),
            age: http2.max_age.duration(),
            ping_after: http2.ping_after.duration(),
            ping_timeout: http2.ping_timeout.duration(),
            head_bytes: bytes(config.pool.head_bytes),
        })
    }

    /// What is offered in a TLS handshake.
    pub fn protocols(&self) -> &'static [&'static [u8]] {
        if self.is_negotiated { &[b"h2", b"http/1.1"] } else { &[b"h2"] }
    }
}
