//! Trailer sections (RFC 9112 7.1.2): when one is complete, and which of its fields may go on.
//!
//! Owns the rules of RFC 9110 6.5.1. A trailer arrives when the message has been routed, authenticated and framed
//! already, so a field that says anything about that is dropped: nobody may merge it into the head.

use super::chunked::{ChunkError, TRAILER_BYTES_MAX, TRAILER_FIELDS_MAX};
use super::lines::LineScan;
use crate::http::ascii::{is_field_value, is_token};
use crate::http::field::{FieldId, reads_as};
use memchr::memchr;

/// How far a trailer section has been looked at. Offsets are from its first byte.
#[derive(Clone, Debug, Default)]
pub(super) struct TrailerScan {
    lines: LineScan,
    field_count: u8,
}

impl TrailerScan {
    /// Whether `section` holds the whole trailer section, all of it well formed and within its limits.
    pub(super) fn is_complete(&mut self, section: &[u8]) -> Result<bool, ChunkError> {
        let window = &section[..section.len().min(TRAILER_BYTES_MAX)];
        loop {
            match self.lines.next(window) {
                Err(_) => return Err(ChunkError::BadTrailer),
                Ok(None) if window.len() == TRAILER_BYTES_MAX => return Err(ChunkError::TrailerTooLarge),
                Ok(None) => return Ok(false),
                Ok(Some(line)) if line.is_empty() => return Ok(true),
                Ok(Some(line)) if !is_field_line(&window[line.clone()]) => {
                    return Err(ChunkError::BadTrailer);
                }
                Ok(Some(_)) if self.field_count == TRAILER_FIELDS_MAX => {
                    return Err(ChunkError::TrailerTooLarge);
                }
                Ok(Some(_)) => self.field_count += 1,
            }
        }
    }
}

/// Length of the first line of a complete section, line end included.
pub(super) fn line_len(section: &[u8]) -> Option<usize> {
    memchr(b'\n', section).map(|end| end + 1)
}

/// Whether a trailer section may carry this field line on. `refused` are names that it may not carry besides.
pub(super) fn may_go_on(line: &[u8], refused: Option<&[Box<[u8]>]>) -> bool {
    let name = &line[..memchr(b':', line).unwrap_or(0)];
    let begins =
        |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_refused = refused.unwrap_or_default().iter().any(|one| reads_as(name, one));
    !is_refused
        && !FieldId::recognise(name).is_forbidden_in_trailers()
        && !begins(b"content-")
        && !begins(b"x-forwarded-")
}

/// RFC 9112 5: a name, a colon, a value; no fold, no white space before the colon.
fn is_field_line(line: &[u8]) -> bool {
    memchr(b':', line).is_some_and(|colon| is_token(&line[..colon]) && is_field_value(&line[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_rfc_9110_6_5_1_forbids_do_not_go_on() {
        for name in [
            "Content-Length",
            "transfer-encoding",
            "HOST",
            "Authorization",
            "Set-Cookie",
            "Cookie",
            "Trailer",
            "TE",
            "Content-Type",
            "Content-MD5x",
            "Connection",
            "Cache-Control",
            "Range",
            "If-Match",
            "Location",
            "Date",
            "X-Forwarded-For",
            "X-Forwarded-Prefix",
            "Forwarded",
            "Via",
            "Upgrade",
            "Expect",
            "Max-Forwards",
        ] {
            assert!(!may_go_on(format!("{name}: x").as_bytes(), None), "{name}");
        }
        for name in ["Grpc-Status", "ETag", "Server-Timing", "Digest", "x", "Contents"] {
            assert!(may_go_on(format!("{name}: x").as_bytes(), None), "{name}");
        }
    }
}
