//! Values that HTTP gives a form: field names and values, hosts, addresses of endpoints.
//!
//! What a token, a field's value or a host is, `http` and `route` say.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::units::UnitError;
use crate::http::{is_field_value, is_token};
use crate::route::host::HostPattern;

pub(super) fn field_name(name: &str) -> Result<(), UnitError> {
    if is_token(name.as_bytes()) {
        return Ok(());
    }
    let hint = match name.strip_suffix(':').filter(|name| is_token(name.as_bytes())) {
        Some(name) => format!("write {name} without the colon"),
        None => "a field name has letters, digits and `-`".to_owned(),
    };
    Err(UnitError::new(format!("`{name}` cannot be the name of a field")).hint(hint))
}

pub(super) fn field_value(value: &str) -> Result<(), UnitError> {
    // RFC 9110 5.5: the blanks around a value are not part of it.
    let bad = !is_field_value(value.as_bytes());
    if bad || value.trim_matches([' ', '\t']).len() != value.len() {
        return Err(UnitError::new("a field's value has no control characters and no blanks at its ends")
            .hint("write it on one line"));
    }
    Ok(())
}

/// A host with or without a port, as in a Host field.
pub(super) fn authority(written: &str) -> Result<(), UnitError> {
    let (host, port) = split_port(written);
    let bad_port = port.is_some_and(|port| port.parse::<u16>().is_err());
    let reason =
        host_name(host).err().or(bad_port.then(|| format!("the port of `{written}` is not a number")));
    reason.map_or(Ok(()), |reason| {
        Err(UnitError::new(reason).hint("write api.example.com or api.example.com:8443"))
    })
}

/// `host:port`, `[ipv6]:port` or `unix:/path`.
pub(super) fn endpoint(written: &str) -> Result<(), UnitError> {
    let refuse = |reason: &str, hint: String| Err(UnitError::new(format!("`{written}` {reason}")).hint(hint));
    if let Some(path) = written.strip_prefix("unix:") {
        // sun_path has 108 bytes with its end.
        return match path {
            _ if !path.starts_with('/') => {
                refuse("is not an absolute path", format!("write unix:/run/{path}"))
            }
            _ if path.len() > 107 => refuse("is longer than 107 bytes", "use a shorter path".to_owned()),
            _ => Ok(()),
        };
    }
    if let Some((_, rest)) = written.split_once("://") {
        let plain = rest.split('/').next().unwrap_or(rest);
        return refuse(
            "is a URL, not an address",
            format!(
                "write {}",
                if split_port(plain).1.is_some() { plain.to_owned() } else { format!("{plain}:80") }
            ),
        );
    }
    if written.parse::<Ipv6Addr>().is_ok() {
        return refuse("has no port", format!("write [{written}]:80"));
    }
    let (host, port) = split_port(written);
    if let Err(reason) = host_name(host) {
        return Err(UnitError::new(reason).hint("write host:port, [ipv6]:port or unix:/path"));
    }
    match port.map(str::parse::<u16>) {
        None => refuse("has no port", format!("write {written}:80")),
        Some(Ok(1..)) => Ok(()),
        Some(_) => refuse("has no usable port", "a port is a number from 1 to 65535".to_owned()),
    }
}

/// A name as DNS has it, of a service too: `_http._tcp.orders.internal` (RFC 2782).
pub(super) fn dns_name(written: &str) -> Result<(), UnitError> {
    let plain = written.strip_suffix('.').unwrap_or(written);
    let is_label = |label: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_known)
    };
    if plain.len() <= 253 && plain.split('.').all(is_label) && plain.parse::<Ipv4Addr>().is_err() {
        return Ok(());
    }
    Err(UnitError::new(format!("`{written}` is not a name that can be resolved"))
        .hint("write orders.internal; the port is a key of its own"))
}

fn split_port(written: &str) -> (&str, Option<&str>) {
    match written.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (written, None),
    }
}

/// A host by the rule of `route`, without wildcard.
fn host_name(name: &str) -> Result<(), String> {
    match HostPattern::parse(name, "") {
        Ok(HostPattern::Exact(_)) => Ok(()),
        Ok(HostPattern::Wildcard(_)) => Err(format!("`{name}` is many hosts, and one is needed")),
        Err(error) => Err(error.reason),
    }
}
