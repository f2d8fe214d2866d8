//! Clients that take whatever comes, and say what it was.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::faults::GOOD;
use super::{LATE_FROM, OWN, Protocol};
use crate::harness::PATIENCE;
use crate::harness::h2::H2;

/// What a client saw of one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// The service's answer, whole.
    Good,
    /// The same, but late.
    Late,
    /// The route's own answer.
    Own,
    /// Another status.
    Status(u16),
    /// Another status of gRPC.
    Grpc(u16),
    /// An answer that broke off, where it can be seen that it did.
    Cut,
    /// An answer that broke off and looks whole, or no answer at all: never.
    Wrong(String),
}

impl Seen {
    /// As the table calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::Late => "late".to_owned(),
            Self::Own => "own".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::Grpc(status) => format!("grpc {status}"),
            Self::Cut => "cut".to_owned(),
            Self::Wrong(what) => format!("WRONG {what}"),
        }
    }
}

/// Asks for `path` in this protocol.
pub fn ask(gateway: SocketAddr, protocol: Protocol, path: &str) -> Seen {
    let begun = Instant::now();
    let seen = match protocol.downstream_is_h2() {
        false => over_http1(gateway, path),
        true => over_http2(gateway, path, protocol.is_grpc()),
    };
    if seen == Seen::Good && begun.elapsed() >= LATE_FROM { Seen::Late } else { seen }
}

fn over_http1(gateway: SocketAddr, path: &str) -> Seen {
    let mut stream = TcpStream::connect_timeout(&gateway, PATIENCE).expect("the listener accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    let mut bytes = Vec::new();
    // A reset is an end like another: what was cut shows in what came.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return if text.is_empty() { Seen::Wrong("nothing".to_owned()) } else { Seen::Cut };
    };
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let length: Option<usize> = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let (is_whole, body) = match length {
        Some(length) => (body.len() == length, body.to_owned()),
        None => unchunked(body),
    };
    judge(status, is_whole, &body)
}

/// The body without chunks, and whether the last one came.
fn unchunked(mut rest: &str) -> (bool, String) {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            return (true, body);
        }
        let Some(data) = after.get(..size) else { break };
        body.push_str(data);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    (false, body)
}

fn judge(status: u16, is_whole: bool, body: &str) -> Seen {
    match (status, is_whole) {
        (_, false) => Seen::Cut,
        (200, true) if body == GOOD => Seen::Good,
        (200, true) if body == OWN => Seen::Own,
        (200, true) => Seen::Wrong(format!("{body:?}")),
        (status, true) => Seen::Status(status),
    }
}

fn over_http2(gateway: SocketAddr, path: &str, is_grpc: bool) -> Seen {
    let mut client = H2::connect(gateway);
    let stream = match is_grpc {
        false => client.get(path),
        true => {
            let fields = [("content-type", "application/grpc"), ("te", "trailers")];
            let stream = client.request("POST", path, &fields, false);
            client.data(stream, b"\0\0\0\0\x02hi", true);
            stream
        }
    };
    let answer = client.answer(stream);
    if answer.reset.is_some() {
        return Seen::Cut;
    }
    if !is_grpc || answer.field("content-type") != Some("application/grpc") {
        return judge(answer.status(), true, &answer.text());
    }
    let trailers = answer.trailers.iter().flatten();
    let told = answer.fields.iter().chain(trailers).find(|(name, _)| name == "grpc-status");
    match told.and_then(|(_, status)| status.parse().ok()) {
        Some(0) if answer.body.ends_with(GOOD.as_bytes()) => Seen::Good,
        Some(0) => Seen::Wrong(format!("{:?}", answer.text())),
        Some(status) => Seen::Grpc(status),
        None => Seen::Wrong("no status of gRPC".to_owned()),
    }
}
