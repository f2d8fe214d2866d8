//! What never appears in a log: values of secret fields and query parameters, and user information in URLs.
//!
//! Owns the names, compiled once by control. It errs on the side of hiding: a name is compared as the upstream
//! may read it (decoded up to three times, without regard to case, `-` or `_`, and by its parts:
//! `user[password]`), and a hidden value ends only where every reader ends it. It does not look for secrets by
//! what they look like, nor for URLs encoded inside of values.

use super::json::write_escaped;

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
    /// Bit `n`: some parameter's folded name has `n` bytes; the last bit stands for all longer ones.
    parameter_lengths: u64,
}

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
        let more_parameters = parameters.iter().map(|name| fold_configured(name.as_ref()));
        let parameters: Box<[Box<[u8]>]> =
            HIDDEN_PARAMETERS.iter().map(|name| name.as_bytes().into()).chain(more_parameters).collect();
        Self {
            headers: headers.map(|name| name.into_bytes().into()).collect(),
            parameter_lengths: parameters.iter().fold(0, |bits, name| bits | length_bit(name)),
            parameters,
        }
    }

    /// Whether the values of this field are hidden.
    pub fn hides_header(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }

    /// Whether the values of this query parameter, as it stands in the query, are hidden.
    #[inline]
    pub fn hides_parameter(&self, name: &[u8]) -> bool {
        let mut folded = [0; NAME_BYTES_MAX];
        let Some(length) = fold(name, &mut folded) else { return true };
        let folded = &folded[..length];
        self.has_parameter(folded)
            || folded.split(|byte| b"[].:".contains(byte)).any(|part| self.has_parameter(part))
    }

    fn has_parameter(&self, folded: &[u8]) -> bool {
        self.parameter_lengths & length_bit(folded) != 0
            && self.parameters.iter().any(|hidden| **hidden == *folded)
    }

    /// Appends a query (without its `?`) as the inside of a JSON string.
    pub(super) fn write_query(&self, query: &[u8], out: &mut Vec<u8>) {
        self.write_parameters(query, Reading::Query, out);
    }

    /// Appends a path as the inside of a JSON string: without user information and hidden matrix parameters.
    pub(super) fn write_path(&self, path: &[u8], out: &mut Vec<u8>) {
        // Nearly every path: nothing in it that could hide anything.
        if !path.iter().any(|byte| matches!(byte, b'@' | b';' | b'?' | b'=')) {
            return write_escaped(path, out);
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
        let path_end = url.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(url.len());
        let (path, query) = url.split_at(path_end);
        self.write_path(path, out);
        if let Some((start, query)) = query.split_first() {
            out.push(*start);
            self.write_query(query, out);
        }
    }

    /// Writes piece by piece; a piece is a separator-free stretch, perhaps `name=value`.
    fn write_parameters(&self, mut text: &[u8], reading: Reading, out: &mut Vec<u8>) {
        let mut may_be_parameter = reading == Reading::Query;
        loop {
            let piece = &text[..text.iter().position(is_separator).unwrap_or(text.len())];
            let name_end = piece.iter().position(|byte| *byte == b'=');
            let mut taken = piece.len();
            match name_end.filter(|end| may_be_parameter && self.hides_parameter(&piece[..*end])) {
                Some(end) => {
                    write_escaped(&piece[..=end], out);
                    out.extend_from_slice(REDACTED);
                    // `;` and the others separate for some readers only, so the value goes on behind them.
                    taken = text.iter().position(|byte| reading.ends_value(*byte)).unwrap_or(text.len());
                }
                None => write_without_user(piece, out),
            }
            text = &text[taken..];
            let Some((separator, rest)) = text.split_first() else { return };
            may_be_parameter = reading == Reading::Query || *separator != b'/';
            out.push(*separator);
            text = rest;
        }
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

/// What may separate parameters, or the parts of a URL within a value. All stand for themselves in JSON.
fn is_separator(byte: &u8) -> bool {
    matches!(byte, b'&' | b';' | b'?' | b'#' | b'/' | b',' | b' ')
}

/// Writes a piece without `user:password@` or `token@`, wherever it may be an authority.
fn write_without_user(piece: &[u8], out: &mut Vec<u8>) {
    let Some(at) = memchr::memrchr(b'@', piece) else { return write_escaped(piece, out) };
    let follows_slash = out.ends_with(b"//") || out.ends_with(b":/");
    if follows_slash || memchr::memchr(b':', &piece[..at]).is_some() {
        out.extend_from_slice(REDACTED);
        return write_escaped(&piece[at..], out);
    }
    write_escaped(piece, out);
}

fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

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
