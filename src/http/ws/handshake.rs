//! The opening handshake of WebSocket (RFC 6455 4): what a client must send, and what a server proves by its answer.
//!
//! Owns the form of the key and the one value that answers it. Which protocols are allowed is not decided here.

use sha1::{Digest, Sha1};

use crate::http::field::{FieldId, Fields};

/// RFC 6455 1.3: only a server that knows WebSocket appends this.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The only version there is (RFC 6455 4.1).
pub const VERSION: &str = "13";
/// Base64 of a SHA-1 digest.
const ACCEPT_BYTES: usize = 28;
/// Base64 of the 16 bytes of a key.
const KEY_BYTES: usize = 24;

/// What is wrong with a client's handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The key is absent, repeated or not 16 bytes.
    Key,
    /// The version is absent or not 13.
    Version,
}

/// Checks the fields of a client's handshake (RFC 6455 4.2.1). Gives its key.
pub fn check(fields: &Fields) -> Result<&[u8], Flaw> {
    let mut versions = fields.all_named(b"sec-websocket-version");
    if versions.next() != Some(VERSION.as_bytes()) || versions.next().is_some() {
        return Err(Flaw::Version);
    }
    let mut keys = fields.all(FieldId::SecWebSocketKey);
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key) => Ok(key),
        _ => Err(Flaw::Key),
    }
}

/// Whether the server's answer to `key` proves that it has understood (RFC 6455 4.1, 4.2.2).
pub fn is_accepted(key: &[u8], fields: &Fields) -> bool {
    let mut answers = fields.all_named(b"sec-websocket-accept");
    answers.next() == Some(&accept(key)) && answers.next().is_none()
}

/// The value of Sec-WebSocket-Accept that answers `key`.
fn accept(key: &[u8]) -> [u8; ACCEPT_BYTES] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [b'='; ACCEPT_BYTES];
    for (three, four) in digest.chunks(3).zip(text.chunks_mut(4)) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for (place, letter) in four.iter_mut().take(three.len() + 1).enumerate() {
            *letter = BASE64[(bits >> (18 - 6 * place)) as usize & 63];
        }
    }
    text
}

/// 16 bytes in base64: 22 letters and two signs of padding. The last letter holds two bits of data.
fn is_key(key: &[u8]) -> bool {
    key.len() == KEY_BYTES
        && key.ends_with(b"==")
        && key[..22].iter().all(|byte| BASE64.contains(byte))
        && b"AQgw".contains(&key[21])
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
    const ANSWER: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn fields(lines: &[(&[u8], &[u8])]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            assert!(fields.append(name, value));
        }
        fields
    }

    #[test]
    fn answers_the_key_of_the_rfc_as_the_rfc_does() {
        // RFC 6455 1.3.
        assert_eq!(accept(KEY), ANSWER);
        assert!(is_accepted(KEY, &fields(&[(b"Sec-WebSocket-Accept", ANSWER)])));
    }

    #[test]
    fn takes_no_other_answer_and_not_two() {
        for answer in [&b"s3pPLMBiTxaQ9kYGzzhZRbK+xOp="[..], b"", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo"] {
            assert!(!is_accepted(KEY, &fields(&[(b"Sec-WebSocket-Accept", answer)])));
        }
        assert!(!is_accepted(KEY, &Fields::default()));
        let twice = fields(&[(b"Sec-WebSocket-Accept", ANSWER), (b"sec-websocket-accept", ANSWER)]);
        assert!(!is_accepted(KEY, &twice));
    }

    #[test]
    fn wants_one_key_of_16_bytes_and_version_13() {
        let version: (&[u8], &[u8]) = (b"Sec-WebSocket-Version", b"13");
        let key: (&[u8], &[u8]) = (b"Sec-WebSocket-Key", KEY);
        assert_eq!(check(&fields(&[version, key])), Ok(KEY));
        assert_eq!(check(&fields(&[key])), Err(Flaw::Version));
        assert_eq!(check(&fields(&[(b"Sec-WebSocket-Version", b"8"), key])), Err(Flaw::Version));
        assert_eq!(check(&fields(&[version, version, key])), Err(Flaw::Version));
        assert_eq!(check(&fields(&[version])), Err(Flaw::Key));
        assert_eq!(check(&fields(&[version, key, key])), Err(Flaw::Key));
        let short: [&[u8]; 6] = [
            b"",
            b"dGhlIHNhbXBsZSBub25jZQ",
            b"dGhlIHNhbXBsZSBub25jZR==",
            b"dGhlIHNhbXBsZSBub25jZQQ=",
            b"dGhlIHNhbXBsZSBub25j*Q==",
            b"dGhlIHNhbXBsZSBub25jZWFiY2Q=",
        ];
        for bad in short {
            assert_eq!(check(&fields(&[version, (b"Sec-WebSocket-Key", bad)])), Err(Flaw::Key), "{bad:?}");
        }
    }
}
