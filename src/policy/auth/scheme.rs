//! Schemes of Authorization (RFC 9110 11.4), and what a challenge is made of.

use crate::http::field::{FieldId, Fields};

/// What stands in Authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// Nothing of this scheme.
    Absent,
    /// This, behind the scheme.
    One(&'a [u8]),
    /// More than one field, of which one is of this scheme: whoever is behind might believe another one.
    Several,
}

/// What these fields show of a scheme.
pub fn authorization<'a>(fields: &'a Fields, scheme: &[u8]) -> Authorization<'a> {
    let mut all = fields.all(FieldId::Authorization);
    match (all.next(), all.next()) {
        (None, _) => Authorization::Absent,
        (Some(one), None) => after_scheme(one, scheme).map_or(Authorization::Absent, Authorization::One),
        (Some(_), Some(_)) => {
            let ours = fields.all(FieldId::Authorization).any(|value| after_scheme(value, scheme).is_some());
            if ours { Authorization::Several } else { Authorization::Absent }
        }
    }
}

/// What follows the scheme, where the field's value is of this scheme, in any case. None if it is of another one.
pub fn after_scheme<'a>(value: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    if !name.eq_ignore_ascii_case(scheme) {
        return None;
    }
    match rest {
        [] => Some(rest),
        [b' ', ..] => Some(rest.trim_ascii_start()),
        _ => None,
    }
}

/// A quoted string (RFC 9110 5.6.4) for a challenge.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Whether a text may stand in a challenge: visible ASCII and spaces, as nobody agrees on anything else.
pub fn is_realm(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        assert_eq!(after_scheme(b"basic  YTpi", b"Basic"), Some(&b"YTpi"[..]));
        assert_eq!(after_scheme(b"Basic", b"Basic"), Some(&b""[..]));
        for other in ["Basically YTpi", "Bearer YTpi", "Basi", ""] {
            assert_eq!(after_scheme(other.as_bytes(), b"Basic"), None, "{other}");
        }
    }

    #[test]
    fn one_field_counts_and_several_are_told() {
        let mut fields = Fields::default();
        assert_eq!(authorization(&fields, b"Bearer"), Authorization::Absent);
        fields.append(b"authorization", b"Bearer t");
        assert_eq!(authorization(&fields, b"Bearer"), Authorization::One(b"t"));
        assert_eq!(authorization(&fields, b"Basic"), Authorization::Absent);
        fields.append(b"authorization", b"Digest x");
        assert_eq!(authorization(&fields, b"Bearer"), Authorization::Several);
        assert_eq!(authorization(&fields, b"Basic"), Authorization::Absent);
    }

    #[test]
    fn quotes_are_escaped() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        assert!(is_realm("Staff only") && !is_realm("a\nb") && !is_realm("\u{e4}"));
    }
}
