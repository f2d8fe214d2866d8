//! Version 2: twelve bytes of signature, a fixed part, addresses, then further values (TLVs).
//!
//! TLVs are skipped, but have to fit; of the checksum among them, if it is there, every bit is held.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::crc32c::crc32c;
use super::{HEADER_BYTES_MAX, HeaderFault, HeaderVersion, Proxied, ProxyHeader};

/// What it begins with.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
pub(super) const FIXED_BYTES: usize = 16;

/// TCP over IPv4, and how long its addresses are (section 2.2).
pub(super) const TCP4: (u8, usize) = (0x11, 12);
/// TCP over IPv6.
pub(super) const TCP6: (u8, usize) = (0x21, 36);
/// PP2_TYPE_CRC32C.
const TYPE_CRC32C: u8 = 0x03;

/// Reads what begins with the signature, or with a part of it.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, HeaderFault> {
    let Some(&[command, family, high, low]) = bytes.get(12..FIXED_BYTES) else {
        // What is there can be wrong already.
        return match bytes.get(12) {
            Some(command) if !matches!(command, 0x20 | 0x21) => Err(HeaderFault::Malformed),
            _ => Ok(None),
        };
    };
    if !matches!(command, 0x20 | 0x21) {
        return Err(HeaderFault::Malformed);
    }
    let end = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if end > HEADER_BYTES_MAX {
        return Err(HeaderFault::TooLong);
    }
    let Some(header) = bytes.get(..end) else { return Ok(None) };
    // LOCAL: the sender speaks for itself, and nothing else of the header is to be looked at.
    let proxied = if command == 0x20 { None } else { addresses(family, header)? };
    Ok(Some((ProxyHeader { version: HeaderVersion::V2, proxied }, end)))
}

fn addresses(family: u8, header: &[u8]) -> Result<Option<Proxied>, HeaderFault> {
    let len = match family >> 4 {
        0 => 0,
        1 => TCP4.1,
        2 => TCP6.1,
        3 => 216,
        _ => return Err(HeaderFault::Malformed),
    };
    if family & 0x0F > 2 {
        return Err(HeaderFault::Malformed);
    }
    let block = header.get(FIXED_BYTES..FIXED_BYTES + len).ok_or(HeaderFault::Malformed)?;
    check_values(header, FIXED_BYTES + len)?;
    // Datagrams do not come in over a stream, and unix sockets have no address that could be anybody's.
    Ok(match family {
        family if family == TCP4.0 => Some(proxied(ipv4(block, 0), ipv4(block, 4), &block[8..])),
        family if family == TCP6.0 => Some(proxied(ipv6(block, 0), ipv6(block, 16), &block[32..])),
        _ => None,
    })
}

fn proxied(source: std::net::IpAddr, destination: std::net::IpAddr, ports: &[u8]) -> Proxied {
    Proxied {
        source: SocketAddr::new(source, u16::from_be_bytes([ports[0], ports[1]])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([ports[2], ports[3]])),
    }
}

fn ipv4(block: &[u8], at: usize) -> std::net::IpAddr {
    let octets: [u8; 4] = std::array::from_fn(|index| block[at + index]);
    Ipv4Addr::from(octets).into()
}

fn ipv6(block: &[u8], at: usize) -> std::net::IpAddr {
    let octets: [u8; 16] = std::array::from_fn(|index| block[at + index]);
    Ipv6Addr::from(octets).into()
}

/// Type, length in two bytes, value; to the end of the header and not beyond.
fn check_values(header: &[u8], mut at: usize) -> Result<(), HeaderFault> {
    while at < header.len() {
        let &[kind, high, low] = header.get(at..at + 3).ok_or(HeaderFault::Malformed)? else {
            return Err(HeaderFault::Malformed);
        };
        let value_at = at + 3;
        let end = value_at + usize::from(u16::from_be_bytes([high, low]));
        let value = header.get(value_at..end).ok_or(HeaderFault::Malformed)?;
        if kind == TYPE_CRC32C {
            let said: [u8; 4] = value.try_into().map_err(|_| HeaderFault::Malformed)?;
            // It is taken over the whole header, with zeros in its own place.
            if crc32c(&[&header[..value_at], &[0; 4], &header[end..]]) != u32::from_be_bytes(said) {
                return Err(HeaderFault::Checksum);
            }
        }
        at = end;
    }
    Ok(())
}
