//! The request target (RFC 9112 3.2) and the authority in it and in Host (RFC 3986 3.2).
//!
//! Owns which form a target has and where its parts are. It neither decodes nor normalises: what is a route's path
//! is the route table's business.
//!
//! Left out of a target besides controls, space and non-ASCII, which no URI has (RFC 3986 2): `#`, because a fragment
//! is never sent and readers differ on where the path then ends; `\`, because some readers take it for `/`; `<`, `>`
//! and `"`, because they only serve to break out of logs and pages. Other bytes that RFC 3986 wants encoded, ``^`{|}``,
//! are common in real queries, mean nothing to anyone, and are passed on.

use super::ascii::{self, REG_NAME, TARGET};
use super::field::Span;
use super::method::Method;
use super::refusal::Refusal;
use memchr::memchr;

/// Parts of a request target, as places within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which of the four forms it is.
    pub form: Form,
    /// Host and port: of absolute-form and authority-form. Overrides Host (RFC 9112 3.2.2).
    pub authority: Option<Span>,
    /// From the first slash; empty if an absolute-form has none, and in authority-form. `*` in asterisk-form.
    pub path: Span,
    /// After the first question mark.
    pub query: Option<Span>,
}

/// Form of a request target (RFC 9112 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host/path?query` or https.
    Absolute,
    /// `host:port`, CONNECT only.
    Authority,
    /// `*`, OPTIONS only.
    Asterisk,
}

impl Target {
    /// Takes a target apart. Its bytes have passed [`is_target`], as those of a parsed head have.
    pub fn parse(method: Method, target: &[u8]) -> Result<Target, Refusal> {
        match target {
            _ if method == Method::Connect => connect(target),
            [b'/', ..] => Ok(path_and_query(target, 0, Form::Origin, None)),
            b"*" if method == Method::Options => {
                Ok(Target { form: Form::Asterisk, authority: None, path: Span::new(0, 1), query: None })
            }
            _ => absolute(target),
        }
    }

    /// The path of `target`, which this was parsed from; `/` where an absolute-form has none (RFC 9110 4.2.3).
    #[inline]
    pub fn path<'a>(&self, target: &'a [u8]) -> &'a [u8] {
        match self.path.of(target) {
            b"" => b"/",
            path => path,
        }
    }

    /// The query of `target`, which this was parsed from.
    #[inline]
    pub fn query<'a>(&self, target: &'a [u8]) -> Option<&'a [u8]> {
        self.query.map(|query| query.of(target))
    }

    /// The authority of `target`, which this was parsed from.
    #[inline]
    pub fn authority<'a>(&self, target: &'a [u8]) -> Option<&'a [u8]> {
        self.authority.map(|authority| authority.of(target))
    }
}

/// Whether every byte may stand in a target that is passed on, and there is one at all.
#[inline]
pub fn is_target(target: &[u8]) -> bool {
    !target.is_empty() && ascii::all(target, TARGET)
}

/// Host and port, where no user information may stand (RFC 3986 3.2.2, RFC 9110 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// All of it, as written.
    pub text: &'a [u8],
    /// A registered name, an IPv4 address, or an IPv6 address in its brackets.
    pub host: &'a [u8],
    /// The port, if one is given.
    pub port: Option<u16>,
}

/// Takes an authority apart.
pub fn authority(text: &[u8]) -> Result<Authority<'_>, Refusal> {
    let plain = text.iter().position(|byte| !ascii::is(*byte, REG_NAME)).unwrap_or(text.len());
    let end = match &text[plain..] {
        [] | [b':', ..] if plain > 0 => plain,
        _ => odd_host(text)?,
    };
    Ok(Authority { text, host: &text[..end], port: port_of(&text[end..])? })
}

/// Where a host in brackets or with escapes ends.
fn odd_host(text: &[u8]) -> Result<usize, Refusal> {
    let end = match text {
        [b'[', ..] => memchr(b']', text).ok_or(Refusal::BadHost)? + 1,
        _ => memchr(b':', text).unwrap_or(text.len()),
    };
    if is_host(&text[..end]) { Ok(end) } else { Err(Refusal::BadHost) }
}

/// RFC 9112 3.2.3: host and port, both.
fn connect(target: &[u8]) -> Result<Target, Refusal> {
    match authority(target) {
        Ok(Authority { port: Some(_), .. }) => {}
        _ => return Err(Refusal::BadTarget),
    }
    let end = target.len();
    let authority = Some(Span::new(0, end));
    Ok(Target { form: Form::Authority, authority, path: Span::new(end, end), query: None })
}

/// RFC 9112 3.2.2, for the schemes a gateway serves.
fn absolute(target: &[u8]) -> Result<Target, Refusal> {
    let start = match target {
        _ if starts_with(target, b"http://") => 7,
        _ if starts_with(target, b"https://") => 8,
        _ => return Err(Refusal::BadTarget),
    };
    let rest = &target[start..];
    let end = start + rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let named = &target[start..end];
    // RFC 9110 4.2.4: user information in a URI from elsewhere is an error.
    if memchr(b'@', named).is_some() {
        return Err(Refusal::TargetUserinfo);
    }
    authority(named).map_err(|_| Refusal::BadTarget)?;
    Ok(path_and_query(target, end, Form::Absolute, Some(Span::new(start, end))))
}

#[inline]
fn path_and_query(target: &[u8], start: usize, form: Form, authority: Option<Span>) -> Target {
    let question = memchr(b'?', &target[start..]).map(|at| start + at);
    Target {
        form,
        authority,
        path: Span::new(start, question.unwrap_or(target.len())),
        query: question.map(|at| Span::new(at + 1, target.len())),
    }
}

fn starts_with(target: &[u8], prefix: &[u8]) -> bool {
    target.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// RFC 3986 3.2.2. An IPv4 address is also a registered name. Future address formats and zones are not known here.
fn is_host(host: &[u8]) -> bool {
    if let [b'[', address @ .., b']'] = host {
        return std::str::from_utf8(address)
            .is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let mut rest = host;
    loop {
        match rest {
            [] => return !host.is_empty(),
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after
            }
            [byte, after @ ..] if ascii::is(*byte, REG_NAME) => rest = after,
            _ => return false,
        }
    }
}

/// `[ ":" *DIGIT ]`: an empty port is none (RFC 3986 3.2.3).
fn port_of(port: &[u8]) -> Result<Option<u16>, Refusal> {
    match port {
        [] | b":" => Ok(None),
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let port = digits.iter().fold(0u32, |port, digit| port * 10 + u32::from(digit - b'0'));
            u16::try_from(port).map(Some).map_err(|_| Refusal::BadHost)
        }
        _ => Err(Refusal::BadHost),
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
