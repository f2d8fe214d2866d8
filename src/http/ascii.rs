//! Classes of bytes that the grammars of RFC 9110 and RFC 3986 name, as one table.
//!
//! Owns the table and the questions asked of it. One lookup a byte, no branches per class.

/// A `tchar` of a token (RFC 9110 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// A byte of a request target that is passed on (see [`super::target`] for what is left out, and why).
pub(super) const TARGET: u8 = 2;
/// `unreserved / sub-delims` of a registered name (RFC 3986 3.2.2).
pub(super) const REG_NAME: u8 = 4;
/// A byte of a field value: VCHAR, SP, HTAB, obs-text (RFC 9110 5.5).
pub(super) const FIELD_VALUE: u8 = 8;
/// `qdtext` of a quoted string (RFC 9110 5.6.4).
pub(super) const QUOTED: u8 = 16;

const CLASSES: [u8; 256] = classes();

/// Whether `byte` belongs to `class`.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Whether every byte belongs to `class`. True for nothing at all.
#[inline]
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |seen, byte| seen & CLASSES[usize::from(*byte)]) != 0
}

/// Whether `name` is a token (RFC 9110 5.6.2): at least one byte, all of them `tchar`.
#[inline]
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && all(name, TOKEN)
}

/// Whether `value` may stand in a field (RFC 9110 5.5): no control bytes but HTAB.
#[inline]
pub fn is_field_value(value: &[u8]) -> bool {
    all(value, FIELD_VALUE)
}

/// `value` without the SP and HTAB around it: `OWS` (RFC 9110 5.6.3).
#[inline]
pub(super) fn trim_ows(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The value of a hexadecimal digit.
#[inline]
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = class_of(at as u8);
        at += 1;
    }
    table
}

const fn class_of(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let mut class = 0;
    if alphanumeric || is_one_of(byte, b"!#$%&'*+-.^_`|~") {
        class |= TOKEN;
    }
    if byte.is_ascii_graphic() && !is_one_of(byte, b"#\\<>\"") {
        class |= TARGET;
    }
    if alphanumeric || is_one_of(byte, b"-._~!$&'()*+,;=") {
        class |= REG_NAME;
    }
    if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
        class |= FIELD_VALUE;
        if byte != b'"' && byte != b'\\' {
            class |= QUOTED;
        }
    }
    class
}

const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_as_rfc_9110_5_6_2_lists_them() {
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is(byte, TOKEN), expected, "{byte:#x}");
        }
        assert!(!is_token(b""));
        assert!(!is_token(b"a b"));
    }

    #[test]
    fn field_values_take_obs_text_and_tab_but_no_controls() {
        assert!(is_field_value(b"a\tb \xff"));
        for byte in [0, 1, b'\r', b'\n', 0x1f, 0x7f] {
            assert!(!is_field_value(&[b'a', byte]), "{byte:#x}");
        }
    }

    #[test]
    fn trims_space_and_tab_only() {
        assert_eq!(trim_ows(b" \t a b\t "), b"a b");
        assert_eq!(trim_ows(b" \t "), b"");
        assert_eq!(trim_ows(b"\x0ba"), b"\x0ba");
    }
}
