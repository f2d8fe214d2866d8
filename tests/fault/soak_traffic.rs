//! The clients and the origin of the soak. Each answer names its request, so that a mix-up cannot hide.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::harness::Dialogue;

/// What became of the requests.
#[derive(Default)]
pub struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    cut: AtomicU64,
    vanished: AtomicU64,
    mixed_up: AtomicU64,
    restarts: AtomicU64,
}

impl Counts {
    /// Requests answered by the origin with what was asked for.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Answers that belong to another request.
    pub fn mixed_up(&self) -> u64 {
        self.mixed_up.load(Ordering::Relaxed)
    }

    /// Counts a restart of the origin.
    pub fn count_restart(&self) {
        add(&self.restarts);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            formatter,
            "answered {}, told 502/503/504 {}, cut {}, vanished {}, mixed up {}, origin restarts {}",
            get(&self.answered),
            get(&self.failed),
            get(&self.cut),
            get(&self.vanished),
            get(&self.mixed_up),
            get(&self.restarts)
        )
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// The origin: the body is the target and the request body, again and again; framed by turns.
pub fn answer(dialogue: &mut Dialogue) {
    while let Some(request) = dialogue.request() {
        let told = format!("<{}:{}>", request.target, String::from_utf8_lossy(&request.body));
        let repeats = if request.target.contains("large") { 20_000 } else { 1 };
        let body = told.repeat(repeats);
        let sent = if request.target.contains("chunked") {
            let size = body.len();
            dialogue.send(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"
            ))
        } else {
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        };
        if !sent {
            return;
        }
    }
}

/// Several requests on one connection, small and large, plain and chunked.
pub fn chat(gateway: SocketAddr, round: u64, counts: &Counts) {
    let Some(mut stream) = connect(gateway) else { return };
    for (number, kind) in ["small", "chunked", "large", "chunked-large"].into_iter().enumerate() {
        let target = format!("/{kind}/{round}/{number}");
        let request = format!("GET {target} HTTP/1.1\r\nHost: soak\r\n\r\n");
        if !exchange(&mut stream, request.as_bytes(), &format!("<{target}:>"), counts) {
            return;
        }
    }
}

/// Uploads whose content comes back.
pub fn upload(gateway: SocketAddr, round: u64, counts: &Counts) {
    let Some(mut stream) = connect(gateway) else { return };
    let body = format!("{round}-").repeat(200);
    let target = format!("/upload/{round}");
    let length = body.len();
    let request = format!("POST {target} HTTP/1.1\r\nHost: soak\r\nContent-Length: {length}\r\n\r\n{body}");
    exchange(&mut stream, request.as_bytes(), &format!("<{target}:{body}>"), counts);
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    );
    exchange(&mut stream, request.as_bytes(), &format!("<{target}:{body}>"), counts);
}

/// Asks and goes away: by close or by reset, before, within or after the answer.
pub fn vanish(gateway: SocketAddr, round: u64, counts: &Counts) {
    let Some(mut stream) = connect(gateway) else { return };
    let whole =
        format!("POST /chunked-large/{round} HTTP/1.1\r\nHost: soak\r\nContent-Length: 5\r\n\r\nhello");
    // A request that is not complete is not answered, so do not wait for that.
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    let sent = whole.len() - (round % 3) as usize * 30;
    let _ = stream.write_all(&whole.as_bytes()[..sent]);
    std::thread::sleep(Duration::from_millis(round % 7));
    if round.is_multiple_of(4) {
        let _ = stream.read(&mut [0; 1000]);
    }
    if round.is_multiple_of(2) {
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    add(&counts.vanished);
}

/// Reads a large answer in small bites.
pub fn crawl(gateway: SocketAddr, round: u64, counts: &Counts) {
    let Some(mut stream) = connect(gateway) else { return };
    let target = format!("/large/{round}");
    if stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: soak\r\n\r\n").as_bytes()).is_err() {
        return add(&counts.cut);
    }
    let mut bite = [0; 2000];
    let mut early = Vec::new();
    for _ in 0..100 {
        match stream.read(&mut bite) {
            Ok(0) | Err(_) => break,
            Ok(count) => early.extend_from_slice(&bite[..count]),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    judge(&mut stream, early, &format!("<{target}:>"), counts);
}

fn connect(gateway: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&gateway, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(10))).ok()?;
    Some(stream)
}

/// One exchange; false if the connection cannot go on.
fn exchange(stream: &mut TcpStream, request: &[u8], expected: &str, counts: &Counts) -> bool {
    if stream.write_all(request).is_err() {
        add(&counts.cut);
        return false;
    }
    judge(stream, Vec::new(), expected, counts)
}

/// Reads the rest of an answer and decides what it is; false if the connection cannot go on.
fn judge(stream: &mut TcpStream, early: Vec<u8>, expected: &str, counts: &Counts) -> bool {
    let Some((status, closes, body)) = read_answer(stream, early) else {
        add(&counts.cut);
        return false;
    };
    if status != 200 {
        assert!(matches!(status, 502..=504), "status {status}");
        add(&counts.failed);
        return !closes;
    }
    let right =
        !body.is_empty() && body.as_bytes().chunks(expected.len()).all(|part| part == expected.as_bytes());
    add(if right { &counts.answered } else { &counts.mixed_up });
    right && !closes
}

/// Status, whether the connection closes, and body; `None` if it was cut.
fn read_answer(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Option<(u16, bool, String)> {
    let head_end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => fill(stream, &mut bytes)?,
        }
    };
    let head = String::from_utf8(bytes.drain(..head_end).collect()).ok()?.to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let closes = head.contains("connection: close");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = match length {
        Some(length) => take(stream, &mut bytes, length)?,
        None => read_chunks(stream, &mut bytes)?,
    };
    Some((status, closes, String::from_utf8(body).ok()?))
}

fn read_chunks(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            match bytes.windows(2).position(|window| window == b"\r\n") {
                Some(end) => break end,
                None => fill(stream, bytes)?,
            }
        };
        let line = take(stream, bytes, end + 2)?;
        let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim_end(), 16).ok()?;
        let mut data = take(stream, bytes, size + 2)?;
        data.truncate(size);
        if size == 0 {
            return Some(body);
        }
        body.append(&mut data);
    }
}

fn take(stream: &mut TcpStream, bytes: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while bytes.len() < count {
        fill(stream, bytes)?;
    }
    Some(bytes.drain(..count).collect())
}

fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut block = [0; 65_536];
    match stream.read(&mut block) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            bytes.extend_from_slice(&block[..count]);
            Some(())
        }
    }
}
