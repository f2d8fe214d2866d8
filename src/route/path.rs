//! The one normalisation of request paths: router, policies and upstream all see its result.
//!
//! RFC 3986 6.2.2: unreserved characters are decoded, the hex of what stays encoded is upper case, dot
//! segments are removed. What two parsers could read in two ways is refused instead of repaired.
//! A path that is normal already, nearly every path, is returned as it came, without a copy.
//! Applying it twice changes nothing more. It never sees the query.

/// What to do with `%2F`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncodedSlash {
    /// Leave it encoded: it is data, not a separator.
    #[default]
    Keep,
    /// Make it a separator.
    Decode,
    /// Refuse the request.
    Reject,
}

/// How paths are normalised. The same for the whole gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRules {
    /// What to do with `%2F`.
    pub encoded_slash: EncodedSlash,
    /// Whether `//` becomes `/`.
    pub merge_slashes: bool,
}

impl Default for PathRules {
    fn default() -> Self {
        Self { encoded_slash: EncodedSlash::Keep, merge_slashes: true }
    }
}

/// Why a path is refused. Always the client's doing: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRefusal {
    /// Does not begin with `/`.
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    MalformedEncoding,
    /// `%00`.
    EncodedNul,
    /// An encoded control character.
    EncodedControl,
    /// `\` or `%5C`: a separator to some and a character to others.
    Backslash,
    /// A byte that no path may have unencoded.
    ForbiddenByte,
    /// `%2F` where the rules refuse it.
    EncodedSlash,
    /// `..` above the root.
    AboveRoot,
    /// `.` or `..` next to a kept `%2F` or with parameters: a traversal for whoever reads it later.
    HiddenDotSegment,
}

impl PathRefusal {
    /// Short, stable code: the same in reply, log and metric.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::MalformedEncoding => "path_malformed_encoding",
            Self::EncodedNul => "path_encoded_nul",
            Self::EncodedControl => "path_encoded_control",
            Self::Backslash => "path_backslash",
            Self::ForbiddenByte => "path_forbidden_byte",
            Self::EncodedSlash => "path_encoded_slash",
            Self::AboveRoot => "path_above_root",
            Self::HiddenDotSegment => "path_hidden_dot_segment",
        }
    }

    /// One sentence for the client.
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotAbsolute => "The path does not begin with a slash.",
            Self::MalformedEncoding => "The path has a % that two hexadecimal digits do not follow.",
            Self::EncodedNul => "The path has an encoded NUL.",
            Self::EncodedControl => "The path has an encoded control character.",
            Self::Backslash => "The path has a backslash.",
            Self::ForbiddenByte => "The path has a byte that must be percent-encoded.",
            Self::EncodedSlash => "The path has an encoded slash.",
            Self::AboveRoot => "The path leads above its root.",
            Self::HiddenDotSegment => "The path has a dot segment in disguise.",
        }
    }
}

/// Normalises `raw`, a request path without query. The result borrows `raw` where it is normal already and
/// `scratch` otherwise; `scratch` is emptied first and grows to at most the length of `raw`.
///
/// # Errors
/// The first [`PathRefusal`] met; the reply is 400.
pub fn normalise<'a>(
    raw: &'a [u8],
    rules: &PathRules,
    scratch: &'a mut Vec<u8>,
) -> Result<&'a str, PathRefusal> {
    if is_normal(raw)? {
        return as_text(raw);
    }
    scratch.clear();
    decode(raw, rules, scratch)?;
    let len = remove_dot_segments(scratch, rules)?;
    scratch.truncate(len);
    as_text(scratch)
}

/// Whether `raw` has nothing to change: no `%`, no `//`, no `/.`.
fn is_normal(raw: &[u8]) -> Result<bool, PathRefusal> {
    if raw.first() != Some(&b'/') {
        return Err(PathRefusal::NotAbsolute);
    }
    let mut after_slash = false;
    for &byte in raw {
        match CLASS[byte as usize] {
            Class::Plain => after_slash = false,
            Class::Slash if !after_slash => after_slash = true,
            Class::Dot if !after_slash => {}
            Class::Slash | Class::Dot | Class::Percent => return Ok(false),
            Class::Forbidden => return Err(refusal_of(byte)),
        }
    }
    Ok(true)
}

/// Decodes what may be decoded and copies the rest with upper-case hex. Never longer than `raw`.
fn decode(raw: &[u8], rules: &PathRules, out: &mut Vec<u8>) -> Result<(), PathRefusal> {
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        match CLASS[byte as usize] {
            Class::Plain | Class::Slash | Class::Dot => out.push(byte),
            Class::Forbidden => return Err(refusal_of(byte)),
            Class::Percent => {
                let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex)) else {
                    return Err(PathRefusal::MalformedEncoding);
                };
                push_encoded(high << 4 | low, rules, out)?;
            }
        }
    }
    Ok(())
}

