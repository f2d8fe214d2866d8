//! What the frames that come in tell besides what the codec makes of them.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use crate::net::async_io::Inspect;

const HEAD_BYTES: usize = 9;
/// Where a GOAWAY frame says which stream was the last (RFC 9113 6.8).
const LAST_STREAM_BYTES: usize = 4;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// What has been seen.
#[derive(Default)]
pub struct Seen {
    /// True once the endpoint's settings have come.
    pub has_settings: Cell<bool>,
    /// The last stream that the endpoint has or will have looked at, once it has said so.
    pub last_stream: Cell<Option<u32>>,
}

/// Looks at the heads of frames.
pub struct Frames {
    seen: Rc<Seen>,
    head: [u8; HEAD_BYTES + LAST_STREAM_BYTES],
    filled: usize,
    /// Payload that goes by.
    left: usize,
}

impl Frames {
    /// Tells `seen`.
    pub fn new(seen: Rc<Seen>) -> Self {
        Self { seen, head: [0; HEAD_BYTES + LAST_STREAM_BYTES], filled: 0, left: 0 }
    }

    /// True once what there is to see of this frame is there.
    fn is_complete(&self) -> bool {
        let wanted = if self.head[3] == GOAWAY { HEAD_BYTES + LAST_STREAM_BYTES } else { HEAD_BYTES };
        self.filled >= wanted
    }

    fn finish(&mut self) {
        let [_, a, b, c] = [0, self.head[0], self.head[1], self.head[2]];
        let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.left = len.saturating_sub(self.filled - HEAD_BYTES);
        match self.head[3] {
            SETTINGS => self.seen.has_settings.set(true),
            GOAWAY => {
                let mut last = [0; LAST_STREAM_BYTES];
                last.copy_from_slice(&self.head[HEAD_BYTES..]);
                self.seen.last_stream.set(Some(u32::from_be_bytes(last) & 0x7fff_ffff));
            }
            _ => {}
        }
        self.filled = 0;
        self.head[3] = 0;
    }
}

impl Inspect for Frames {
    fn inspect(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let count = self.left.min(bytes.len());
                self.left -= count;
                bytes = &bytes[count..];
                continue;
            }
            self.head[self.filled] = bytes[0];
            self.filled += 1;
            bytes = &bytes[1..];
            if self.filled >= HEAD_BYTES && self.is_complete() {
                self.finish();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_settings_and_goaway_however_the_bytes_come() {
        let mut wire = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1];
        wire.extend([0, 0, 3, 0, 0, 0, 0, 0, 1, 7, 7, 7]);
        wire.extend([0, 0, 9, 7, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, b'x']);
        wire.extend([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        for cut in 1..wire.len() {
            let seen = Rc::new(Seen::default());
            let mut frames = Frames::new(seen.clone());
            for part in wire.chunks(cut) {
                frames.inspect(part).unwrap();
            }
            assert_eq!((seen.has_settings.get(), seen.last_stream.get()), (true, Some(5)), "{cut}");
            assert_eq!((frames.left, frames.filled), (0, 0));
        }
    }
}
