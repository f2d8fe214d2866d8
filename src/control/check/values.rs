//! Values that HTTP gives a form: field names and values, hosts, addresses of endpoints.

use std::net::{Ipv6Addr, SocketAddr};

use crate::config::units::UnitError;

/// A token (RFC 9110 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

pub(super) fn field_name(name: &str) -> Result<(), UnitError> {
    if is_token(name) {
        return Ok(());
    }
    let hint = match name.strip_suffix(':').filter(|name| is_token(name)) {
        Some(name) => format!("write {name} without the colon"),
        None => "a field name has letters, digits and `-`".to_owned(),
    };
    Err(UnitError::new(format!("`{name}` cannot be the name of a field")).hint(hint))
}

pub(super) fn field_value(value: &str) -> Result<(), UnitError> {
    // RFC 9110 5.5: no CR, LF or NUL, no blanks at its ends; other controls are refused too.
    let bad = value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control());
    if bad || value.trim_matches([' ', '\t']).len() != value.len() {
        return Err(UnitError::new("a field's value has no control characters and no blanks at its ends")
            .hint("write it on one line"));
    }
    Ok(())
}

/// A method: a token in capitals as far as it is a known one.
pub(super) fn method(name: &str) -> Result<(), UnitError> {
    let capitals = name.to_ascii_uppercase();
    if !is_token(name) {
        return Err(
            UnitError::new(format!("`{name}` is not a method")).hint("write methods in capitals: GET, POST")
        );
    }
    if capitals != name && METHODS.contains(&&*capitals) {
        return Err(UnitError::new(format!("`{name}` is not a method: methods are case-sensitive"))
            .hint(format!("write {capitals}")));
    }
    Ok(())
}

/// A name, `*.` and a name, or an address, without a port.
pub(super) fn host_pattern(written: &str) -> Result<(), UnitError> {
    let name = written.strip_prefix("*.").unwrap_or(written);
    host_name(name).map_err(|reason| {
        let hint = match (name, written.split_once("://"), written.rsplit_once(':')) {
            ("*", ..) => "leave `hosts` out to match every host".to_owned(),
            (_, Some((_, rest)), _) => {
                format!("write {} alone", rest.split(['/', ':']).next().unwrap_or(rest))
            }
            (_, None, Some((host, port))) if port.parse::<u16>().is_ok() => {
                format!("write {host} without the port")
            }
            _ => "write api.example.com, or *.example.com for every name below it".to_owned(),
        };
        UnitError::new(format!("`{written}` is not a host: {reason}")).hint(hint)
    })
}

/// A host with or without a port, as in a Host field.
pub(super) fn authority(written: &str) -> Result<(), UnitError> {
    let (host, port) = split_port(written);
    let bad_port = port.is_some_and(|port| port.parse::<u16>().is_err());
    let reason = host_name(host).err().or(bad_port.then_some("its port is not a number"));
    reason.map_or(Ok(()), |reason| {
        Err(UnitError::new(format!("`{written}` is not a host: {reason}"))
            .hint("write api.example.com or api.example.com:8443"))
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
        return refuse(
            &format!("is not an address: {reason}"),
            "write host:port, [ipv6]:port or unix:/path".to_owned(),
        );
    }
    match port.map(str::parse::<u16>) {
        None => refuse("has no port", format!("write {written}:80")),
        Some(Ok(1..)) => Ok(()),
        Some(_) => refuse("has no usable port", "a port is a number from 1 to 65535".to_owned()),
    }
}

fn split_port(written: &str) -> (&str, Option<&str>) {
    match written.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (written, None),
    }
}

fn host_name(name: &str) -> Result<(), &'static str> {
    if let Some(inner) = name.strip_prefix('[') {
        let parsed = inner.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        return if matches!(parsed, Some(Ok(_))) { Ok(()) } else { Err("not an IPv6 address in brackets") };
    }
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > HOST_LEN_MAX {
        return Err("it is longer than 253 characters");
    }
    if name.contains('*') {
        return Err("`*` may only be its first label");
    }
    if name.contains(':') {
        return Err(if name.parse::<SocketAddr>().is_ok() { "it has a port" } else { "it has a colon" });
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("it has a character that no host has");
    }
    if name.split('.').any(str::is_empty) { Err("it has an empty label") } else { Ok(()) }
}

/// RFC 1035 2.3.4.
const HOST_LEN_MAX: usize = 253;
const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"];
