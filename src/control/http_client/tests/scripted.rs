//! A server that plays a part in unit tests: it keeps what it was asked and answers what a closure says.
//!
//! One connection a request; no more of HTTP than the client of this folder needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    fields: String,
    /// Pieces of the body; each after the first comes some time after the one before.
    pieces: Vec<String>,
    /// Whether the body goes on until the connection ends.
    is_open: bool,
    wait: Duration,
}

impl Reply {
    /// An answer with a body of known length.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        let wait = Duration::ZERO;
        Self { status, fields: String::new(), pieces: vec![body.into()], is_open: false, wait }
    }

    /// A body without end, piece after piece, that stays open for a while after the last.
    pub fn stream(pieces: &[&str], open_for: Duration) -> Self {
        let pieces = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        Self { status: 200, fields: String::new(), pieces, is_open: true, wait: open_for }
    }

    /// With a field.
    pub fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.fields.push_str(&format!("{name}: {}\r\n", value.as_ref()));
        self
    }

    /// Not before this long, as a blocking query.
    pub fn after(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if !self.is_open {
            std::thread::sleep(self.wait);
        }
        let whole: usize = self.pieces.iter().map(String::len).sum();
        // RFC 9110 15.4.5: a 304 has no body.
        let length = if self.is_open || self.status == 304 {
            String::new()
        } else {
            format!("Content-Length: {whole}\r\n")
        };
        let (status, fields) = (self.status, &self.fields);
        write!(stream, "HTTP/1.1 {status} x\r\nConnection: close\r\n{length}{fields}\r\n")?;
        for (at, piece) in self.pieces.iter().enumerate() {
            if at > 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            stream.write_all(piece.as_bytes())?;
        }
        if self.is_open {
            std::thread::sleep(self.wait);
        }
        Ok(())
    }
}

/// A running server; its threads end with the process.
pub struct Scripted {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers each request, given as its head with names in lower case and its body, with what `play` says.
    pub fn start(mut play: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = request(&stream) else { continue };
                let reply = play(&request);
                kept.lock().unwrap().push(request);
                std::thread::spawn(move || reply.send(&mut stream));
            }
        });
        Self { addr, seen }
    }

    /// Its address as a URL.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.addr)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until there were so many requests.
    pub async fn waits_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.seen().len() < count {
            assert!(Instant::now() < deadline, "only {:#?}", self.seen());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8(body).ok()?);
    Some(text)
}
