//! Where WebSocket frames end (RFC 6455 5.2), so that a Close frame can be put between two of them.
//!
//! Follows one direction of a connection. Reads heads of frames alone; payloads are counted and passed over, but for the
//! two bytes of a Close frame that say why. Reserved bits and opcodes belong to the two ends.

/// A payload longer than 63 bits (RFC 6455 5.2): where the next frame begins cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLength;

/// A Close frame that has gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The status code; None where the frame has none (RFC 6455 7.1.5).
    pub code: Option<u16>,
}

/// Follows the frames of one direction.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    /// The current frame's head as far as it has come.
    head: [u8; HEAD_BYTES_MAX],
    head_len: u8,
    /// True from the end of a head to the end of its payload.
    is_in_payload: bool,
    /// Bytes of the payload, and how many of them are still to come.
    payload_len: u64,
    payload_left: u64,
    /// The first two bytes of a Close frame's payload.
    code: [u8; 2],
    close: Option<Close>,
}

/// Two bytes, a length of eight, a masking key of four.
const HEAD_BYTES_MAX: usize = 14;
const OPCODE_CLOSE: u8 = 8;
const IS_MASKED: u8 = 0x80;
const IS_FINAL: u8 = 0x80;

impl Frames {
    /// True between two frames, and after a Close frame.
    pub fn is_at_boundary(&self) -> bool {
        self.close.is_some() || (self.head_len == 0 && !self.is_in_payload)
    }

    /// The Close frame, once all of it has gone by. What follows it is nobody's (RFC 6455 5.5.1).
    pub fn close(&self) -> Option<Close> {
        self.close
    }

    /// Goes on over all of `bytes`.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(), BadLength> {
        let mut rest = bytes;
        while !rest.is_empty() && self.close.is_none() {
            rest = self.step(rest)?;
        }
        Ok(())
    }

    /// Goes on to the end of the current frame, if it has begun. Gives how many of `bytes` belong to it.
    pub fn finish(&mut self, bytes: &[u8]) -> Result<usize, BadLength> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_at_boundary() {
            rest = self.step(rest)?;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Goes on within a head or within a payload. Gives what is left.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], BadLength> {
        if !self.is_in_payload {
            let have = usize::from(self.head_len);
            let take = (self.head_wanted() - have).min(bytes.len());
            self.head[have..have + take].copy_from_slice(&bytes[..take]);
            self.head_len += take as u8;
            // The first two bytes may tell that there are more.
            if have + take == self.head_wanted() {
                self.payload_len = self.announced()?;
                self.payload_left = self.payload_len;
                self.is_in_payload = true;
                self.end_frame();
            }
            return Ok(&bytes[take..]);
        }
        let take = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
        if self.is_close() {
            let at = usize::try_from(self.payload_len - self.payload_left).unwrap_or(usize::MAX);
            for (place, byte) in (at..self.code.len()).zip(&bytes[..take]) {
                self.code[place] = *byte;
            }
        }
        self.payload_left -= take as u64;
        self.end_frame();
        Ok(&bytes[take..])
    }

    fn end_frame(&mut self) {
        if self.payload_left > 0 {
            return;
        }
        if self.is_close() {
            let key = self.masking_key();
            let [high, low] = [self.code[0] ^ key[0], self.code[1] ^ key[1]];
            let code = (self.payload_len >= 2).then(|| u16::from_be_bytes([high, low]));
            self.close = Some(Close { code });
        }
        self.head_len = 0;
        self.is_in_payload = false;
    }

    fn is_close(&self) -> bool {
        self.head[0] & 0x0f == OPCODE_CLOSE
    }

    /// Bytes of the whole head, as far as can be told.
    fn head_wanted(&self) -> usize {
        if self.head_len < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if self.head[1] & IS_MASKED == 0 { 0 } else { 4 };
        2 + length + key
    }

    fn announced(&self) -> Result<u64, BadLength> {
        let be = |bytes: &[u8]| bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
        match self.head[1] & 0x7f {
            126 => Ok(be(&self.head[2..4])),
            127 => Some(be(&self.head[2..10])).filter(|len| *len <= i64::MAX as u64).ok_or(BadLength),
            short => Ok(u64::from(short)),
        }
    }

    fn masking_key(&self) -> [u8; 4] {
        if self.head[1] & IS_MASKED == 0 {
            return [0; 4];
        }
        let end = self.head_wanted();
        [self.head[end - 4], self.head[end - 3], self.head[end - 2], self.head[end - 1]]
    }
}

/// Appends a Close frame; with a masking key, one that a client may send (RFC 6455 5.3, 5.5.1). `reason` has at most 123
/// bytes.
pub fn write_close(code: u16, reason: &str, masking_key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    debug_assert!(reason.len() <= 123);
    let payload = code.to_be_bytes().into_iter().chain(reason.bytes());
    let mask = if masking_key.is_some() { IS_MASKED } else { 0 };
    out.extend_from_slice(&[IS_FINAL | OPCODE_CLOSE, mask | (2 + reason.len()) as u8]);
    match masking_key {
        Some(key) => {
            out.extend_from_slice(&key);
            out.extend(payload.zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        None => out.extend(payload),
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
