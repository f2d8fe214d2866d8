//! Host patterns: exact names and wildcards.
//!
//! Compares lower-cased names without port; lower-casing a request's host is its caller's work.
//! `*.example.com` matches any name below `example.com`, however deep, and not `example.com` itself.

use super::plan::PlanError;

/// Longest name DNS admits (RFC 1035 2.3.4).
const NAME_LEN_MAX: usize = 253;

/// One host a route answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Exact(String),
    /// Any name below this one; kept without the `*.`.
    Wildcard(String),
}

impl HostPattern {
    /// Reads a pattern as written in configuration.
    ///
    /// # Errors
    /// Where it is no host name or has a port; `at` says where it stands.
    pub fn parse(written: &str, at: &str) -> Result<Self, PlanError> {
        let name = written.to_ascii_lowercase();
        let (suffix, is_wildcard) = match name.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (name.as_str(), false),
        };
        if let Some(reason) = fault(suffix) {
            let hint = "write a name like api.example.com, or *.example.com for every name below it";
            return Err(PlanError::new(at, format!("`{written}` is not a host: {reason}"), hint));
        }
        Ok(if is_wildcard { Self::Wildcard(suffix.to_owned()) } else { Self::Exact(name) })
    }

    /// Whether `host`, lower-cased and without port, is meant.
    pub fn admits(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(suffix) => {
                host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => out.write_str(name),
            Self::Wildcard(suffix) => write!(out, "*.{suffix}"),
        }
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > NAME_LEN_MAX {
        return Some("it is longer than 253 characters");
    }
    if let Some(address) = name.strip_prefix('[') {
        let is_address =
            address.strip_suffix(']').is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        return (!is_address).then_some("it is no IPv6 address in brackets");
    }
    if name.contains('*') {
        return Some("`*` may only be its first label");
    }
    if name.contains(':') {
        return Some("it has a port");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Some("it has a character that no host has");
    }
    name.split('.').any(str::is_empty).then_some("it has an empty label")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(written: &str) -> HostPattern {
        HostPattern::parse(written, "hosts[0]").unwrap()
    }

    #[test]
    fn a_wildcard_admits_every_name_below_and_not_the_name_itself() {
        let wildcard = host("*.Example.com");
        assert!(wildcard.admits("a.example.com"));
        assert!(wildcard.admits("a.b.example.com"));
        assert!(!wildcard.admits("example.com"));
        assert!(!wildcard.admits(".example.com"));
        assert!(!wildcard.admits("aexample.com"));
    }

    #[test]
    fn names_are_compared_without_case() {
        assert!(host("API.example.com").admits("api.example.com"));
    }

    #[test]
    fn refuses_what_is_no_host() {
        for written in
            ["", "*", "a.*.com", "*.*.com", "a:80", "a..b", ".a", "a.", "a b", "a/b", "[::1", "[x]"]
        {
            assert!(HostPattern::parse(written, "hosts[0]").is_err(), "{written}");
        }
        assert!(HostPattern::parse("[::1]", "hosts[0]").is_ok());
    }
}
