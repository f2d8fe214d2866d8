//! The text of a key: `rg_<id>_<secret><checksum>`, and the hash that stands for it at rest.
//!
//! The id finds the row and is no secret. The secret is random, so that a plain SHA-256 keeps it: there is nothing to
//! guess that a slow hash would make dearer. The checksum tells a typing error from a wrong key; whoever has the text
//! can compute it, so that it proves nothing. Keys of other makers are known by their hash alone.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Longest key that is looked at, in bytes.
pub const KEY_BYTES_MAX: usize = 512;
/// Shortest key of another maker: 22 characters of base64 are 128 bits.
pub const KEY_BYTES_MIN: usize = 22;
/// Longest id.
pub const ID_BYTES_MAX: usize = 64;

const PREFIX: &str = "rg_";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of the secret: 27 of 62 are 160 bits.
const SECRET_CHARS: usize = 27;
/// Characters of the checksum: 6 of 62 hold 32 bits.
const CHECKSUM_CHARS: usize = 6;
/// Characters of an id that is made: 10 of 36 are 51 bits, so that ids do not meet.
const MADE_ID_CHARS: usize = 10;

/// What a presented text is, before anybody is asked whether it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// One of ours, with its id.
    Own(&'a str),
    /// One of ours with a typing error, or cut off.
    Mistyped,
    /// Of another maker.
    Foreign,
    /// No key: too long, or with characters that no key has.
    Bad,
}

impl<'a> Shape<'a> {
    /// Tells what `text` is.
    pub fn of(text: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(text) else { return Self::Bad };
        if text.is_empty() || text.len() > KEY_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Self::Bad;
        }
        let Some(rest) = text.strip_prefix(PREFIX) else { return Self::Foreign };
        let Some((id, secret)) = rest.split_once('_') else { return Self::Foreign };
        if !is_id(id) {
            return Self::Foreign;
        }
        let (head, checksum) = text.split_at(text.len().saturating_sub(CHECKSUM_CHARS));
        let is_whole = secret.len() == SECRET_CHARS + CHECKSUM_CHARS;
        if is_whole && checksum_of(head) == checksum.as_bytes() { Self::Own(id) } else { Self::Mistyped }
    }
}

/// Whether `id` may be one: letters, digits and `-`.
pub fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A new id. `fill` fills with random bytes.
pub fn make_id(fill: &mut dyn FnMut(&mut [u8])) -> String {
    // The first 36 digits in lower case: an id is read out aloud now and then.
    digits(MADE_ID_CHARS, 36, fill).to_ascii_lowercase()
}

/// A new key with this id. `fill` fills with random bytes that nobody can guess.
pub fn make(id: &str, fill: &mut dyn FnMut(&mut [u8])) -> String {
    let head = format!("{PREFIX}{id}_{}", digits(SECRET_CHARS, 62, fill));
    let checksum = checksum_of(&head);
    format!("{head}{}", String::from_utf8_lossy(&checksum))
}

/// So many even digits of the first `base`.
fn digits(count: usize, base: u8, fill: &mut dyn FnMut(&mut [u8])) -> String {
    // Bytes beyond the last whole multiple would make the first digits likelier.
    let bound = u8::MAX - (u8::MAX % base + 1) % base;
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut byte = [0];
        fill(&mut byte);
        if byte[0] <= bound {
            text.push(char::from(DIGITS[usize::from(byte[0] % base)]));
        }
    }
    text
}

fn checksum_of(head: &str) -> [u8; CHECKSUM_CHARS] {
    let digest = Sha256::digest(head.as_bytes());
    let mut number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let mut text = [b'0'; CHECKSUM_CHARS];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// SHA-256 of a whole key; written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Of this key.
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether it is `other`; takes as long for a near miss as for a wide one.
    pub fn equals(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// Of no key at all: what an unknown id is compared with.
    pub const NOBODY: Self = Self([0; 32]);
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not a secret, and yet nobody's business.
        f.write_str("sha256:(hidden)")
    }
}

const HASH_PREFIX: &str = "sha256:";

impl FromStr for KeyHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a hash is `sha256:` and 64 hexadecimal digits; `ringgate key hash` makes it";
        let digits = text.strip_prefix(HASH_PREFIX).filter(|digits| digits.len() == 64).ok_or(WRONG)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| WRONG)?;
            // `from_str_radix` takes a sign.
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex).ok_or(WRONG)?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for KeyHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 0u8;
        move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(37);
            }
        }
    }

    #[test]
    fn a_key_that_was_made_is_known_by_its_id_and_a_mistyped_one_is_told() {
        let mut fill = counting();
        let id = make_id(&mut fill);
        assert!(is_id(&id) && id.len() == MADE_ID_CHARS, "{id}");
        let key = make(&id, &mut fill);
        assert_eq!(Shape::of(key.as_bytes()), Shape::Own(&id));
        for at in 4 + id.len()..key.len() {
            let mut other = key.clone().into_bytes();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(Shape::of(&other), Shape::Mistyped, "changed at {at}");
        }
        assert_eq!(Shape::of(&key.as_bytes()[..key.len() - 1]), Shape::Mistyped);
    }

    #[test]
    fn other_texts_are_of_other_makers_or_no_keys() {
        for foreign in ["sk_live_0123456789abcdef", "rg_", "rg_noseparator", "rg_a.b_cdef", "rg__x"] {
            assert_eq!(Shape::of(foreign.as_bytes()), Shape::Foreign, "{foreign}");
        }
        let long = "a".repeat(KEY_BYTES_MAX + 1);
        for bad in ["", "with space", "tab\there", "\u{e4}", &long] {
            assert_eq!(Shape::of(bad.as_bytes()), Shape::Bad, "{bad}");
        }
        assert_eq!(Shape::of(&[0xff, 0xfe]), Shape::Bad);
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash::of(b"abc");
        let text = hash.to_string();
        assert_eq!(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(text.parse::<KeyHash>().is_ok_and(|read| read.equals(&hash)));
        assert!(!hash.equals(&KeyHash::NOBODY));
        for bad in ["", "sha256:", "md5:00", &text[7..], &text[..70], &text.replace("ba", "+a")] {
            assert!(bad.parse::<KeyHash>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digits_are_even() {
        let mut next = 0u8;
        let mut all = |bytes: &mut [u8]| {
            bytes[0] = next;
            next = next.wrapping_add(1);
        };
        // Four rounds of the 248 bytes that are taken are each digit sixteen times.
        let text = digits(248 * 4, 62, &mut all);
        for digit in DIGITS {
            assert_eq!(text.bytes().filter(|byte| byte == digit).count(), 16, "{}", char::from(*digit));
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_looked_at(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Shape::of(&text);
        }
    }
}
