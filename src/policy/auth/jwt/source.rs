//! Where a key set comes from that control keeps current.
//!
//! A written form, compared as a whole: authenticators that say the same share one set, over routes and generations. It
//! holds no secret.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::config::KeyFetchConfig;
use crate::upstream::config::ClusterTlsConfig;

/// Shortest and longest time for which a set is good, whatever its server says.
pub const LIFETIME: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(86_400));

/// A source of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySetSource {
    /// Where.
    pub place: KeySetPlace,
    /// How long a set is good for where its server does not say.
    pub lifetime: Duration,
    /// Between two fetches because of a key that is not known.
    pub cool_down: Duration,
    /// Whether TLS may be missing.
    pub plain_http: bool,
    /// How the server is verified.
    pub tls: ClusterTlsConfig,
}

/// A place of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetPlace {
    /// An address.
    Url(String),
    /// The address that an issuer's description names.
    Discovery(String),
    /// A file.
    File(PathBuf),
}

impl KeySetSource {
    /// A place with these settings.
    pub fn new(place: KeySetPlace, fetch: &KeyFetchConfig) -> Self {
        Self {
            place,
            lifetime: fetch.lifetime.duration(),
            cool_down: fetch.cool_down.duration(),
            plain_http: fetch.plain_http,
            tls: fetch.tls.clone().unwrap_or_default(),
        }
    }

    /// Its name between workers and control: equal for equal sources, different for others.
    pub fn id(&self) -> Box<str> {
        format!("{self:?}").into()
    }
}

impl fmt::Display for KeySetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            KeySetPlace::Url(url) => f.write_str(url),
            KeySetPlace::Discovery(issuer) => write!(f, "the description of {issuer}"),
            KeySetPlace::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What is wrong with an address for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// No scheme that is spoken, or no host.
    #[error("this is not an address that begins with https://")]
    NotHttp,
    /// It holds what would be printed.
    #[error("an address of keys has neither a user nor a fragment")]
    HasMore,
    /// Whoever is in between could let anybody in.
    #[error("keys without TLS from another host: whoever is in between can let anybody in")]
    Plain,
}

/// Whether keys may be fetched from `url`.
///
/// # Errors
/// With what is wrong.
pub fn check_address(url: &str, plain_http: bool) -> Result<(), AddressFault> {
    let (scheme, rest) = url.split_once("://").ok_or(AddressFault::NotHttp)?;
    let is_plain = match scheme {
        "https" => false,
        "http" => true,
        _ => return Err(AddressFault::NotHttp),
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.is_empty()
        || url.chars().any(|character| character.is_whitespace() || character.is_control())
    {
        return Err(AddressFault::NotHttp);
    }
    if authority.contains('@') || url.contains('#') {
        return Err(AddressFault::HasMore);
    }
    if is_plain && !plain_http && !is_this_host(authority) {
        return Err(AddressFault::Plain);
    }
    Ok(())
}

fn is_this_host(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_host() {
        for fine in [
            "https://id.example/keys",
            "https://id.example:8443",
            "http://127.0.0.1:9/k",
            "http://[::1]:9/k",
            "http://localhost/k?a=b",
        ] {
            assert_eq!(check_address(fine, false), Ok(()), "{fine}");
        }
        for (wrong, fault) in [
            ("http://id.example/keys", AddressFault::Plain),
            ("http://127.0.0.1.example/", AddressFault::Plain),
            ("http://localhost.example/", AddressFault::Plain),
            ("https://user:pass@id.example/", AddressFault::HasMore),
            ("http://127.0.0.1@id.example/", AddressFault::HasMore),
            ("https://id.example/#a", AddressFault::HasMore),
            ("ftp://id.example/", AddressFault::NotHttp),
            ("id.example/keys", AddressFault::NotHttp),
            ("https:///keys", AddressFault::NotHttp),
            ("https://id.example/a b", AddressFault::NotHttp),
        ] {
            assert_eq!(check_address(wrong, false), Err(fault), "{wrong}");
        }
        assert_eq!(check_address("http://id.example/keys", true), Ok(()));
    }

    #[test]
    fn a_source_is_named_by_all_it_says() {
        let one = KeySetSource::new(KeySetPlace::Url("https://a".into()), &KeyFetchConfig::default());
        let plain = KeyFetchConfig { plain_http: true, ..KeyFetchConfig::default() };
        let other = KeySetSource::new(KeySetPlace::Url("https://a".into()), &plain);
        assert_eq!(one.id(), one.clone().id());
        assert_ne!(one.id(), other.id());
    }
}
