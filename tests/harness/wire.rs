//! A client on a raw socket: bytes out as the test wants them, responses in by the strictest reading.
//!
//! Owns one connection and what it has read ahead. Every wait has a bound; when it passes, the test fails with what
//! had arrived until then.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::response::field_line;
use super::{Framing, PATIENCE, Response};

/// A client connection.
pub struct Wire {
    stream: TcpStream,
    /// Read and not yet consumed.
    ahead: Vec<u8>,
}

impl Wire {
    /// Connects.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the listener accepts");
        Self::over(stream)
    }

    /// Takes a connected socket, for tests that set its options first.
    #[track_caller]
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Self { stream, ahead: Vec::new() }
    }

    /// The socket, for what has no method here.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the gateway reads");
    }

    /// Sends bytes; false if the other side has stopped reading.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends pieces with a pause after each.
    #[track_caller]
    pub fn send_slowly<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>, pause: Duration) {
        for piece in pieces {
            self.send(piece);
            std::thread::sleep(pause);
        }
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request);
        self.read()
    }

    /// A plain GET on this connection.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// Reads the next response, interim ones included.
    #[track_caller]
    pub fn read(&mut self) -> Response {
        let mut response = self.read_head();
        response.decide_framing(false);
        self.read_body(&mut response);
        response
    }

    /// Reads the response to a HEAD request.
    #[track_caller]
    pub fn read_to_head(&mut self) -> Response {
        let mut response = self.read_head();
        response.decide_framing(true);
        response
    }

    /// Reads a head and leaves its body to [`Wire::body_piece`] or [`Wire::take`].
    #[track_caller]
    pub fn read_head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill() > 0, "closed within a head: {:?}", String::from_utf8_lossy(&self.ahead));
        };
        let head: Vec<u8> = self.ahead.drain(..end + 4).take(end).collect();
        Response::parse_head(&head)
    }

    /// Some bytes as they stand on the wire; empty at the end of the connection.
    #[track_caller]
    pub fn body_piece(&mut self) -> Vec<u8> {
        if self.ahead.is_empty() {
            self.fill();
        }
        std::mem::take(&mut self.ahead)
    }

    /// Exactly this many bytes as they stand on the wire.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            assert!(self.fill() > 0, "closed {} bytes before the end", count - self.ahead.len());
        }
        self.ahead.drain(..count).collect()
    }

    #[track_caller]
    fn read_body(&mut self, response: &mut Response) {
        match response.framing {
            Framing::Bodiless => {}
            Framing::Length(length) => response.body = self.take(usize::try_from(length).expect("fits")),
            Framing::Chunked => self.read_chunks(response),
            Framing::Close => {
                while self.fill() > 0 {}
                response.body = std::mem::take(&mut self.ahead);
            }
        }
    }

    /// RFC 9112 7.1.
    #[track_caller]
    fn read_chunks(&mut self, response: &mut Response) {
        loop {
            let line = self.line();
            let size = line.split(';').next().expect("split gives at least one part");
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
            if size == 0 {
                break;
            }
            response.body.extend(self.take(size));
            assert_eq!(self.take(2), b"\r\n", "a chunk does not end where it said");
        }
        loop {
            let line = self.line();
            if line.is_empty() {
                return;
            }
            response.trailers.push(field_line(&line));
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                break end;
            }
            assert!(self.fill() > 0, "closed within a line");
        };
        let line = self.ahead.drain(..end + 2).take(end).collect();
        String::from_utf8(line).expect("a line is UTF-8")
    }

    /// Asserts that the gateway closes, having sent nothing more. A reset counts as closing.
    #[track_caller]
    pub fn expect_close(&mut self) {
        self.expect_close_within(PATIENCE);
    }

    /// Asserts that the gateway closes within `bound`, having sent nothing more.
    #[track_caller]
    pub fn expect_close_within(&mut self, bound: Duration) {
        let begun = Instant::now();
        let got = self.fill();
        assert_eq!(got, 0, "more instead of the end: {:?}", String::from_utf8_lossy(&self.ahead));
        assert!(begun.elapsed() <= bound, "closed only after {:?}", begun.elapsed());
    }

    /// Asserts that the connection stays open and silent.
    #[track_caller]
    pub fn expect_silence(&mut self, length: Duration) {
        self.stream.set_read_timeout(Some(length)).expect("not zero");
        let mut byte = [0; 256];
        match self.stream.read(&mut byte) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("not silent: {other:?} {:?}", String::from_utf8_lossy(&byte)),
        }
        self.stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    }

    /// Closes the sending side alone.
    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a connected socket");
    }

    /// Resets the connection instead of closing it.
    pub fn reset(self) {
        // Lingering for zero seconds throws away what is unsent and sends RST.
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    }

    /// Reads what there is; 0 at the end of the connection.
    #[track_caller]
    fn fill(&mut self) -> usize {
        let mut block = vec![0; 64 * 1024];
        match self.stream.read(&mut block) {
            Ok(count) => {
                self.ahead.extend_from_slice(&block[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}; had {:?}", String::from_utf8_lossy(&self.ahead)),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
