//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and CRLF.
//!
//! Reads as strictly as the specification writes: one space, numbers without leading zeros, at most 107 bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{HeaderFault, HeaderVersion, Proxied, ProxyHeader};

/// What it begins with.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// Longest line with its end (section 2.1).
const LINE_BYTES_MAX: usize = 107;

/// Reads what begins with the signature, or with a part of it.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, HeaderFault> {
    let scope = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = memchr::memchr(b'\n', scope) else {
        return if scope.len() == LINE_BYTES_MAX { Err(HeaderFault::TooLong) } else { Ok(None) };
    };
    let line = bytes[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let proxied = line.and_then(addresses).ok_or(HeaderFault::Malformed)?;
    Ok(Some((ProxyHeader { version: HeaderVersion::V1, proxied }, end + 1)))
}

/// None if the line is wrong; Some(None) if it names nobody.
fn addresses(line: &str) -> Option<Option<Proxied>> {
    let mut words = line.split(' ').skip(1);
    let is_v6 = match words.next()? {
        "TCP4" => false,
        "TCP6" => true,
        // Whatever follows is to be ignored.
        "UNKNOWN" => return Some(None),
        _ => return None,
    };
    let mut ip = || address(words.next()?, is_v6);
    let (source, destination) = (ip()?, ip()?);
    let mut number = || port(words.next()?);
    let (source_port, destination_port) = (number()?, number()?);
    words.next().is_none().then_some(Some(Proxied {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    }))
}

fn address(word: &str, is_v6: bool) -> Option<IpAddr> {
    if is_v6 {
        word.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else {
        word.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    }
}

fn port(word: &str) -> Option<u16> {
    let is_plain =
        word.bytes().all(|byte| byte.is_ascii_digit()) && (word.len() == 1 || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain)
}
