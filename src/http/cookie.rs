//! Pairs of the Cookie field (RFC 6265 4.2, 5.4).
//!
//! Owns finding a cookie by name. Values come as they are: quotes are part of them, nothing is decoded.

use super::ascii::trim_ows;
use super::field::{FieldId, Fields};
use super::list::split;
use memchr::memchr;

/// Value of the first cookie of this name. Names are case-sensitive. Several Cookie fields, as HTTP/2 sends them, are
/// read as one (RFC 9113 8.2.3).
pub fn find<'a>(fields: &'a Fields, name: &[u8]) -> Option<&'a [u8]> {
    pairs(fields).find(|pair| pair.0 == name).map(|pair| pair.1)
}

/// Every `name=value`. What has no `=` is skipped, as nobody agrees on what it means.
pub fn pairs(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.all(FieldId::Cookie).flat_map(|value| split(value, b';')).filter_map(|pair| {
        let equals = memchr(b'=', pair)?;
        Some((trim_ows(&pair[..equals]), trim_ows(&pair[equals + 1..])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_of_a_name_over_all_cookie_fields() {
        let mut fields = Fields::default();
        fields.append(b"Cookie", b"a=1; session=abc=; flag;; b=\"q\"");
        fields.append(b"cookie", b"c=3;a=2");
        let expected: [(&str, Option<&str>); 8] = [
            ("a", Some("1")),
            ("session", Some("abc=")),
            ("b", Some("\"q\"")),
            ("c", Some("3")),
            ("A", None),
            ("flag", None),
            ("sess", None),
            ("", None),
        ];
        for (name, value) in expected {
            assert_eq!(find(&fields, name.as_bytes()), value.map(str::as_bytes), "{name}");
        }
        assert_eq!(find(&Fields::default(), b"a"), None);
    }
}
