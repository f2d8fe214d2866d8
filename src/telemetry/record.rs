//! The access record: what is known of an exchange when it is over, and its line of JSON.
//!
//! Borrows everything and allocates nothing while the buffer has room. Names are fixed and in snake_case, absent
//! things are left out, what clients sent is cut at [`FIELD_BYTES_MAX`], escaped and redacted. It does not decide
//! whether the line is written, nor where to.

use std::net::IpAddr;

use super::json::{write_escaped, write_if_innocent, write_ip, write_millis, write_number};
use super::redaction::Redaction;
use super::timestamp::Timestamp;

/// Most bytes of one thing a client sent, before escaping; the rest shows as `...`. A head may have 60 KiB, and a
/// client must not fill the log's ring with one line.
pub const FIELD_BYTES_MAX: usize = 2048;

/// One exchange. Empty, zero and `None` are absent, save for bytes, worker and duration.
#[derive(Debug, Clone, Default)]
pub struct AccessRecord<'a> {
    /// When the request head began.
    pub time: Timestamp,
    /// Id of the request, the client's or ours.
    pub request_id: &'a [u8],
    /// W3C trace id, 32 hexadecimal digits.
    pub trace_id: &'a [u8],
    /// Address of the client as far as it is believed.
    pub client: Option<IpAddr>,
    /// Address of the peer that spoke for the client in a PROXY header.
    pub via: Option<IpAddr>,
    /// Name of the listener.
    pub listener: &'a str,
    /// Name of the route.
    pub route: &'a str,
    /// Name of the route's variant.
    pub variant: &'a str,
    /// Method as sent.
    pub method: &'a [u8],
    /// Host as matched.
    pub host: &'a [u8],
    /// Path as routed.
    pub path: &'a [u8],
    /// Query without its `?`.
    pub query: &'a [u8],
    /// `HTTP/1.1` and the like.
    pub protocol: &'a str,
    /// Version of TLS.
    pub tls: &'a str,
    /// Subject of the client's certificate.
    pub client_subject: &'a str,
    /// Status sent to the client; 0 when none was.
    pub status: u16,
    /// Stable code of what went wrong.
    pub error: &'a str,
    /// What went wrong in words.
    pub detail: &'a [u8],
    /// What the connection was upgraded to.
    pub upgrade: &'a [u8],
    /// Why the upgraded connection ended.
    pub end: &'a str,
    /// Code of the Close frame that ended it, if it had one.
    pub close_code: u16,
    /// The status of a gRPC call.
    pub grpc_status: Option<u16>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the response body.
    pub response_bytes: u64,
    /// From the first byte of the head to the last of the answer.
    pub duration_nanos: u64,
    /// The upstream side, when there was an attempt.
    pub upstream: Option<UpstreamRecord<'a>>,
    /// Index of the worker.
    pub worker: u16,
    /// Generation the exchange ran under.
    pub generation: u64,
    /// User-Agent as sent.
    pub user_agent: &'a [u8],
    /// Referer as sent.
    pub referer: &'a [u8],
    /// Further fields that the configuration asks for: names in lowercase, values as sent.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// The upstream side of an exchange, as of its last attempt.
#[derive(Debug, Clone, Default)]
pub struct UpstreamRecord<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Address of the endpoint; empty when none was chosen.
    pub endpoint: &'a str,
    /// Attempts made.
    pub attempts: u32,
    /// How long connecting took; `None` for a connection that was reused.
    pub connect_nanos: Option<u64>,
    /// From the sent request to the complete response head.
    pub head_nanos: Option<u64>,
    /// What was spoken, if not HTTP/1.1.
    pub protocol: &'a str,
    /// Whether the connection was reused.
    pub reused: bool,
    /// Why the last attempt was made again.
    pub retried: &'a str,
    /// Whether a second endpoint was asked.
    pub hedge: &'a str,
    /// What stands for the cluster's answer.
    pub fallback: &'a str,
}