fn push_encoded(byte: u8, rules: &PathRules, out: &mut Vec<u8>) -> Result<(), PathRefusal> {
    match byte {
        0 => return Err(PathRefusal::EncodedNul),
        0x01..=0x1f | 0x7f => return Err(PathRefusal::EncodedControl),
        b'\\' => return Err(PathRefusal::Backslash),
        b'/' if rules.encoded_slash == EncodedSlash::Reject => return Err(PathRefusal::EncodedSlash),
        b'/' if rules.encoded_slash == EncodedSlash::Decode => out.push(b'/'),
        // RFC 3986 2.3: these mean the same encoded and not.
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
        _ => out.extend_from_slice(&[b'%', UPPER_HEX[(byte >> 4) as usize], UPPER_HEX[(byte & 15) as usize]]),
    }
    Ok(())
}

/// RFC 3986 5.2.4 in place, on a decoded path that begins with `/`. Returns the new length.
fn remove_dot_segments(path: &mut [u8], rules: &PathRules) -> Result<usize, PathRefusal> {
    let mut read = 0;
    let mut write = 0;
    // Invariant: path[..write] is the result so far without its last separator; path[read] is a separator.
    while read < path.len() {
        let start = read + 1;
        let end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |at| start + at);
        let is_last = end == path.len();
        match &path[start..end] {
            b"" if rules.merge_slashes && !is_last => {}
            b"." if !is_last => {}
            b".." => {
                write = memchr::memrchr(b'/', &path[..write]).ok_or(PathRefusal::AboveRoot)?;
                if is_last {
                    write = put_separator(path, write);
                }
            }
            b"." => write = put_separator(path, write),
            segment => {
                refuse_dots_with_parameters(segment)?;
                refuse_hidden_dots(segment)?;
                write = put_separator(path, write);
                path.copy_within(start..end, write);
                write += end - start;
            }
        }
        read = end;
    }
    Ok(write)
}

/// Ends the result so far with `/`, which always has room: it replaces the separator that was read.
fn put_separator(path: &mut [u8], write: usize) -> usize {
    path[write] = b'/';
    write + 1
}

/// Some services read `..;x` as `..`: parameters of a segment are taken off before it is looked at.
fn refuse_dots_with_parameters(segment: &[u8]) -> Result<(), PathRefusal> {
    let plain = memchr::memchr(b';', segment).unwrap_or(segment.len());
    let encoded = memchr::memmem::find(segment, b"%3B").unwrap_or(segment.len());
    match &segment[..plain.min(encoded)] {
        b"." | b".." if plain.min(encoded) < segment.len() => Err(PathRefusal::HiddenDotSegment),
        _ => Ok(()),
    }
}

/// `..%2Fsecret` has no dot segment for us and has one for an upstream that decodes `%2F`.
fn refuse_hidden_dots(segment: &[u8]) -> Result<(), PathRefusal> {
    if !segment.contains(&b'%') {
        return Ok(());
    }
    let mut start = 0;
    let mut has_slash = false;
    let mut has_dots = false;
    while start <= segment.len() {
        let end = memchr::memmem::find(&segment[start..], b"%2F").map(|at| start + at);
        has_slash |= end.is_some();
        has_dots |= matches!(&segment[start..end.unwrap_or(segment.len())], b"." | b"..");
        start = end.map_or(segment.len() + 1, |end| end + 3);
    }
    if has_slash && has_dots { Err(PathRefusal::HiddenDotSegment) } else { Ok(()) }
}

fn refusal_of(byte: u8) -> PathRefusal {
    if byte == b'\\' { PathRefusal::Backslash } else { PathRefusal::ForbiddenByte }
}

fn as_text(path: &[u8]) -> Result<&str, PathRefusal> {
    // Every byte has been seen to be ASCII, so this never fails; the check costs less than a proof by `unsafe`.
    std::str::from_utf8(path).map_err(|_| PathRefusal::ForbiddenByte)
}

fn hex(digit: &u8) -> Option<u8> {
    (*digit as char).to_digit(16).map(|value| value as u8)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Slash,
    Dot,
    Percent,
    Forbidden,
}

