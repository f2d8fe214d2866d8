//! Which addresses names and registries may lead to: whoever controls a zone must not reach what only this host can.
//!
//! Refuses loopback, link-local addresses (metadata services of clouds are there), metadata services elsewhere, multicast
//! and what is no address of a host at all. Private ranges are where services live: they are admitted. An IPv4 address
//! counts in whatever IPv6 form it comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::units::AddressRange;
use crate::upstream::config::ClusterConfig;

/// What the addresses of one cluster are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    allow: Vec<AddressRange>,
    deny: Vec<AddressRange>,
}

impl Guard {
    /// As it is written.
    pub fn of(config: &ClusterConfig) -> Self {
        Self { allow: config.allow_addresses.clone(), deny: config.deny_addresses.clone() }
    }

    /// Where nothing is written.
    pub fn none() -> Self {
        Self { allow: Vec::new(), deny: Vec::new() }
    }

    /// Why this address is refused, if it is.
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let address = plain(address);
        if self.deny.iter().any(|range| range.contains(address)) {
            return Some("denied by `deny_addresses`");
        }
        kind(address).filter(|_| !self.allow.iter().any(|range| range.contains(address)))
    }
}

/// An IPv4 address behind the forms in which IPv6 carries it: mapped, compatible, and through NAT64 (RFC 6052 2.1).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let segments = v6.segments();
    let is_carrier =
        segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || (segments[..6] == [0; 6] && segments[6] != 0);
    let v4 = Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    if is_carrier { v4.into() } else { v6.into() }
}

/// What is special about an address that no name should lead to.
fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [first, ..] = address.octets();
    match address {
        METADATA_V4 | METADATA_ALIBABA => Some("a metadata service"),
        _ if address.is_loopback() => Some("loopback"),
        _ if address.is_link_local() => Some("link-local"),
        _ if first == 0 => Some("unspecified"),
        _ if first >= 240 => Some("reserved"),
        _ if address.is_multicast() => Some("multicast"),
        _ => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address {
        METADATA_AWS | METADATA_GOOGLE => Some("a metadata service"),
        _ if address.is_loopback() => Some("loopback"),
        _ if address.is_unspecified() => Some("unspecified"),
        _ if address.is_unicast_link_local() => Some("link-local"),
        _ if address.is_multicast() => Some("multicast"),
        _ => None,
    }
}

const METADATA_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const METADATA_ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const METADATA_AWS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_GOOGLE: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str], deny: &[&str]) -> Guard {
        let ranges = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Guard { allow: ranges(allow), deny: ranges(deny) }
    }

    fn refusal(guard: &Guard, address: &str) -> Option<&'static str> {
        guard.refusal(address.parse().unwrap())
    }

    #[test]
    fn refuses_what_only_this_host_can_reach_in_whatever_form() {
        let plain = guard(&[], &[]);
        for (address, why) in [
            ("127.0.0.1", "loopback"),
            ("127.255.0.9", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::7f00:1", "loopback"),
            ("169.254.169.254", "a metadata service"),
            ("::ffff:169.254.169.254", "a metadata service"),
            ("64:ff9b::a9fe:a9fe", "a metadata service"),
            ("fd00:ec2::254", "a metadata service"),
            ("100.100.100.200", "a metadata service"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "reserved"),
        ] {
            assert_eq!(refusal(&plain, address), Some(why), "{address}");
        }
    }

    #[test]
    fn admits_where_services_live() {
        let plain = guard(&[], &[]);
        for address in
            ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.7", "fd12::1", "2001:db8::1"]
        {
            assert_eq!(refusal(&plain, address), None, "{address}");
        }
    }

    #[test]
    fn what_is_written_is_heard_and_denying_wins() {
        let written = guard(&["127.0.0.0/8", "::1"], &["10.0.0.0/8", "127.0.0.9"]);
        assert_eq!(refusal(&written, "127.0.0.1"), None);
        assert_eq!(refusal(&written, "::1"), None);
        assert_eq!(refusal(&written, "169.254.169.254"), Some("a metadata service"));
        for address in ["10.0.0.1", "127.0.0.9", "::ffff:10.0.0.1"] {
            assert_eq!(refusal(&written, address), Some("denied by `deny_addresses`"), "{address}");
        }
    }
}
