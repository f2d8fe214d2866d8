//! Who the client is behind trusted proxies, and what the next hop is told about it.
//!
//! The written rule: fields of an untrusted peer (`X-Forwarded-*`, `Forwarded`) are dropped and begun anew; those of a
//! trusted peer are kept and extended. The client is the last address in X-Forwarded-For that is not itself a
//! trusted proxy, or the one in Forwarded (RFC 7239) where there is no X-Forwarded-For.

use std::net::{IpAddr, SocketAddr};

use crate::http::field::{FieldId, Fields, reads_as};
use crate::http::h1::encode;
use crate::net::addr::ClientAddr;
use crate::policy::exchange::Exchange;
use crate::policy::ip_filter::AddressSet;

/// Hops that are looked at, from the nearest. Longer chains do not occur; a client may send them.
const HOPS_MAX: usize = 32;

/// The nearest hop cannot be read, so nobody knows who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// The client that a trusted peer names, if it names one.
pub fn client(fields: &Fields, trusted: &AddressSet) -> Result<Option<ClientAddr>, Unreadable> {
    let mut hops = Hops::default();
    if fields.count(FieldId::XForwardedFor) > 0 {
        x_forwarded_for(fields).for_each(|hop| hops.push(parse_hop(hop)));
    } else {
        fields
            .list_tokens(FieldId::Forwarded)
            .for_each(|element| hops.push(forwarded_for(element).and_then(parse_hop)));
    }
    hops.farthest(trusted)
}

/// The elements of X-Forwarded-For. The field knows no quoting, so a quote must not hide a comma.
fn x_forwarded_for(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    let lines = fields.all(FieldId::XForwardedFor);
    lines
        .flat_map(|line| line.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|hop| !hop.is_empty())
}

/// The last hops of a chain, farthest first.
#[derive(Default)]
struct Hops {
    addrs: [Option<IpAddr>; HOPS_MAX],
    count: usize,
}

impl Hops {
    fn push(&mut self, addr: Option<IpAddr>) {
        self.addrs[self.count % HOPS_MAX] = addr;
        self.count += 1;
    }

    fn farthest(&self, trusted: &AddressSet) -> Result<Option<ClientAddr>, Unreadable> {
        let mut farthest = None;
        for back in 1..=self.count.min(HOPS_MAX) {
            let Some(addr) = self.addrs[(self.count - back) % HOPS_MAX] else {
                // Nobody vouches for what stands before a hop that cannot be read.
                return if farthest.is_some() { Ok(farthest) } else { Err(Unreadable) };
            };
            farthest = Some(ClientAddr(addr));
            if !trusted.contains(addr) {
                break;
            }
        }
        Ok(farthest)
    }
}

/// The value of `for=` in one element of Forwarded.
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    element.split(|&byte| byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then(|| value.trim_ascii())
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, each also in quotes.
fn parse_hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let addr = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|addr| addr.ip()));
    addr.map(|addr| addr.to_canonical())
}

/// True for further fields by which proxies tell who the client is: X-Real-IP and everything that begins with
/// X-Forwarded. Nobody but a trusted peer may send them.
pub fn tells_of_the_client(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-forwarded-";
    reads_as(name, b"x-real-ip") || name.get(..PREFIX.len()).is_some_and(|start| reads_as(start, PREFIX))
}

