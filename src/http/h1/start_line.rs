//! Start lines: request line (RFC 9112 3) and status line (RFC 9112 4).
//!
//! Owns what may be said of such a line while it is still arriving, so that nobody makes us keep a megabyte of it or
//! a TLS handshake, and what a complete one holds. One space between the parts, nothing around them.

use crate::http::ascii::{TOKEN, is, is_field_value, is_token};
use crate::http::head::Version;
use crate::http::refusal::{Breach, Refusal};
use crate::http::target::is_target;
use memchr::memchr;

/// Longest method that is passed on. The longest registered one has 17 bytes (UPDATEREDIRECTREF).
pub(super) const METHOD_LEN_MAX: usize = 32;

/// A complete request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) version: &'a [u8],
}

impl<'a> RequestLine<'a> {
    /// Takes a line apart at its first two spaces. What the parts hold is not looked at.
    pub(super) fn split(line: &'a [u8]) -> Option<RequestLine<'a>> {
        let (method, rest) = split_at_space(line)?;
        let (target, version) = split_at_space(rest)?;
        Some(RequestLine { method, target, version })
    }
}

/// The first byte of a request line: of a method, so a `tchar`. Everything else, as the first byte of a TLS
/// handshake, is not HTTP and need not be waited for.
pub(super) fn request_first_byte(byte: u8) -> Result<(), Refusal> {
    match byte {
        _ if is(byte, TOKEN) => Ok(()),
        b'\n' => Err(Refusal::BareCrOrLf),
        0 => Err(Refusal::NulByte),
        _ => Err(Refusal::BadRequestLine),
    }
}

/// What a request line that may still go on must already fulfil. A longer part of the same line is never judged
/// differently, so the verdict does not depend on how the line came in.
pub(super) fn request_so_far(line: &[u8], target_bytes: usize) -> Result<(), Refusal> {
    let beginning = &line[..line.len().min(METHOD_LEN_MAX + 1)];
    match memchr(b' ', beginning) {
        Some(end) if !is_token(&line[..end]) => Err(Refusal::BadRequestLine),
        // RFC 9112 3: 414 is due as soon as the target cannot fit, not when its end arrives. What is measured is the
        // rest of the line, of which " HTTP/1.1" is no part of the target.
        Some(end) if line.len() - end - 1 > target_bytes.saturating_add(" HTTP/1.1".len()) => {
            Err(Refusal::TargetTooLong)
        }
        Some(_) => Ok(()),
        // RFC 9112 3: 501 for a method longer than any the server implements.
        None if line.len() > METHOD_LEN_MAX && is_token(beginning) => Err(Refusal::MethodNotImplemented),
        None if line.len() > METHOD_LEN_MAX => Err(Refusal::BadRequestLine),
        None => Ok(()),
    }
}

/// Checks a complete request line, after [`request_so_far`].
pub(super) fn check_request(line: &[u8]) -> Result<(), Refusal> {
    let RequestLine { method, target, version } = RequestLine::split(line).ok_or(Refusal::BadRequestLine)?;
    // RFC 9112 3: one space. More would be within the target or the version; to guess which invites smuggling.
    if !is_token(method) || target.is_empty() || memchr(b' ', version).is_some() {
        return Err(Refusal::BadRequestLine);
    }
    if !is_target(target) {
        return Err(Refusal::BadTarget);
    }
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Refusal::VersionNotSupported)
        }
        _ => Err(Refusal::BadVersion),
    }
}

/// The version of a checked line: its text is one of two.
pub(super) fn version(text: &[u8]) -> Version {
    if text == b"HTTP/1.0" { Version::Http10 } else { Version::Http11 }
}

/// A complete status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusLine<'a> {
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) reason: &'a [u8],
}

/// What a status line that may still go on must already fulfil.
pub(super) fn status_so_far(line: &[u8]) -> Result<(), Breach> {
    let beginning = &line[..line.len().min(8)];
    let is_http1 = b"HTTP/1.1".starts_with(beginning) || b"HTTP/1.0".starts_with(beginning);
    if is_http1 { Ok(()) } else { Err(Breach::BadStatusLine) }
}

/// Takes a complete status line apart. The space after the status may be missing if the reason is: RFC 9112 4 wants
/// it, many origins leave it out, and no reader is misled by it.
pub(super) fn status_line(line: &[u8]) -> Result<StatusLine<'_>, Breach> {
    let (version_text, rest) = split_at_space(line).ok_or(Breach::BadStatusLine)?;
    let (status, reason) = split_at_space(rest).unwrap_or((rest, b""));
    let version_is_ours = matches!(version_text, b"HTTP/1.1" | b"HTTP/1.0");
    match status {
        [b'1'..=b'9', tens, ones]
            if version_is_ours
                && tens.is_ascii_digit()
                && ones.is_ascii_digit()
                && is_field_value(reason) =>
        {
            let status = status.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
            Ok(StatusLine { version: version(version_text), status, reason })
        }
        _ => Err(Breach::BadStatusLine),
    }
}

#[inline]
fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', bytes)?;
    Some((&bytes[..space], &bytes[space + 1..]))
}
