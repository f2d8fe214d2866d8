//! A named value of a message as an operator may see it: hidden where its name or the value itself sounds like a secret, and
//! short.

use super::head_text::{looks_secret, sounds_secret};
use super::redaction::{REDACTED, Redaction};

/// Longest value that is shown whole, in bytes.
const SHOWN_BYTES: usize = 120;

/// The value as it may be shown.
pub fn value_text(redaction: &Redaction, name: &[u8], value: &[u8]) -> String {
    let is_hidden = redaction.hides_header(name)
        || redaction.hides_parameter(name)
        || sounds_secret(name)
        || looks_secret(value);
    if is_hidden {
        return String::from_utf8_lossy(REDACTED).into_owned();
    }
    let mut shown = Vec::new();
    redaction.write_url(&value[..value.len().min(SHOWN_BYTES)], &mut shown);
    if value.len() > SHOWN_BYTES {
        shown.extend_from_slice("…".as_bytes());
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_sounds_like_a_secret_by_name_or_by_itself() {
        let redaction = Redaction::default();
        for (name, value) in [
            (&b"set-cookie"[..], &b"a=b"[..]),
            (b"api_key", b"1"),
            (b"user-email", b"a@b.example"),
            (b"x-note", b"Bearer abc"),
        ] {
            assert_eq!(value_text(&redaction, name, value), "(redacted)");
        }
        assert_eq!(value_text(&redaction, b"location", b"/a?token=1&b=2"), "/a?token=(redacted)&b=2");
    }

    #[test]
    fn shows_the_beginning_of_a_long_one() {
        let shown = value_text(&Redaction::default(), b"x-note", "ä".repeat(200).as_bytes());
        assert!(shown.ends_with('…') && shown.len() < 130, "{shown}");
    }
}
