//! From an endpoint's address as written to one that can be connected to.
//!
//! Names are resolved once, when the configuration is compiled; what is to be asked again is `discover`. The first IPv4
//! address wins, because services that answer on loopback or in one network nearly always have one. A name must not lead
//! where the cluster's guard does not admit; an address that is written is meant.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::control::discovery::guard::Guard;
use crate::net::addr::EndpointAddr;

/// Why an endpoint has no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// Short and stable: `unresolved`, `refused-address`.
    pub code: &'static str,
    /// A clause.
    pub reason: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Unresolved {
    fn new(reason: String) -> Self {
        let hint = "write an address, or a name that the host's resolver knows";
        Self { code: "unresolved", reason, hint }
    }
}

/// Resolves `host:port`, `[ipv6]:port` or `unix:/path`.
pub fn resolve(text: &str, guard: &Guard) -> Result<EndpointAddr, Unresolved> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(EndpointAddr::Unix(PathBuf::from(path)));
    }
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Ok(EndpointAddr::Tcp(addr));
    }
    let found = text
        .to_socket_addrs()
        .map_err(|error| Unresolved::new(format!("`{text}` cannot be resolved: {error}")))?;
    best(text, &found.collect::<Vec<_>>(), guard)
}

/// The address of these that is used.
fn best(text: &str, found: &[SocketAddr], guard: &Guard) -> Result<EndpointAddr, Unresolved> {
    let is_local = is_local(text);
    let refusal = |address: IpAddr| guard.refusal(address).filter(|_| !(is_local && address.is_loopback()));
    let admitted = || found.iter().filter(|addr| refusal(addr.ip()).is_none());
    let best = admitted().find(|addr| addr.is_ipv4()).or_else(|| admitted().next());
    match (best, found.first()) {
        (Some(addr), _) => Ok(EndpointAddr::Tcp(*addr)),
        (None, None) => Err(Unresolved::new(format!("`{text}` has no address"))),
        (None, Some(first)) => {
            let why = refusal(first.ip()).unwrap_or_default();
            Err(Unresolved {
                code: "refused-address",
                reason: format!("`{text}` leads to {}, which is {why}", first.ip()),
                hint: "write the address itself, or admit it with `allow_addresses`",
            })
        }
    }
}

/// RFC 6761 6.3: these names are this host.
fn is_local(text: &str) -> bool {
    let host =
        text.rsplit_once(':').map_or(text, |(host, _)| host).trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, &'static str> {
        let guard = Guard::none();
        resolve(text, &guard).map(|addr| addr.to_string()).map_err(|error| error.code)
    }

    #[test]
    fn takes_addresses_paths_and_names() {
        assert_eq!(told("127.0.0.1:80"), Ok(String::from("127.0.0.1:80")));
        assert_eq!(told("unix:/run/a.sock"), Ok(String::from("unix:/run/a.sock")));
        assert_eq!(told("localhost:81"), Ok(String::from("127.0.0.1:81")));
        assert_eq!(told("no-such-host.invalid:80"), Err("unresolved"));
    }

    #[test]
    fn a_name_does_not_lead_where_it_should_not() {
        let of = |name: &str, found: &[&str]| {
            let found: Vec<SocketAddr> = found.iter().map(|one| one.parse().unwrap()).collect();
            best(name, &found, &Guard::none()).map(|addr| addr.to_string()).map_err(|error| error.code)
        };
        let private = Ok("10.0.0.1:80".to_owned());
        assert_eq!(of("a.test:80", &["127.0.0.1:80", "[::1]:80", "10.0.0.1:80"]), private);
        assert_eq!(of("a.test:80", &["[2001:db8::1]:80", "10.0.0.1:80"]), private);
        assert_eq!(of("a.test:80", &["127.0.0.1:80", "169.254.169.254:80"]), Err("refused-address"));
        assert_eq!(of("localhost:80", &["[::1]:80", "127.0.0.1:80"]), Ok("127.0.0.1:80".to_owned()));
        assert_eq!(of("localhost:80", &["169.254.169.254:80"]), Err("refused-address"));
        assert_eq!(of("a.test:80", &[]), Err("unresolved"));
    }

    #[test]
    fn a_name_does_not_lead_to_this_host_unless_it_says_so() {
        for (name, is_it) in [
            ("localhost:80", true),
            ("LOCALHOST.:80", true),
            ("a.localhost:80", true),
            ("localhost.evil:80", false),
        ] {
            assert_eq!(is_local(name), is_it, "{name}");
        }
    }
}
