//! What never appears in a log: values of secret fields and query parameters, and user information in URLs.
//!
//! Owns the names, compiled once by control. It errs on the side of hiding: a name is compared as the upstream
//! may read it (decoded up to three times, without regard to case, `-` or `_`, and by its parts:
//! `user[password]`), and a hidden value ends only where every reader ends it. It does not look for secrets by
//! what they look like, nor for URLs encoded inside of values.

use super::json::{write_escaped, write_if_innocent};

/// What is written in place of a hidden value.
pub const REDACTED: &[u8] = b"(redacted)";

/// Longest parameter name that is looked at; a longer one is hidden with no further question.
const NAME_BYTES_MAX: usize = 128;

/// Fields that are always hidden.
const HIDDEN_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];

/// Parameters that are always hidden, folded as [`fold`] does.
const HIDDEN_PARAMETERS: [&str; 12] = [
    "token",
    "accesstoken",
    "idtoken",
    "refreshtoken",
    "password",
    "secret",
    "key",
    "apikey",
    "code",
    "signature",
    "sig",
    "clientsecret",
];

/// What is hidden.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Lowercase names of fields.
    headers: Box<[Box<[u8]>]>,
    /// Folded names of parameters.
    parameters: Box<[Box<[u8]>]>,
    /// By length of the folded name (the last stands for all longer ones): which first characters such names
    /// have, one bit each. Turns nearly every innocent name away without a comparison.
    first_characters: [u64; LENGTHS],
}

const LENGTHS: usize = 24;

impl Default for Redaction {
    fn default() -> Self {
        Self::compile::<&str>(&[], &[])
    }
}

impl Redaction {
    /// Hides these fields and query parameters besides those that are always hidden.
    pub fn compile<S: AsRef<str>>(headers: &[S], parameters: &[S]) -> Self {
        let more_headers = headers.iter().map(|name| name.as_ref().to_ascii_lowercase());
        let headers = HIDDEN_HEADERS.map(str::to_owned).into_iter().chain(more_headers);
        let more_parameters =
            parameters.iter().map(|name| fold_configured(name.as_ref())).filter(|name| !name.is_empty());
        let parameters: Box<[Box<[u8]>]> =
            HIDDEN_PARAMETERS.iter().map(|name| name.as_bytes().into()).chain(more_parameters).collect();
        let mut first_characters = [0; LENGTHS];
        for name in &parameters {
            let first = name.first().copied().unwrap_or_default();
            first_characters[name.len().min(LENGTHS - 1)] |= character_bit(first);
        }
        Self { headers: headers.map(|name| name.into_bytes().into()).collect(), parameters, first_characters }
    }

    /// Whether the values of this field are hidden.
    pub fn hides_header(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }

    /// Whether the values of this query parameter, as it stands in the query, are hidden.
    #[inline]
    pub fn hides_parameter(&self, name: &[u8]) -> bool {
        let (mut length, mut first, mut is_simple) = (0, 0, true);
        for byte in name {
            let folded = FOLDED[usize::from(*byte)];
            is_simple &= folded != NOT_SIMPLE;
            length += usize::from(folded != DROPPED);
            first = if first == DROPPED { folded } else { first };
        }
        let deserves_a_look = !is_simple || name.len() > NAME_BYTES_MAX || self.may_have(length, first);
        deserves_a_look && self.hides_folded(name)
    }

    fn hides_folded(&self, name: &[u8]) -> bool {
        let mut folded = [0; NAME_BYTES_MAX];
        let Some(length) = fold(name, &mut folded) else { return true };
        let folded = &folded[..length];
        self.has_parameter(folded)
            || folded.split(|byte| b"[].:".contains(byte)).any(|part| self.has_parameter(part))
    }

    fn may_have(&self, length: usize, first: u8) -> bool {
        self.first_characters[length.min(LENGTHS - 1)] & character_bit(first) != 0
    }

    fn has_parameter(&self, folded: &[u8]) -> bool {
        self.parameters.iter().any(|hidden| **hidden == *folded)
    }

