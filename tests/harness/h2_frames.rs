//! Frames of HTTP/2 as a test writes them, and an answer as it was put together from them.

use super::hpack::{Fields, literal};

/// What every client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}
/// Reasons of RST_STREAM and GOAWAY.
pub mod reason {
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}
/// Flags.
pub const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub const ACK: u8 = 1;
/// Behind it comes no CONTINUATION.
pub const END_HEADERS: u8 = 4;
/// Settings.
pub const INITIAL_WINDOW: u16 = 4;

/// One stream, as far as it has come.
#[derive(Debug, Default, Clone)]
pub struct Answer {
    /// Interim heads.
    pub interim: Vec<Fields>,
    /// The head, with its pseudo-fields.
    pub fields: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The trailer section.
    pub trailers: Option<Fields>,
    /// True once END_STREAM came.
    pub has_ended: bool,
    /// Why it was reset.
    pub reset: Option<u32>,
    pub(super) window: i64,
    pub(super) send_window: i64,
}

impl Answer {
    /// The status; 0 if there is none.
    pub fn status(&self) -> u16 {
        self.field(":status").and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The value of the only field of this name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(had, _)| had == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there several times: {:?}", self.fields);
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block of literals.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        literal(name.as_bytes(), value.as_bytes(), &mut block);
    }
    block
}

/// Length of the payload behind a frame's head.
pub fn length(head: &[u8]) -> usize {
    usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])
}
