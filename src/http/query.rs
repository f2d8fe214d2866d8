//! Pairs of a query, as forms write them (WHATWG URL, application/x-www-form-urlencoded).
//!
//! Owns finding a parameter by name and the decoding that takes. It decodes as the services behind do, `+` to space
//! included, so that what a policy sees is what they see. Nothing is allocated unless a value is in fact encoded.

use super::ascii::hex_digit;
use super::list::split;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// Value of the first parameter of this (decoded) name; empty for a name without `=`.
pub fn find<'a>(query: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    split(query, b'&').filter(|pair| !pair.is_empty()).find_map(|pair| {
        let equals = memchr(b'=', pair).unwrap_or(pair.len());
        let is_it = decoded(&pair[..equals]).eq(name.iter().copied());
        is_it.then(|| decode(pair.get(equals + 1..).unwrap_or_default()))
    })
}

/// Values of all parameters of this (decoded) name, as they came.
pub fn raw_values<'a>(query: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    split(query, b'&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        let equals = memchr(b'=', pair).unwrap_or(pair.len());
        let is_it = decoded(&pair[..equals]).eq(name.iter().copied());
        is_it.then(|| pair.get(equals + 1..).unwrap_or_default())
    })
}

/// `bytes` with `%xx` and `+` resolved, one by one.
pub fn decoded(bytes: &[u8]) -> impl Iterator<Item = u8> {
    decoded_with(bytes, true)
}

/// `bytes` with `%xx` and `+` resolved. A percent sign that no two hexadecimal digits follow stands for itself.
pub fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'%', b'+', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(decoded(bytes).collect())
}

/// `bytes` with `%xx` resolved, and `+` where it is a query's.
pub fn decoded_with(bytes: &[u8], is_query: bool) -> impl Iterator<Item = u8> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [] => return None,
            [b'%', high, low, after @ ..] => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', &rest[1..]),
            },
            [b'+', after @ ..] if is_query => (b' ', after),
            [byte, after @ ..] => (*byte, after),
        };
        rest = after;
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_of_a_name_decoded_on_both_sides() {
        let query = b"a=1&&b=x%20y+z&%61=2&flag&c=&e=%2&d=%zz%41&=empty&f=1=2";
        let expected: [(&str, Option<&str>); 10] = [
            ("a", Some("1")),
            ("b", Some("x y z")),
            ("flag", Some("")),
            ("c", Some("")),
            ("e", Some("%2")),
            ("d", Some("%zzA")),
            ("", Some("empty")),
            ("f", Some("1=2")),
            ("A", None),
            ("fla", None),
        ];
        for (name, value) in expected {
            assert_eq!(find(query, name.as_bytes()).as_deref(), value.map(str::as_bytes), "{name}");
        }
        assert_eq!(find(b"%61pi%5Fkey=k", b"api_key").as_deref(), Some(&b"k"[..]));
        assert_eq!(find(b"", b""), None);
    }

    #[test]
    fn borrows_what_is_not_encoded() {
        assert!(matches!(find(b"a=plain", b"a"), Some(Cow::Borrowed(b"plain"))));
        assert!(matches!(find(b"a=%41", b"a"), Some(Cow::Owned(_))));
    }
}
