//! A recorded head as control has it, and as it may leave the process.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::control::explain::decide::Decider;
use crate::net::addr::PeerAddr;
use crate::policy::exchange::Exchange;
use crate::policy::ip_filter::AddressSet;
use crate::telemetry::Pseudonyms;

/// Longest target in a line for people.
const LINE_TARGET_CHARS: usize = 100;

/// The head of a recent request. Secrets have been hidden before it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHead {
    /// When it ended, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The worker that served it.
    pub worker: usize,
    /// Generation it ran on.
    pub generation: u64,
    /// The listener.
    pub listener: String,
    /// `https` or `http`.
    pub scheme: String,
    /// Whose connection it was.
    pub peer: IpAddr,
    /// What there was to be parsed.
    #[serde(flatten)]
    pub head: Head,
    /// What it met.
    pub met: Outcome,
    /// What it would meet in the generation in force, where somebody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Outcome>,
}

/// What there was to be parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// `HTTP/1.0`, if it was that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Names and values in the order they came.
    pub fields: Vec<(String, String)>,
}

impl RecordedHead {
    /// What it would meet.
    pub fn outcome(&self, decider: &Decider<'_>) -> Outcome {
        let snapshot = decider.snapshot;
        let Some(listener) = snapshot.listener(&self.listener) else {
            return Outcome::without_listener(&format!("`{}` is gone", self.listener));
        };
        let mut exchange = Exchange::new(PeerAddr(SocketAddr::new(self.peer, 0)));
        exchange.scheme = if self.scheme == "https" { "https" } else { "http" };
        let decision = decider.decide(listener, self.head.text().as_bytes(), &mut exchange);
        Outcome::of(&decision, snapshot, &exchange)
    }

    /// `GET /orders/7`, for people.
    pub fn line(&self) -> String {
        let Head { method, target, fields, .. } = &self.head;
        let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = host.map_or("", |(_, host)| host);
        let target: String = target.chars().take(LINE_TARGET_CHARS).collect();
        format!("{method} {host}{target}")
    }

    /// As it may leave the process: addresses of clients are replaced by others of the same network. Those of proxies
    /// that are `trusted` tell of nobody, and stay.
    #[must_use]
    pub fn leaving(mut self, trusted: &AddressSet, pseudonyms: &Pseudonyms) -> Self {
        self.peer = stand_in(self.peer, trusted, pseudonyms);
        for (_, value) in &mut self.head.fields {
            *value = with_addresses(value, |address| stand_in(address, trusted, pseudonyms));
        }
        self
    }
}

fn stand_in(address: IpAddr, trusted: &AddressSet, pseudonyms: &Pseudonyms) -> IpAddr {
    let address = address.to_canonical();
    if trusted.contains(address) { address } else { pseudonyms.address(address) }
}

impl Head {
    /// As it comes over the wire.
    pub fn text(&self) -> String {
        let version = self.version.as_deref().unwrap_or("HTTP/1.1");
        let mut text = format!("{} {} {version}\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            // Writing to a String does not fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

/// Replaces every address in a value, be it one of a list, in brackets, in quotes or with a port.
fn with_addresses(value: &str, stand_in: impl Fn(IpAddr) -> IpAddr) -> String {
    let is_part = |it: char| it.is_ascii_hexdigit() || it == '.' || it == ':';
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match (word.parse::<IpAddr>(), word.parse::<SocketAddr>()) {
            (Ok(address), _) => out.push_str(&stand_in(address).to_string()),
            (_, Ok(socket)) => {
                out.push_str(&SocketAddr::new(stand_in(socket.ip()), socket.port()).to_string());
            }
            _ => out.push_str(word),
        }
        let separator = after.chars().next();
        out.extend(separator);
        rest = &after[separator.map_or(0, char::len_utf8)..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_replaced_wherever_they_stand() {
        let stand_in =
            |address: IpAddr| if address.is_ipv4() { "192.0.2.1" } else { "2001:db8::1" }.parse().unwrap();
        for (value, expected) in [
            ("203.0.113.9", "192.0.2.1"),
            ("203.0.113.9, 10.0.0.1:80 ,unknown", "192.0.2.1, 192.0.2.1:80 ,unknown"),
            ("for=\"[2001:db8:7::9]:443\";by=_x", "for=\"[2001:db8::1]:443\";by=_x"),
            ("for=203.0.113.9;proto=http", "for=192.0.2.1;proto=http"),
            ("::ffff:203.0.113.9", "2001:db8::1"),
            ("text/html;q=0.9, */*", "text/html;q=0.9, */*"),
            ("Mozilla/5.0 (X11; caf\u{e9})", "Mozilla/5.0 (X11; caf\u{e9})"),
            ("", ""),
        ] {
            assert_eq!(with_addresses(value, stand_in), expected, "{value}");
        }
    }
}
