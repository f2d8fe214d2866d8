//! HTTP/2 in raw frames, as an origin speaks it: what no library would send.

use super::Dialogue;

/// Types of frames (RFC 9113 6).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
}

/// The flag that ends a stream, and that acknowledges.
pub const END: u8 = 1;
const END_HEADERS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The origin's side of a connection.
pub struct Frames<'a> {
    dialogue: &'a mut Dialogue,
    ahead: Vec<u8>,
    /// True while PINGs are answered.
    pub is_alive: bool,
}

impl<'a> Frames<'a> {
    /// Reads the preface and sends these settings. None if the gateway goes before.
    pub fn begin(dialogue: &'a mut Dialogue, settings: &[(u16, u32)]) -> Option<Self> {
        let mut frames = Self { dialogue, ahead: Vec::new(), is_alive: true };
        assert_eq!(frames.take(PREFACE.len())?, PREFACE);
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        frames.send(kind::SETTINGS, 0, 0, &payload);
        Some(frames)
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            let piece = self.dialogue.piece()?;
            self.ahead.extend(piece);
        }
        Some(self.ahead.drain(..count).collect())
    }

    /// The next frame; settings and pings are acknowledged.
    pub fn next(&mut self) -> Option<Frame> {
        let head = self.take(9)?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let frame = Frame { kind: head[3], flags: head[4], stream, payload: self.take(len)? };
        match frame.kind {
            kind::SETTINGS if frame.flags & END == 0 => self.send(kind::SETTINGS, END, 0, &[]),
            kind::PING if frame.flags & END == 0 && self.is_alive => {
                self.send(kind::PING, END, 0, &frame.payload);
            }
            _ => {}
        }
        Some(frame)
    }

    /// The next request's stream.
    pub fn request(&mut self) -> Option<u32> {
        self.until(kind::HEADERS).map(|frame| frame.stream)
    }

    /// The next frame of this type.
    pub fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
        let mut wire = vec![a, b, c, kind, flags];
        wire.extend(stream.to_be_bytes());
        wire.extend(payload);
        self.dialogue.send(wire);
    }

    /// A 200, and no more than that.
    pub fn head(&mut self, stream: u32) {
        self.send(kind::HEADERS, END_HEADERS, stream, &[0x88]);
    }

    /// A whole answer.
    pub fn answer(&mut self, stream: u32, body: &[u8]) {
        self.head(stream);
        self.send(kind::DATA, END, stream, body);
    }

    /// Gives a stream up.
    pub fn reset(&mut self, stream: u32, code: u32) {
        self.send(kind::RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// Takes no streams behind this one.
    pub fn go_away(&mut self, last: u32) {
        self.send(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
    }
}
