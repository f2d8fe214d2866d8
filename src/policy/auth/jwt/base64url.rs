//! Base64 for URLs without padding (RFC 7515 2, RFC 4648 5), strictly.
//!
//! A text has one decoding and bytes have one text: padding, line ends, other alphabets and bits that are left over are
//! refused, so that a token cannot be written in two ways.

/// What is not base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64Url;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT: u8 = 0xff;

const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut at = 0;
    while at < 64 {
        values[DIGITS[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// The bytes that `text` stands for.
///
/// # Errors
/// When it is not the one text of any bytes.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64Url> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (groups, rest) = text.as_chunks::<4>();
    for group in groups {
        let [a, b, c, d] = group.map(|digit| VALUES[usize::from(digit)]);
        // A value has six bits; what is no digit has more.
        if (a | b | c | d) & 0xc0 != 0 {
            return Err(NotBase64Url);
        }
        out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    decode_rest(rest, &mut out)?;
    Ok(out)
}

/// The last, incomplete group. RFC 4648 3.5: bits beyond the last byte must be zero.
fn decode_rest(rest: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64Url> {
    let value = |at: usize| match VALUES[usize::from(rest[at])] {
        NO_DIGIT => Err(NotBase64Url),
        value => Ok(value),
    };
    match rest.len() {
        0 => Ok(()),
        2 => {
            let (a, b) = (value(0)?, value(1)?);
            out.push(a << 2 | b >> 4);
            if b & 0x0f == 0 { Ok(()) } else { Err(NotBase64Url) }
        }
        3 => {
            let (a, b, c) = (value(0)?, value(1)?, value(2)?);
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
            if c & 0x03 == 0 { Ok(()) } else { Err(NotBase64Url) }
        }
        _ => Err(NotBase64Url),
    }
}

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(group.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for at in 0..=group.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_every_second_way_to_write_the_same() {
        assert_eq!(decode(b"Zm8").unwrap(), b"fo");
        // Padding, leftover bits, line ends, the other alphabet, an impossible length.
        for wrong in ["Zm8=", "Zm9", "Zh", "Zm8\n", "Zm 8", "+/8", "Z", "Zm9vZ", "Zm8.", "Zm9v=", "\u{e9}m8a"]
        {
            assert_eq!(decode(wrong.as_bytes()), Err(NotBase64Url), "{wrong}");
        }
        assert_eq!(decode(b"-_8").unwrap(), [0xfb, 0xff]);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn a_text_that_decodes_is_the_text_of_its_bytes(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
