//! Base64 (RFC 4648 section 4), in pieces.
//!
//! Encodes whole; decodes a stream that may be cut anywhere and may be several padded texts, one behind the other.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many digits so many bytes make, padding included.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends `bytes` as digits, padded.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(group.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= group.len() { digit } else { b'=' });
        }
    }
}

/// What is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

/// Digits to bytes.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bits: u32,
    digits: u8,
    padding: u8,
}

impl Decoder {
    /// Appends what `text` stands for, which goes on where the last piece ended. Line ends are skipped.
    pub fn decode(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        for &byte in text {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if self.digits >= 2 => {
                    self.padding += 1;
                    0
                }
                b'\r' | b'\n' => continue,
                _ => return Err(NotBase64),
            };
            if self.padding > 0 && byte != b'=' {
                return Err(NotBase64);
            }
            self.bits = self.bits << 6 | u32::from(digit);
            self.digits += 1;
            if self.digits == 4 {
                let [_, group @ ..] = self.bits.to_be_bytes();
                out.extend_from_slice(&group[..3 - usize::from(self.padding)]);
                *self = Self::default();
            }
        }
        Ok(())
    }

    /// True between two groups, where a text may end.
    pub fn is_whole(&self) -> bool {
        self.digits == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_padded_texts_one_behind_the_other() {
        let mut out = Vec::new();
        let mut decoder = Decoder::default();
        decoder.decode(b"Zm8=Zg==\r\nZm9v", &mut out).unwrap();
        assert_eq!((&out[..], decoder.is_whole()), (&b"foffoo"[..], true));
        for bad in ["Zm8=Zg=a", "=m8=", "Zm 8", "Z===", "Zm-_"] {
            assert!(Decoder::default().decode(bad.as_bytes(), &mut Vec::new()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_however_it_is_cut(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..300
        ) {
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            prop_assert_eq!(text.len(), encoded_len(bytes.len()));
            let cut = cut.min(text.len());
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            decoder.decode(&text[..cut], &mut out).unwrap();
            decoder.decode(&text[cut..], &mut out).unwrap();
            prop_assert!(decoder.is_whole());
            prop_assert_eq!(out, bytes);
        }
    }
}