    /// A path as it may be shown.
    pub fn path(&self, path: &[u8]) -> String {
        let mut shown = Vec::with_capacity(path.len());
        self.write_path(path, &mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Appends a query (without its `?`) as the inside of a JSON string.
    pub(super) fn write_query(&self, query: &[u8], out: &mut Vec<u8>) {
        self.write_parameters(query, Reading::Query, out);
    }

    /// Appends a path as the inside of a JSON string: without user information and hidden matrix parameters.
    pub(super) fn write_path(&self, path: &[u8], out: &mut Vec<u8>) {
        // Nearly every path: a parameter needs `=` and user information `@`.
        if write_if_innocent(path, out) {
            return;
        }
        self.write_parameters(path, Reading::Path, out);
    }

    /// Appends the value of a field as the inside of a JSON string: a hidden one not at all, any other one like a
    /// URL, which it may be.
    pub(super) fn write_header(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        if self.hides_header(name) {
            return out.extend_from_slice(REDACTED);
        }
        self.write_url(value, out);
    }

    /// Appends a URL as the inside of a JSON string.
    pub(super) fn write_url(&self, url: &[u8], out: &mut Vec<u8>) {
        if write_if_innocent(url, out) {
            return;
        }
        let path_end = url.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(url.len());
        let (path, query) = url.split_at(path_end);
        self.write_path(path, out);
        if let Some((start, query)) = query.split_first() {
            out.push(*start);
            self.write_query(query, out);
        }
    }

    /// Looks at it piece by piece; a piece is a stretch without separators, perhaps `name=value`. What shows is
    /// written in stretches as long as possible.
    fn write_parameters(&self, text: &[u8], reading: Reading, out: &mut Vec<u8>) {
        let (mut shown, mut at) = (0, 0);
        while at < text.len() {
            let piece = Piece::at(text, at);
            let may_be_parameter = reading == Reading::Query || (at > 0 && text[at - 1] != b'/');
            let hidden = match piece.name_end {
                Some(name_end) if may_be_parameter && self.hides_parameter(&text[at..name_end]) => {
                    // `;` and the others separate for some readers only, so the value goes on behind them.
                    let value = &text[name_end..];
                    let length = value.iter().position(|byte| reading.ends_value(*byte));
                    Some((name_end + 1, length.map_or(text.len(), |length| name_end + length)))
                }
                _ => piece.user_end(text, at).map(|user_end| (at, user_end)),
            };
            at = piece.end + 1;
            if let Some((from, to)) = hidden {
                write_escaped(&text[shown..from], out);
                out.extend_from_slice(REDACTED);
                shown = to;
                at = at.max(to + 1);
            }
        }
        write_escaped(&text[shown..], out);
    }
}

/// A stretch without separators; positions are those in the whole text.
struct Piece {
    end: usize,
    /// Where its first `=` is.
    name_end: Option<usize>,
    has_at: bool,
}

impl Piece {
    #[inline]
    fn at(text: &[u8], start: usize) -> Self {
        let mut piece = Self { end: text.len(), name_end: None, has_at: false };
        for (index, byte) in text.iter().enumerate().skip(start) {
            match byte {
                b'=' => piece.name_end = piece.name_end.or(Some(index)),
                b'@' => piece.has_at = true,
                // What may separate parameters, or the parts of a URL within a value.
                b'&' | b';' | b'?' | b'#' | b'/' | b',' | b' ' => {
                    piece.end = index;
                    break;
                }
                _ => {}
            }
        }
        piece
    }

    /// Where `user:password` or a token before `@` ends, wherever it may be an authority.
    fn user_end(&self, text: &[u8], start: usize) -> Option<usize> {
        if !self.has_at {
            return None;
        }
        let user_end = start + memchr::memrchr(b'@', &text[start..self.end])?;
        let before = &text[..start];
        let follows_slash = before.ends_with(b"//") || before.ends_with(b":/");
        let has_password = memchr::memchr(b':', &text[start..user_end]).is_some();
        (follows_slash || has_password).then_some(user_end)
    }
}

/// Where a hidden value ends for certain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Path,
    Query,
}

impl Reading {
    fn ends_value(self, byte: u8) -> bool {
        byte == b'&' || (self == Self::Path && byte == b'/')
    }
}

fn character_bit(folded: u8) -> u64 {
    1 << (folded % 64)
}

/// In [`FOLDED`]: readers overlook it.
const DROPPED: u8 = 0;
/// In [`FOLDED`]: only [`fold`] knows what becomes of it.
const NOT_SIMPLE: u8 = 0xff;

/// What [`fold`] makes of a byte where that depends on nothing else.
const FOLDED: [u8; 256] = {
    let mut table = [NOT_SIMPLE; 256];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        if character.is_ascii_alphanumeric() {
            table[byte] = character.to_ascii_lowercase();
        }
        byte += 1;
    }
    table[b'-' as usize] = DROPPED;
    table[b'_' as usize] = DROPPED;
    table
};

fn fold_configured(name: &str) -> Box<[u8]> {
    let mut folded = [0; NAME_BYTES_MAX];
    // A name too long to be looked at is hidden anyway.
    let length = fold(name.as_bytes(), &mut folded).unwrap_or(0);
    folded[..length].into()
}

/// Decodes, lowercases and drops what readers overlook. `None` when the name is too long to be looked at.
fn fold(name: &[u8], out: &mut [u8; NAME_BYTES_MAX]) -> Option<usize> {
    let mut length = name.len();
    out.get_mut(..length)?.copy_from_slice(name);
    // Three rounds: the gateway's, a proxy's behind it and the service's.
    for _ in 0..3 {
        if memchr::memchr(b'%', &out[..length]).is_none() {
            break;
        }
        length = decode_in_place(&mut out[..length]);
    }
    let mut kept = 0;
    for at in 0..length {
        let byte = out[at];
        if byte > b' ' && !matches!(byte, b'-' | b'_' | b'+' | 0x7f) {
            out[kept] = byte.to_ascii_lowercase();
            kept += 1;
        }
    }
    Some(kept)
}

fn decode_in_place(name: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < name.len() {
        let decoded = match name[from..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        name[to] = decoded.unwrap_or(name[from]);
        from += if decoded.is_some() { 3 } else { 1 };
        to += 1;
    }
    to
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
#[path = "redaction_tests.rs"]
mod tests;
