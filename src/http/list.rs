//! Elements of a comma-separated field value (RFC 9110 5.6.1).
//!
//! Owns the splitting and nothing else: elements are given back as they stand, without the white space around them.

use super::ascii::trim_ows;
use memchr::{memchr, memchr2};

/// Elements of one field value. Empty ones are skipped, as a recipient must (RFC 9110 5.6.1.2).
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    #[inline]
    pub(super) fn new(value: &'a [u8]) -> Elements<'a> {
        Elements { rest: value }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_end(self.rest);
            let element = trim_ows(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Where the first element ends: at a comma that is not within a quoted string, or at the end.
#[inline]
fn element_end(value: &[u8]) -> usize {
    let mut at = 0;
    // These values are short: a plain loop is done before a vectored search has begun.
    while let Some(found) = value[at..].iter().position(|byte| matches!(byte, b',' | b'"')) {
        at += found;
        if value[at] == b',' {
            return at;
        }
        at = quoted_end(value, at + 1);
    }
    value.len()
}

/// One past the quote that closes the string whose content begins at `at`; the end if none does.
fn quoted_end(value: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(found) = memchr2(b'"', b'\\', &value[at..]) {
        at += found + 1;
        if value[at - 1] == b'"' {
            return at;
        }
        at = (at + 1).min(value.len());
    }
    value.len()
}

/// Parts of `bytes` between the bytes `separator`: at least one, possibly empty.
#[inline]
pub(super) fn split(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = memchr(separator, bytes);
        rest = end.map(|end| &bytes[end + 1..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(value: &str) -> Vec<&str> {
        Elements::new(value.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect()
    }

    #[test]
    fn splits_at_commas_trims_and_skips_empty_elements() {
        assert_eq!(elements(" a ,\tb,, ,c"), ["a", "b", "c"]);
        assert_eq!(elements(""), [""; 0]);
        assert_eq!(elements(" , ,"), [""; 0]);
    }

    #[test]
    fn commas_in_quoted_strings_do_not_separate() {
        assert_eq!(elements(r#"private="a, b", max-age=1"#), [r#"private="a, b""#, "max-age=1"]);
        assert_eq!(elements(r#""a\", b", c"#), [r#""a\", b""#, "c"]);
        assert_eq!(elements(r#"a, "b, c"#), ["a", r#""b, c"#]);
        assert_eq!(elements(r#"a, "b\"#), ["a", r#""b\"#]);
    }

    #[test]
    fn split_gives_empty_parts() {
        let parts = |bytes| split(bytes, b'&').collect::<Vec<_>>();
        assert_eq!(parts(b"a&&b"), [&b"a"[..], b"", b"b"]);
        assert_eq!(parts(b""), [b""]);
        assert_eq!(parts(b"a&"), [&b"a"[..], b""]);
    }
}
