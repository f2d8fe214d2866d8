//! The PROXY protocol, versions 1 and 2: whom a connection is for, said in front of its first byte.
//!
//! Bytes in, a value or a refusal out, and the other way round. Reads no socket. What a header says is only worth as
//! much as its sender: whether that one may speak for others is the caller's to know.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

mod crc32c;
mod encode;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::net::SocketAddr;

pub use encode::{ENCODED_BYTES_MAX, encode};

/// Longest header that is taken. Version 2 could have 64 KiB; real ones have some hundred bytes.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Which form a header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Both ends of the connection that the sender of a header has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxied {
    /// The client.
    pub source: SocketAddr,
    /// Where the client connected to.
    pub destination: SocketAddr,
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its form.
    pub version: HeaderVersion,
    /// Whom it speaks for. None if the sender speaks for itself (LOCAL), or for somebody without a TCP address (UNKNOWN,
    /// UNSPEC, unix sockets): then the peer is the client.
    pub proxied: Option<Proxied>,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// The connection does not begin with one.
    Missing,
    /// It begins with one that breaks the protocol.
    Malformed,
    /// It is longer than it may be.
    TooLong,
    /// Its checksum is not that of its bytes.
    Checksum,
}

/// Reads what a connection begins with. None as long as more is needed, and then every byte belongs to the header. Else
/// the header and its length.
///
/// # Errors
/// As soon as it can be told that no header comes.
pub fn read(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, HeaderFault> {
    if begins_like(bytes, &v2::SIGNATURE) {
        v2::read(bytes)
    } else if begins_like(bytes, v1::SIGNATURE) {
        v1::read(bytes)
    } else {
        Err(HeaderFault::Missing)
    }
}

/// True if `bytes` is the beginning of `signature`, or the other way round.
fn begins_like(bytes: &[u8], signature: &[u8]) -> bool {
    let len = bytes.len().min(signature.len());
    bytes[..len] == signature[..len]
}
