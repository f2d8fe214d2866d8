//! A header to bytes, for services that are told whom a connection is for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use smallvec::SmallVec;

use super::v2::{FIXED_BYTES, SIGNATURE, TCP4, TCP6};
use super::{HeaderVersion, Proxied};

/// Most bytes that [`encode`] gives.
pub const ENCODED_BYTES_MAX: usize = 108;

/// A header that speaks for `proxied`.
pub fn encode(version: HeaderVersion, proxied: &Proxied) -> SmallVec<[u8; ENCODED_BYTES_MAX]> {
    let mut out = SmallVec::new();
    let (source, destination) = same_family(proxied.source, proxied.destination);
    match version {
        HeaderVersion::V1 => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (proxied.source.port(), proxied.destination.port());
            let line = format!("PROXY {family} {source} {destination} {from} {to}\r\n");
            out.extend_from_slice(line.as_bytes());
        }
        HeaderVersion::V2 => {
            let (family, len) = if source.is_ipv4() { TCP4 } else { TCP6 };
            out.extend_from_slice(&SIGNATURE);
            out.extend_from_slice(&[0x21, family, 0, len as u8]);
            for ip in [source, destination] {
                match ip {
                    IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
                }
            }
            for addr in [proxied.source, proxied.destination] {
                out.extend_from_slice(&addr.port().to_be_bytes());
            }
            debug_assert_eq!(out.len(), FIXED_BYTES + len);
        }
    }
    out
}

/// A header has addresses of one family: IPv4 if both are, else IPv4 as IPv6.
fn same_family(source: SocketAddr, destination: SocketAddr) -> (IpAddr, IpAddr) {
    let (source, destination) = (source.ip().to_canonical(), destination.ip().to_canonical());
    if source.is_ipv4() && destination.is_ipv4() {
        return (source, destination);
    }
    (IpAddr::V6(wide(source)), IpAddr::V6(wide(destination)))
}

fn wide(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