/// Forbidden: controls, space, non-ASCII, backslash, and `?` and `#`, which end a path (RFC 3986 3.3).
/// `"<>^{|}` and the backtick are not path characters either, but clients send them and nothing reads them
/// in two ways, so they pass as they are.
const CLASS: [Class; 256] = {
    let mut class = [Class::Forbidden; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        class[byte] = match byte as u8 {
            b'/' => Class::Slash,
            b'.' => Class::Dot,
            b'%' => Class::Percent,
            b'\\' | b'?' | b'#' => Class::Forbidden,
            _ => Class::Plain,
        };
        byte += 1;
    }
    class
};

const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::PathRefusal::{
        AboveRoot, Backslash, EncodedControl, EncodedNul, ForbiddenByte, HiddenDotSegment, MalformedEncoding,
        NotAbsolute,
    };
    use super::*;

    fn normal(raw: &str, encoded_slash: EncodedSlash, merge_slashes: bool) -> Result<String, PathRefusal> {
        let rules = PathRules { encoded_slash, merge_slashes };
        normalise(raw.as_bytes(), &rules, &mut Vec::new()).map(str::to_owned)
    }

    fn by_default(raw: &str) -> Result<String, PathRefusal> {
        normal(raw, EncodedSlash::Keep, true)
    }

    #[test]
    fn normal_paths_are_returned_without_a_copy() {
        let raw = b"/users/42/a.b..c/~x%".split_at(19).0;
        let mut scratch = Vec::new();
        let path = normalise(raw, &PathRules::default(), &mut scratch).unwrap();
        assert_eq!(path.as_ptr(), raw.as_ptr());
        assert_eq!(scratch.capacity(), 0);
    }

    #[test]
    fn brings_paths_into_one_form() {
        for (raw, expected) in [
            ("/", "/"),
            ("/%61%2D%7e/%c3%a9", "/a-~/%C3%A9"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e/b/%2E%2e/c", "/a/c"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a/..", "/"),
            ("/a//b///c", "/a/b/c"),
            ("//", "/"),
            ("/a//..", "/"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a%2fb", "/a%2Fb"),
            ("/%252e%252e/", "/%252e%252e/"),
            ("/%2525", "/%2525"),
            ("/a/%3b/;v=1", "/a/%3B/;v=1"),
        ] {
            assert_eq!(by_default(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn refuses_what_two_parsers_could_read_in_two_ways() {
        for (raw, refusal) in [
            ("", NotAbsolute),
            ("a", NotAbsolute),
            ("*", NotAbsolute),
            ("/%", MalformedEncoding),
            ("/%4", MalformedEncoding),
            ("/%zz", MalformedEncoding),
            ("/%+1", MalformedEncoding),
            ("/%00", EncodedNul),
            ("/%0d%0a", EncodedControl),
            ("/%7F", EncodedControl),
            ("/a\\..\\b", Backslash),
            ("/a%5cb", Backslash),
            ("/a b", ForbiddenByte),
            ("/a?b", ForbiddenByte),
            ("/a#b", ForbiddenByte),
            ("/é", ForbiddenByte),
            ("/..", AboveRoot),
            ("/a/../..", AboveRoot),
            ("/%2e%2e/etc", AboveRoot),
            ("//..", AboveRoot),
            ("/a/..%2fb", HiddenDotSegment),
            ("/a%2F%2e%2E", HiddenDotSegment),
            ("/a%2f.%2fb", HiddenDotSegment),
        ] {
            assert_eq!(by_default(raw), Err(refusal), "{raw}");
        }
    }

    #[test]
    fn an_encoded_slash_is_what_the_rules_say() {
        assert_eq!(normal("/a%2Fb", EncodedSlash::Decode, true).unwrap(), "/a/b");
        assert_eq!(normal("/a%2F%2e%2e%2fb", EncodedSlash::Decode, true).unwrap(), "/b");
        assert_eq!(normal("/%2F..", EncodedSlash::Decode, true), Err(AboveRoot));
        assert_eq!(normal("/a%2fb", EncodedSlash::Reject, true), Err(PathRefusal::EncodedSlash));
    }

    #[test]
    fn empty_segments_stay_where_the_rules_keep_them() {
        for (raw, expected) in [("/a//b", "/a//b"), ("/a//..", "/a/"), ("/a/..//b", "//b"), ("//", "//")] {
            assert_eq!(normal(raw, EncodedSlash::Keep, false).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn codes_are_all_different() {
        let all = [
            NotAbsolute,
            MalformedEncoding,
            EncodedNul,
            EncodedControl,
            Backslash,
            ForbiddenByte,
            PathRefusal::EncodedSlash,
            AboveRoot,
            HiddenDotSegment,
        ];
        let codes: std::collections::BTreeSet<_> = all.iter().map(|refusal| refusal.code()).collect();
        assert_eq!(codes.len(), all.len());
    }
}