impl AccessRecord<'_> {
    /// Appends one JSON object and a newline.
    pub fn write_json(&self, redaction: &Redaction, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(self.time.as_bytes());
        out.push(b'"');
        self.write_who(out);
        self.write_what(redaction, out);
        self.write_outcome(out);
        if let Some(upstream) = &self.upstream {
            upstream.write_json(out);
        }
        number(",\"worker\":", u64::from(self.worker), out);
        if self.generation > 0 {
            number(",\"generation\":", self.generation, out);
        }
        url(",\"user_agent\":\"", self.user_agent, redaction, out);
        url(",\"referer\":\"", self.referer, redaction, out);
        self.write_headers(redaction, out);
        out.extend_from_slice(b"}\n");
    }

    fn write_who(&self, out: &mut Vec<u8>) {
        text(",\"request_id\":\"", self.request_id, out);
        text(",\"trace_id\":\"", self.trace_id, out);
        if let Some(client) = self.client {
            out.extend_from_slice(b",\"client\":\"");
            write_ip(client, out);
            out.push(b'"');
        }
        if let Some(via) = self.via {
            out.extend_from_slice(b",\"via\":\"");
            write_ip(via, out);
            out.push(b'"');
        }
        text(",\"listener\":\"", self.listener.as_bytes(), out);
        text(",\"route\":\"", self.route.as_bytes(), out);
        text(",\"variant\":\"", self.variant.as_bytes(), out);
    }

    fn write_what(&self, redaction: &Redaction, out: &mut Vec<u8>) {
        text(",\"method\":\"", self.method, out);
        let host = if self.host.len() > FIELD_BYTES_MAX { without_user(self.host) } else { self.host };
        quoted(",\"host\":\"", host, out, |host, out| {
            if !write_if_innocent(host, out) {
                write_escaped(without_user(host), out);
            }
        });
        quoted(",\"path\":\"", self.path, out, |path, out| redaction.write_path(path, out));
        quoted(",\"query\":\"", self.query, out, |query, out| redaction.write_query(query, out));
        text(",\"protocol\":\"", self.protocol.as_bytes(), out);
        text(",\"tls\":\"", self.tls.as_bytes(), out);
        text(",\"client_subject\":\"", self.client_subject.as_bytes(), out);
    }

    fn write_outcome(&self, out: &mut Vec<u8>) {
        if self.status > 0 {
            number(",\"status\":", u64::from(self.status), out);
        }
        text(",\"error\":\"", self.error.as_bytes(), out);
        text(",\"detail\":\"", self.detail, out);
        text(",\"upgrade\":\"", self.upgrade, out);
        text(",\"end\":\"", self.end.as_bytes(), out);
        if let Some(status) = self.grpc_status {
            number(",\"grpc_status\":", u64::from(status), out);
        }
        if self.close_code > 0 {
            number(",\"close_code\":", u64::from(self.close_code), out);
        }
        number(",\"request_bytes\":", self.request_bytes, out);
        number(",\"response_bytes\":", self.response_bytes, out);
        out.extend_from_slice(b",\"duration_ms\":");
        write_millis(self.duration_nanos, out);
    }

    fn write_headers(&self, redaction: &Redaction, out: &mut Vec<u8>) {
        for (index, (name, value)) in self.headers.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b",\"headers\":{\"" } else { b",\"" });
            write_escaped(name.as_bytes(), out);
            out.extend_from_slice(b"\":\"");
            let (value, is_cut) = cut(value);
            redaction.write_header(name.as_bytes(), value, out);
            close(is_cut, out);
        }
        if !self.headers.is_empty() {
            out.push(b'}');
        }
    }
}

impl UpstreamRecord<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        number(",\"upstream\":{\"attempts\":", u64::from(self.attempts), out);
        text(",\"cluster\":\"", self.cluster.as_bytes(), out);
        text(",\"endpoint\":\"", self.endpoint.as_bytes(), out);
        if let Some(nanos) = self.connect_nanos {
            out.extend_from_slice(b",\"connect_ms\":");
            write_millis(nanos, out);
        }
        if let Some(nanos) = self.head_nanos {
            out.extend_from_slice(b",\"head_ms\":");
            write_millis(nanos, out);
        }
        if !self.protocol.is_empty() {
            text(",\"protocol\":\"", self.protocol.as_bytes(), out);
        }
        text(",\"retried\":\"", self.retried.as_bytes(), out);
        text(",\"hedge\":\"", self.hedge.as_bytes(), out);
        text(",\"fallback\":\"", self.fallback.as_bytes(), out);
        out.extend_from_slice(if self.reused { b",\"reused\":true}" } else { b",\"reused\":false}" });
    }
}

/// A host with user information is refused long before; should one come here, it is cut.
fn without_user(host: &[u8]) -> &[u8] {
    memchr::memrchr(b'@', host).map_or(host, |at| &host[at + 1..])
}

/// `prefix` is the comma, the name and the opening quote, as one literal to copy.
#[inline]
fn text(prefix: &str, value: &[u8], out: &mut Vec<u8>) {
    quoted(prefix, value, out, write_escaped);
}

#[inline]
fn url(prefix: &str, value: &[u8], redaction: &Redaction, out: &mut Vec<u8>) {
    quoted(prefix, value, out, |value, out| redaction.write_url(value, out));
}

#[inline]
fn quoted(prefix: &str, value: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(prefix.as_bytes());
    let (value, is_cut) = cut(value);
    write(value, out);
    close(is_cut, out);
}

#[inline]
fn number(prefix: &str, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    write_number(value, out);
}

/// Cutting comes before redaction: what is cut off cannot be the name that hides what is left.
fn cut(value: &[u8]) -> (&[u8], bool) {
    (&value[..value.len().min(FIELD_BYTES_MAX)], value.len() > FIELD_BYTES_MAX)
}

fn close(is_cut: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if is_cut { b"...\"" } else { b"\"" });
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
