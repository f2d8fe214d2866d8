//! From an endpoint's address as written to one that can be connected to.
//!
//! Names are resolved once, when the configuration is compiled; the first IPv4 address wins, because services that
//! answer on loopback or in one network nearly always have one.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::net::addr::EndpointAddr;

/// Resolves `host:port`, `[ipv6]:port` or `unix:/path`.
pub fn resolve(text: &str) -> Result<EndpointAddr, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(EndpointAddr::Unix(PathBuf::from(path)));
    }
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Ok(EndpointAddr::Tcp(addr));
    }
    let found: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|error| format!("`{text}` cannot be resolved: {error}"))?.collect();
    let best = found.iter().find(|addr| addr.is_ipv4()).or_else(|| found.first());
    best.map(|addr| EndpointAddr::Tcp(*addr)).ok_or_else(|| format!("`{text}` has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_paths_and_names() {
        assert_eq!(resolve("127.0.0.1:80").map(|addr| addr.to_string()), Ok(String::from("127.0.0.1:80")));
        assert_eq!(
            resolve("unix:/run/a.sock").map(|addr| addr.to_string()),
            Ok(String::from("unix:/run/a.sock"))
        );
        assert_eq!(resolve("localhost:81").map(|addr| addr.to_string()), Ok(String::from("127.0.0.1:81")));
        assert!(resolve("no-such-host.invalid:80").is_err());
    }
}
