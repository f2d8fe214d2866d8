//! What is sent through the gateways: request bytes and answer bytes, built once.
//!
//! Bodies are filler; heads are what a small service sends: a handful of fields, no cookies.

use crate::certificate::NAME;
use crate::talk::Talk;

/// What is asked for where there is but one thing to ask for.
pub const ITEM: &str = "/api/v1/items/4711";
/// Who asks.
pub const USER_AGENT: &str = "load/1.0";
/// What is wanted.
pub const ACCEPT: &str = "application/json";
/// Bytes of a chunk in chunked answers.
const CHUNK_BYTES: usize = 1024;

/// One kind of exchange.
pub struct Work {
    /// Complete requests. Connections walk through them in a scattered order.
    pub requests: Vec<Vec<u8>>,
    /// The complete answer.
    pub answer: Vec<u8>,
    /// Bytes of data in the answer's body.
    pub answer_body_bytes: u64,
    /// Bytes of data in a request's body.
    pub request_body_bytes: u64,
    /// How clients talk to the gateway.
    pub talk: Talk,
}

impl Work {
    /// GET requests that are answered with `bytes` of body.
    pub fn download(bytes: usize) -> Self {
        Self::new(vec![get(ITEM)], 0, length_answer(bytes), bytes)
    }

    /// The same in another way, which for HTTP/2 takes [`ITEM`] as the one target.
    pub fn over(mut self, talk: Talk) -> Self {
        self.talk = talk;
        if talk == Talk::Guarded {
            let token = include_str!("guarded/token");
            let field = format!("Authorization: Bearer {token}\r\n");
            self.requests = vec![request(&format!("GET {ITEM} HTTP/1.1\r\n"), &field)];
        }
        if talk == Talk::Handshakes {
            self.requests = vec![request(&format!("GET {ITEM} HTTP/1.1\r\n"), "Connection: close\r\n")];
        }
        self
    }

    /// GET requests that are answered with `count` chunks of 1 KiB, sent at once.
    pub fn chunked(count: usize) -> Self {
        let mut answer = answer_head("Transfer-Encoding: chunked\r\n");
        for _ in 0..count {
            answer.extend_from_slice(format!("{CHUNK_BYTES:x}\r\n").as_bytes());
            answer.extend(filler(CHUNK_BYTES));
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        Self::new(vec![get(ITEM)], 0, answer, count * CHUNK_BYTES)
    }

    /// POST requests with `bytes` of body and an answer of 128 bytes.
    pub fn upload(bytes: usize) -> Self {
        let line = "POST /api/v1/items HTTP/1.1\r\n";
        let mut request = request(line, &format!("Content-Length: {bytes}\r\n"));
        request.extend(filler(bytes));
        Self::new(vec![request], bytes, length_answer(128), 128)
    }

    /// `requests` GET requests spread over `count` routes, answered with 128 bytes.
    ///
    /// As many for few routes as for many: the CPUs may share a cache, and what the load generator holds in it is not
    /// the gateway's cost.
    pub fn routes(count: usize, requests: usize) -> Self {
        let requests = (0..requests).map(|at| get(&route_path(at % count))).collect();
        Self::new(requests, 0, length_answer(128), 128)
    }

    fn new(
        requests: Vec<Vec<u8>>,
        request_body_bytes: usize,
        answer: Vec<u8>,
        answer_body_bytes: usize,
    ) -> Self {
        Self {
            requests,
            answer,
            answer_body_bytes: answer_body_bytes as u64,
            request_body_bytes: request_body_bytes as u64,
            talk: Talk::Plain,
        }
    }
}

/// The pattern of route number `at`, as long as that of any other number: a third each of plain paths, paths with a parameter and prefixes.
pub fn route_match(at: usize) -> String {
    let area = at / 8;
    match at % 3 {
        0 => format!("path: /api/area{area:04}/kind{at:05}/list"),
        1 => format!("path: '/api/area{area:04}/kind{at:05}/{{id}}/parts'"),
        _ => format!("prefix: /api/area{area:04}/kind{at:05}"),
    }
}

/// A path that route number `at` matches.
fn route_path(at: usize) -> String {
    let area = at / 8;
    match at % 3 {
        0 => format!("/api/area{area:04}/kind{at:05}/list"),
        1 => format!("/api/area{area:04}/kind{at:05}/4711/parts"),
        _ => format!("/api/area{area:04}/kind{at:05}/some/more"),
    }
}

fn get(path: &str) -> Vec<u8> {
    request(&format!("GET {path} HTTP/1.1\r\n"), "")
}

fn request(line: &str, framing: &str) -> Vec<u8> {
    let fields = format!("Host: {NAME}\r\nUser-Agent: {USER_AGENT}\r\nAccept: {ACCEPT}\r\n");
    format!("{line}{fields}{framing}\r\n").into_bytes()
}

fn length_answer(bytes: usize) -> Vec<u8> {
    let mut answer = answer_head(&format!("Content-Length: {bytes}\r\n"));
    answer.extend(filler(bytes));
    answer
}

fn answer_head(framing: &str) -> Vec<u8> {
    let fields =
        "Server: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n";
    format!("HTTP/1.1 200 OK\r\n{fields}{framing}\r\n").into_bytes()
}

fn filler(bytes: usize) -> impl Iterator<Item = u8> {
    (b'a'..=b'z').cycle().take(bytes)
}
