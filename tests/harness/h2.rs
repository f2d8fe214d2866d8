//! An HTTP/2 client in raw frames: what it sends is the test's own, what it gets is held against RFC 9113.
//!
//! Acknowledges SETTINGS and PING and gives windows back, unless told not to. Bytes beyond a window it has given, frames
//! on streams it has not opened and frames behind the end of a stream fail the test at once.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;
pub use super::h2_frames::*;
use super::hpack::Decoder;

/// A connection.
pub struct H2 {
    stream: TcpStream,
    ahead: Vec<u8>,
    decoder: Decoder,
    streams: BTreeMap<u32, Answer>,
    next: u32,
    window: i64,
    send_window: i64,
    initial_window: i64,
    peer_initial_window: i64,
    /// What the gateway has set.
    pub settings: BTreeMap<u16, u32>,
    /// GOAWAYs: last stream and reason.
    pub goaways: Vec<(u32, u32)>,
    /// True to give windows back as bytes come.
    pub gives_windows: bool,
    /// True to answer PINGs.
    pub answers_pings: bool,
    /// True once the connection has ended.
    pub is_closed: bool,
}

impl H2 {
    /// Connects and exchanges SETTINGS.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[])
    }

    /// The same with these settings.
    #[track_caller]
    pub fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Self::raw(address);
        client.send(PREFACE);
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
            if *id == INITIAL_WINDOW {
                client.initial_window = i64::from(*value);
            }
        }
        client.frame(kind::SETTINGS, 0, 0, &payload);
        client.until("settings", |client| !client.settings.is_empty());
        client
    }

    /// Connects and says nothing.
    #[track_caller]
    pub fn raw(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the listener accepts");
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Self {
            stream,
            ahead: Vec::new(),
            decoder: Decoder::default(),
            streams: BTreeMap::new(),
            next: 1,
            window: 65_535,
            send_window: 65_535,
            initial_window: 65_535,
            peer_initial_window: 65_535,
            settings: BTreeMap::new(),
            goaways: Vec::new(),
            gives_windows: true,
            answers_pings: true,
            is_closed: false,
        }
    }

    /// Sends bytes; false if the gateway has gone.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a frame.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send(&frame(kind, flags, stream, payload))
    }

    /// Opens a stream with this request and further fields.
    pub fn request(&mut self, method: &str, path: &str, fields: &[(&str, &str)], is_whole: bool) -> u32 {
        let usual = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)];
        self.open(&[&usual, fields].concat(), is_whole)
    }

    /// Opens a stream with a GET.
    pub fn get(&mut self, path: &str) -> u32 {
        self.request("GET", path, &[], true)
    }

    /// Opens a stream with just these fields.
    pub fn open(&mut self, fields: &[(&str, &str)], is_whole: bool) -> u32 {
        self.open_block(&block(fields), is_whole)
    }

    /// Opens a stream with this header block.
    pub fn open_block(&mut self, block: &[u8], is_whole: bool) -> u32 {
        self.open_pieces(block, 16_384, is_whole)
    }

    /// The same, in frames of at most so many bytes.
    pub fn open_pieces(&mut self, block: &[u8], size: usize, is_whole: bool) -> u32 {
        let id = self.fresh();
        let pieces: Vec<&[u8]> = if block.is_empty() { vec![block] } else { block.chunks(size).collect() };
        let count = pieces.len();
        for (at, piece) in pieces.into_iter().enumerate() {
            let flags = if at + 1 == count { END_HEADERS } else { 0 };
            let (kind, more) = if at == 0 { (kind::HEADERS, is_whole) } else { (kind::CONTINUATION, false) };
            self.frame(kind, flags | u8::from(more), id, piece);
        }
        id
    }

    /// The next stream, for a head that the test sends itself.
    pub fn fresh(&mut self) -> u32 {
        let id = self.next;
        self.next += 2;
        let (window, send_window) = (self.initial_window, self.peer_initial_window);
        self.streams.insert(id, Answer { window, send_window, ..Answer::default() });
        id
    }

    /// Sends DATA, waiting for windows as they are needed.
    #[track_caller]
    pub fn data(&mut self, id: u32, mut bytes: &[u8], is_last: bool) {
        loop {
            if bytes.is_empty() {
                if is_last {
                    self.frame(kind::DATA, END_STREAM, id, b"");
                }
                return;
            }
            self.until("a window", |client| {
                let answer = &client.streams[&id];
                answer.reset.is_some() || client.send_window.min(answer.send_window) > 0
            });
            let answer = self.streams.get_mut(&id).expect("it was opened");
            if answer.reset.is_some() {
                return;
            }
            let count = (bytes.len() as i64).min(self.send_window).min(answer.send_window).min(16_384);
            answer.send_window -= count;
            self.send_window -= count;
            let (piece, rest) = bytes.split_at(count as usize);
            bytes = rest;
            self.frame(kind::DATA, u8::from(is_last && rest.is_empty()), id, piece);
            if is_last && rest.is_empty() {
                return;
            }
        }
    }

    /// Ends a stream with trailers.
    pub fn trailers(&mut self, id: u32, fields: &[(&str, &str)]) {
        self.frame(kind::HEADERS, END_HEADERS | END_STREAM, id, &block(fields));
    }

    /// Resets a stream.
    pub fn reset(&mut self, id: u32, reason: u32) {
        self.frame(kind::RST_STREAM, 0, id, &reason.to_be_bytes());
    }

    /// Gives a window.
    pub fn window(&mut self, id: u32, count: u32) {
        match self.streams.get_mut(&id) {
            Some(answer) => answer.window += i64::from(count),
            None => self.window += i64::from(count),
        }
        self.frame(kind::WINDOW_UPDATE, 0, id, &count.to_be_bytes());
    }

    /// What has come of a stream so far.
    pub fn so_far(&self, id: u32) -> &Answer {
        &self.streams[&id]
    }

    /// Waits for the end of a stream, whichever.
    #[track_caller]
    pub fn answer(&mut self, id: u32) -> Answer {
        self.until("the end of a stream", |client| {
            let answer = &client.streams[&id];
            answer.has_ended || answer.reset.is_some()
        });
        self.streams[&id].clone()
    }

    /// Waits for a stream's head.
    #[track_caller]
    pub fn head(&mut self, id: u32) -> Answer {
        self.until("a head", |client| {
            let answer = &client.streams[&id];
            !answer.fields.is_empty() || answer.reset.is_some()
        });
        self.streams[&id].clone()
    }

    /// Reads frames until `holds`.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !self.is_closed, "no {what}: {self:?}");
            self.step(left);
        }
    }

    /// Reads frames for a while, or until the end.
    #[track_caller]
    pub fn listen(&mut self, length: Duration) {
        let deadline = Instant::now() + length;
        while !self.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.step(left);
        }
    }

    /// Waits until the gateway closes.
    #[track_caller]
    pub fn until_closed(&mut self) {
        self.until("end of the connection", |client| client.is_closed);
    }

    /// Reads one frame, if one comes within `bound`.
    #[track_caller]
    fn step(&mut self, bound: Duration) {
        while self.ahead.len() < 9 || self.ahead.len() < 9 + length(&self.ahead) {
            let mut piece = vec![0; 256 * 1024];
            self.stream.set_read_timeout(Some(bound.max(Duration::from_millis(1)))).expect("not zero");
            match self.stream.read(&mut piece) {
                Ok(0) => return self.is_closed = true,
                Ok(count) => self.ahead.extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                Err(_) => return self.is_closed = true,
            }
        }
        let rest = self.ahead.split_off(9 + length(&self.ahead));
        let whole = std::mem::replace(&mut self.ahead, rest);
        let id = u32::from_be_bytes([whole[5], whole[6], whole[7], whole[8]]);
        self.take(whole[3], whole[4], id, &whole[9..]);
    }

    #[track_caller]
    fn take(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        assert!(payload.len() <= 16_384, "a frame larger than allowed");
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        match kind {
            kind::DATA => self.take_data(flags, id, payload),
            kind::HEADERS => self.take_head(flags, id, payload),
            kind::RST_STREAM => self.known(id).reset = Some(number(0)),
            kind::SETTINGS if flags & ACK == 0 => self.take_settings(payload),
            kind::PING if flags & ACK == 0 && self.answers_pings => {
                self.frame(kind::PING, ACK, 0, payload);
            }
            kind::GOAWAY => self.goaways.push((number(0), number(4))),
            kind::WINDOW_UPDATE if id == 0 => self.send_window += i64::from(number(0)),
            kind::WINDOW_UPDATE => self.known(id).send_window += i64::from(number(0)),
            kind::SETTINGS | kind::PING => {}
            other => panic!("a frame of type {other} from a server"),
        }
    }

    #[track_caller]
    fn take_settings(&mut self, payload: &[u8]) {
        for entry in payload.chunks(6) {
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            let id = u16::from_be_bytes([entry[0], entry[1]]);
            self.settings.insert(id, value);
            if id == INITIAL_WINDOW {
                self.peer_initial_window = i64::from(value);
            }
        }
        self.frame(kind::SETTINGS, ACK, 0, b"");
    }

    #[track_caller]
    fn take_data(&mut self, flags: u8, id: u32, payload: &[u8]) {
        let count = payload.len() as i64;
        self.window -= count;
        assert!(self.window >= 0, "beyond the connection's window");
        let answer = self.known(id);
        assert!(!answer.fields.is_empty(), "DATA without a head");
        answer.window -= count;
        assert!(answer.window >= 0, "beyond the stream's window");
        answer.body.extend_from_slice(payload);
        answer.has_ended = flags & END_STREAM != 0;
        let has_ended = answer.has_ended;
        if self.gives_windows && count > 0 {
            self.window(0, count as u32);
            if !has_ended {
                self.window(id, count as u32);
            }
        }
    }

    #[track_caller]
    fn take_head(&mut self, flags: u8, id: u32, payload: &[u8]) {
        assert!(flags & END_HEADERS != 0, "heads of these tests are small");
        let fields = self.decoder.read(payload);
        for (name, _) in &fields {
            assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name}");
            let of_a_connection = ["connection", "transfer-encoding", "keep-alive", "upgrade"];
            assert!(!of_a_connection.contains(&name.as_str()), "{fields:?}");
        }
        let answer = self.known(id);
        answer.has_ended = flags & END_STREAM != 0;
        if !answer.fields.is_empty() {
            assert!(answer.has_ended, "trailers end a stream");
            answer.trailers = Some(fields);
        } else if fields[0].1.starts_with('1') {
            assert!(!answer.has_ended, "an interim head does not end a stream");
            answer.interim.push(fields);
        } else {
            answer.fields = fields;
        }
    }

    #[track_caller]
    fn known(&mut self, id: u32) -> &mut Answer {
        let answer = self.streams.get_mut(&id).expect("a stream of ours");
        assert!(answer.reset.is_none(), "something behind a reset of stream {id}");
        answer
    }
}

impl std::fmt::Debug for H2 {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = out.debug_struct("H2");
        shown.field("goaways", &self.goaways).field("is_closed", &self.is_closed);
        let streams: Vec<_> = self.streams.iter().rev().take(3).collect();
        let told = streams.iter().map(|(id, answer)| (id, &answer.fields, answer.body.len(), answer.reset));
        shown.field("last streams", &told.collect::<Vec<_>>()).finish()
    }
}
