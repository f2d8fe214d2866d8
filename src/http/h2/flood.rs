//! What an HTTP/2 client may do besides asking: a bound on frames that cost the gateway more than the client.
//!
//! The codec bounds what it keeps: reset streams, header lists, small DATA frames. What is cheap to keep and still makes
//! work is bounded here, by a budget of control frames that requests, answers and their bytes refill. Sees frame heads
//! alone (RFC 9113 4.1), as the bytes pass.

/// What a client did too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Flood {
    /// RST_STREAM (CVE-2023-44487).
    Reset,
    /// SETTINGS (CVE-2019-9515).
    Settings,
    /// PING (CVE-2019-9512).
    Ping,
    /// PRIORITY (CVE-2019-9513).
    Priority,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// CONTINUATION without end (CVE-2024-27316).
    Continuation,
    /// DATA without a byte (CVE-2019-9518).
    EmptyData,
    /// Frames of types that nobody knows.
    Unknown,
}

/// How many kinds there are.
pub const FLOOD_SLOTS: usize = 8;

impl Flood {
    /// Every kind, in the order of the slots.
    pub const ALL: [Self; FLOOD_SLOTS] = [
        Self::Reset,
        Self::Settings,
        Self::Ping,
        Self::Priority,
        Self::WindowUpdate,
        Self::Continuation,
        Self::EmptyData,
        Self::Unknown,
    ];

    /// Short and stable.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reset => "rapid_reset",
            Self::Settings => "settings",
            Self::Ping => "ping",
            Self::Priority => "priority",
            Self::WindowUpdate => "window_update",
            Self::Continuation => "continuation",
            Self::EmptyData => "empty_data",
            Self::Unknown => "unknown_frames",
        }
    }
}

/// Length of a frame's head.
const HEAD_BYTES: usize = 9;
/// Length of the client's preface.
const PREFACE_BYTES: usize = 24;
/// Control frames that a connection may send for nothing.
const ALLOWANCE: i64 = 1_000;
/// What a request gives back: a browser sends a few control frames for each.
const PER_REQUEST: i64 = 8;
/// What each KiB of a body gives back, which may be acknowledged by a WINDOW_UPDATE of its own.
const PER_DATA_KIB: i64 = 1;
/// CONTINUATION frames of one head, as many as the codec takes of heads of 60 KiB and less, which they are.
const CONTINUATIONS_MAX: u32 = 5;
/// DATA frames without a byte that do not end their stream, of one connection; the codec takes no more.
const EMPTY_DATA_MAX: u32 = 100;
/// Of requests that are reset, how many in a row before one is left to be answered: a client that takes back all it asks.
const RESETS_MAX: i64 = 200;

/// Follows the frames of one connection.
#[derive(Debug)]
pub struct FloodGuard {
    head: [u8; HEAD_BYTES],
    head_len: usize,
    /// Bytes until the next head.
    skip: usize,
    left: i64,
    resets_left: i64,
    continuations: u32,
    empty_data: u32,
}

impl Default for FloodGuard {
    fn default() -> Self {
        Self {
            head: [0; HEAD_BYTES],
            head_len: 0,
            skip: PREFACE_BYTES,
            left: ALLOWANCE,
            resets_left: RESETS_MAX,
            continuations: 0,
            empty_data: 0,
        }
    }
}