/// Writes the fields that tell the next hop about the client, the way and the request's id.
pub fn write_fields(exchange: &Exchange, scheme: &'static [u8], out: &mut Vec<u8>) {
    let fields = &exchange.request.fields;
    let kept = |id| if exchange.peer_is_trusted { fields.first(id) } else { None };
    out.extend_from_slice(b"X-Forwarded-For: ");
    if exchange.peer_is_trusted {
        for hop in x_forwarded_for(fields) {
            out.extend_from_slice(hop);
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(&exchange.peer_text);
    out.extend_from_slice(b"\r\n");
    encode::field(out, b"X-Forwarded-Proto", kept(FieldId::XForwardedProto).unwrap_or(scheme));
    if let Some(host) = kept(FieldId::XForwardedHost) {
        encode::field(out, b"X-Forwarded-Host", host);
    } else if !exchange.authority.is_empty() {
        encode::field(out, b"X-Forwarded-Host", &exchange.authority);
    }
    if kept(FieldId::Forwarded).is_some_and(is_balanced) {
        extend_forwarded(exchange, scheme, out);
    }
    write_via(fields, exchange.protocol, out);
    if let Some(certificate) = &exchange.client_certificate {
        // RFC 9440 2.2. What a client sends under this name was dropped before.
        encode::field(out, b"Client-Cert", &certificate.field);
    }
    encode::field(out, b"X-Request-Id", &exchange.request_id);
}

/// A quote that is not closed would take in what is appended behind it.
fn is_balanced(value: &[u8]) -> bool {
    value.iter().filter(|&&byte| byte == b'"').count().is_multiple_of(2)
}

/// RFC 7239 section 4: an element of our own behind those that came. Only where a trusted peer speaks it.
fn extend_forwarded(exchange: &Exchange, scheme: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Forwarded: ");
    for element in exchange.request.fields.list_tokens(FieldId::Forwarded) {
        out.extend_from_slice(element);
        out.extend_from_slice(b", ");
    }
    let (open, close): (&[u8], &[u8]) = match exchange.peer.ip() {
        IpAddr::V4(_) => (b"for=", b""),
        IpAddr::V6(_) => (b"for=\"[", b"]\""),
    };
    [open, &exchange.peer_text, close].into_iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(scheme);
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 7.6.3: every proxy adds itself, and in which version it was spoken to.
pub fn write_via(fields: &Fields, received: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Via: ");
    for hop in fields.list_tokens(FieldId::Via) {
        out.extend_from_slice(hop);
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(if received == "HTTP/2" { b"2.0 ringgate\r\n" } else { b"1.1 ringgate\r\n" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[(&str, &str)]) -> Option<String> {
        let ranges = ["10.0.0.0/8".parse().expect("a range")];
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.append(name.as_bytes(), value.as_bytes());
        }
        match client(&fields, &AddressSet::new(&ranges)) {
            Ok(client) => client.map(|client| client.0.to_string()),
            Err(Unreadable) => Some("unreadable".to_owned()),
        }
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let line = [("X-Forwarded-For", "1.1.1.1, 198.51.100.7, 10.0.0.2, 10.0.0.3")];
        assert_eq!(seen(&line).as_deref(), Some("198.51.100.7"));
        let lines = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.8:4711")];
        assert_eq!(seen(&lines).as_deref(), Some("198.51.100.8"));
    }

    #[test]
    fn a_chain_of_trusted_proxies_only_begins_with_the_farthest() {
        assert_eq!(seen(&[("X-Forwarded-For", "10.0.0.9, 10.0.0.3")]).as_deref(), Some("10.0.0.9"));
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        assert_eq!(seen(&[("X-Forwarded-For", "198.51.100.7, unknown")]).as_deref(), Some("unreadable"));
        assert_eq!(seen(&[("X-Forwarded-For", "unknown, 10.0.0.2")]).as_deref(), Some("10.0.0.2"));
        assert_eq!(seen(&[]), None);
    }

    #[test]
    fn a_quote_hides_no_comma() {
        assert_eq!(seen(&[("X-Forwarded-For", "\", 203.0.113.7")]).as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn knows_the_other_fields_that_name_a_client() {
        for name in ["X-Real-IP", "x_real_ip", "X-Forwarded-Port", "X_Forwarded_For", "x-forwarded-prefix"] {
            assert!(tells_of_the_client(name.as_bytes()), "{name}");
        }
        assert!(!tells_of_the_client(b"X-Forward"));
    }

    #[test]
    fn reads_the_standard_field_too() {
        let line = [("Forwarded", "for=\"[2001:db8::7]:80\";proto=https, for=10.0.0.2")];
        assert_eq!(seen(&line).as_deref(), Some("2001:db8::7"));
    }
}
