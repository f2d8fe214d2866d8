//! Addresses: one to bind or dial, and ranges to compare clients with.
//!
//! Names are not resolved here; `localhost` alone is known, as 127.0.0.1.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use super::{Unit, UnitError, written_as_text};

/// A range of addresses: CIDR, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether `addr` is in it. An IPv4 address in IPv6 form counts as the IPv4 address.
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.contains(&addr.to_canonical())
    }

    /// As the network crate has it; no host bits are set.
    pub const fn net(&self) -> IpNet {
        self.0
    }
}

impl FromStr for AddressRange {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let net = match text.parse::<IpAddr>() {
            Ok(addr) => IpNet::from(addr),
            Err(_) => text.parse::<IpNet>().map_err(|_| no_range(text))?,
        };
        if net.addr() != net.network() {
            return Err(UnitError::new(format!("`{text}` has bits set beyond its prefix")).hint(format!(
                "write {} for the range or {} for the address",
                net.trunc(),
                net.addr()
            )));
        }
        Ok(Self(canonical(net)))
    }
}

fn no_range(text: &str) -> UnitError {
    let parts = text.split_once('/').and_then(|(addr, bits)| Some((addr.parse::<IpAddr>().ok()?, bits)));
    let Some((addr, bits)) = parts else {
        return UnitError::new(format!("`{text}` is neither an address nor a range of addresses"))
            .hint("write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32");
    };
    let most = if addr.is_ipv4() { 32 } else { 128 };
    UnitError::new(format!("`{bits}` is not a prefix length"))
        .hint(format!("write a number from 0 to {most} behind the slash, or {addr} alone"))
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`, because clients are compared in that form.
fn canonical(net: IpNet) -> IpNet {
    let mapped = match net {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(addr, prefix)| Ipv4Net::new(addr, prefix).ok()).map_or(net, IpNet::V4)
}

impl Unit for AddressRange {
    const FORMAT: &'static str = "address-range";
    const PATTERN: &'static str = r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$";
    const EXAMPLES: &'static [&'static str] = &["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
    const ABOUT: &'static str = "A range of addresses in CIDR form, or one address.";
}
written_as_text!(AddressRange);

/// An address with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketAddress(SocketAddr);

impl SocketAddress {
    /// As the standard library has it.
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for SocketAddress {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return Ok(Self(addr));
        }
        let local = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
        if let Some(port) = local {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        Err(UnitError::new(format!("`{text}` is not an address with a port")).hint(meant(text)))
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn meant(text: &str) -> String {
    if let Ok(addr) = text.parse::<IpAddr>() {
        return format!("add the port: {}", SocketAddr::from((addr, 8080)));
    }
    let port = text.strip_prefix('*').unwrap_or(text);
    if let Ok(port) = port.strip_prefix(':').unwrap_or(port).parse::<u16>() {
        return format!(
            "write 0.0.0.0:{port} for every IPv4 address or 127.0.0.1:{port} for this host alone"
        );
    }
    match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_err() => "the port is a number, 0 to 65535".to_owned(),
        Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => format!("write [{host}]:{port}"),
        Some((_, port)) => {
            format!("names are not looked up here: write 0.0.0.0:{port} or the host's own address")
        }
        None => "write 0.0.0.0:8080 or [::]:8080".to_owned(),
    }
}

impl Unit for SocketAddress {
    const FORMAT: &'static str = "socket-address";
    const PATTERN: &'static str = r"^(localhost|[0-9.]+|\[[0-9A-Fa-f.:%]+\]):[0-9]{1,5}$";
    const EXAMPLES: &'static [&'static str] = &["0.0.0.0:8080", "[::]:8443", "localhost:9000"];
    const ABOUT: &'static str = "An address with a port.";
}
written_as_text!(SocketAddress);