impl FloodGuard {
    /// Follows the next bytes.
    pub fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return Ok(());
            }
            let count = (HEAD_BYTES - self.head_len).min(bytes.len());
            self.head[self.head_len..self.head_len + count].copy_from_slice(&bytes[..count]);
            self.head_len += count;
            bytes = &bytes[count..];
            if self.head_len < HEAD_BYTES {
                return Ok(());
            }
            self.head_len = 0;
            let [a, b, c, kind, flags, ..] = self.head;
            let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            self.skip = len;
            self.frame(kind, flags, len)?;
        }
    }

    /// An answer has been given in full: its client is no one who takes back all it asks.
    pub fn answered(&mut self) {
        self.resets_left = RESETS_MAX;
    }

    /// So many bytes of answers went to the client, in so many writes: each frame of them may be acknowledged twice, for
    /// its stream and for the connection (RFC 9113 6.9).
    pub fn answering(&mut self, bytes: usize, writes: usize) {
        self.refill(2 * (writes as i64 + bytes as i64 / 1024 * PER_DATA_KIB));
    }

    fn frame(&mut self, kind: u8, flags: u8, len: usize) -> Result<(), Flood> {
        const END_STREAM: u8 = 1;
        match kind {
            0 if len == 0 && flags & END_STREAM == 0 => {
                self.empty_data += 1;
                if self.empty_data > EMPTY_DATA_MAX { Err(Flood::EmptyData) } else { Ok(()) }
            }
            0 => {
                self.refill(1 + len as i64 / 1024 * PER_DATA_KIB);
                Ok(())
            }
            1 => {
                self.continuations = 0;
                self.refill(PER_REQUEST);
                Ok(())
            }
            2 => self.spend(Flood::Priority),
            3 => {
                self.resets_left -= 1;
                if self.resets_left < 0 { Err(Flood::Reset) } else { self.spend(Flood::Reset) }
            }
            4 => self.spend(Flood::Settings),
            6 => self.spend(Flood::Ping),
            8 => self.spend(Flood::WindowUpdate),
            9 => {
                self.continuations += 1;
                if self.continuations > CONTINUATIONS_MAX { Err(Flood::Continuation) } else { Ok(()) }
            }
            // What the codec refuses: PUSH_PROMISE; and GOAWAY, after which nothing is asked any more.
            5 | 7 => Ok(()),
            _ => self.spend(Flood::Unknown),
        }
    }

    fn spend(&mut self, flood: Flood) -> Result<(), Flood> {
        self.left -= 1;
        if self.left < 0 { Err(flood) } else { Ok(()) }
    }

    fn refill(&mut self, count: i64) {
        self.left = (self.left + count).min(ALLOWANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![(len >> 16) as u8, (len >> 8) as u8, len as u8, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD_BYTES + len, 0);
        bytes
    }

    fn begun() -> FloodGuard {
        let mut guard = FloodGuard::default();
        guard.follow(&[b'x'; PREFACE_BYTES]).unwrap();
        guard
    }

    fn until_cut(frames: &[Vec<u8>]) -> (usize, Flood) {
        let mut guard = begun();
        for turn in 0..100_000 {
            for bytes in frames {
                if let Err(flood) = guard.follow(bytes) {
                    return (turn, flood);
                }
            }
        }
        panic!("never cut");
    }

    #[test]
    fn every_flood_is_cut_for_its_reason() {
        for (kind, len, flood) in [
            (2, 5, Flood::Priority),
            (4, 0, Flood::Settings),
            (6, 8, Flood::Ping),
            (8, 4, Flood::WindowUpdate),
            (77, 3, Flood::Unknown),
        ] {
            assert_eq!(until_cut(&[frame(kind, 0, len)]), (ALLOWANCE as usize, flood));
        }
        assert_eq!(until_cut(&[frame(1, 4, 20), frame(3, 0, 4)]), (RESETS_MAX as usize, Flood::Reset));
        assert_eq!(until_cut(&[frame(0, 0, 0)]), (EMPTY_DATA_MAX as usize, Flood::EmptyData));
        let endless = until_cut(&[frame(9, 0, 100)]);
        assert_eq!(endless, (CONTINUATIONS_MAX as usize, Flood::Continuation));
    }

    #[test]
    fn ordinary_traffic_is_not_cut_however_it_is_split() {
        let mut bytes = Vec::new();
        for turn in 0..50_000 {
            bytes.extend(frame(1, 4, 30));
            bytes.extend(frame(0, 0, 16_384));
            bytes.extend(frame(0, 1, 0));
            for _ in 0..4 {
                bytes.extend(frame(8, 0, 4));
            }
            if turn % 10 == 0 {
                bytes.extend(frame(6, 0, 8));
            }
            if bytes.len() > 1 << 20 {
                break;
            }
        }
        for size in [1, 7, 9, 1000, bytes.len()] {
            let mut guard = begun();
            for piece in bytes.chunks(size) {
                guard.follow(piece).unwrap();
            }
        }
    }

    #[test]
    fn a_download_may_be_acknowledged_frame_by_frame() {
        for size in [1, 100, 16_384] {
            let mut guard = begun();
            for _ in 0..10_000 {
                guard.answering(size, 1);
                guard.follow(&frame(8, 0, 4)).unwrap();
                guard.follow(&frame(8, 0, 4)).unwrap();
            }
        }
    }

    #[test]
    fn resets_between_answers_are_a_clients_right() {
        let mut guard = begun();
        for _ in 0..10_000 {
            for _ in 0..RESETS_MAX / 2 {
                guard.follow(&frame(1, 4, 20)).unwrap();
                guard.follow(&frame(3, 0, 4)).unwrap();
            }
            guard.answered();
        }
    }
}
