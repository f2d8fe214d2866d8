//! Heads to bytes (RFC 9112 3 to 5), appended to a vector.
//!
//! Owns the spelling of lines and nothing else: what is in a head is decided elsewhere, and field values come from a
//! parsed head or from [`crate::http::Fields::append`], neither of which lets a line end through. No formatting
//! machinery: these run for every message.

/// `METHOD target HTTP/1.1`. The method and target are those of a parsed head or made by the gateway.
#[inline]
pub fn request_line(to: &mut Vec<u8>, method: &[u8], target: &[u8]) {
    put(to, &[method, b" ", target, b" HTTP/1.1\r\n"]);
}

/// `HTTP/1.1 200 OK`: always our own version (RFC 9110 2.5). The phrase stands for the status if `reason` is empty.
#[inline]
pub fn status_line(to: &mut Vec<u8>, status: u16, reason: &[u8]) {
    if status == 200 && matches!(reason, b"OK" | b"") {
        return to.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let reason = if reason.is_empty() { reason_phrase(status).as_bytes() } else { reason };
    let digit = |place: u16| b'0' + (status / place % 10) as u8;
    put(to, &[b"HTTP/1.1 ", &[digit(100), digit(10), digit(1), b' '], reason, b"\r\n"]);
}

/// One field line.
#[inline]
pub fn field(to: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(memchr::memchr3(b'\r', b'\n', 0, value).is_none());
    put(to, &[name, b": ", value, b"\r\n"]);
}

/// `Content-Length: n`.
#[inline]
pub fn content_length(to: &mut Vec<u8>, length: u64) {
    let mut digits = itoa::Buffer::new();
    put(to, &[b"Content-Length: ", digits.format(length).as_bytes(), b"\r\n"]);
}

/// `Transfer-Encoding: chunked`.
#[inline]
pub fn transfer_encoding_chunked(to: &mut Vec<u8>) {
    to.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
}

/// The empty line after the fields.
#[inline]
pub fn end_of_head(to: &mut Vec<u8>) {
    to.extend_from_slice(b"\r\n");
}

/// The line before a chunk's data; the data is then followed by [`CHUNK_END`].
#[inline]
pub fn chunk_head(len: usize) -> ChunkHead {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = *b"0000000000000000\r\n";
    let (mut rest, mut start) = (len, 16);
    while rest > 0 || start == 16 {
        start -= 1;
        bytes[start] = DIGITS[rest % 16];
        rest /= 16;
    }
    ChunkHead { bytes, start: start as u8 }
}

/// What follows the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunk's size and line end, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: u8,
}

impl std::ops::Deref for ChunkHead {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// The phrase RFC 9110 15 and the registry give a status; empty for those that have none.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[inline]
fn put(to: &mut Vec<u8>, parts: &[&[u8]]) {
    to.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        to.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_heads_as_rfc_9112_has_them() {
        let mut to = Vec::new();
        request_line(&mut to, b"GET", b"/a?b");
        field(&mut to, b"Host", b"a");
        field(&mut to, b"x", b"");
        content_length(&mut to, u64::MAX);
        transfer_encoding_chunked(&mut to);
        end_of_head(&mut to);
        let expected = "GET /a?b HTTP/1.1\r\nHost: a\r\nx: \r\nContent-Length: 18446744073709551615\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
        assert_eq!(String::from_utf8(to).unwrap(), expected);
    }

    #[test]
    fn a_status_line_keeps_its_space_without_a_reason_rfc_9112_4() {
        for (status, reason, expected) in [
            (200, "", "HTTP/1.1 200 OK\r\n"),
            (299, "", "HTTP/1.1 299 \r\n"),
            (404, "Gone", "HTTP/1.1 404 Gone\r\n"),
        ] {
            let mut to = Vec::new();
            status_line(&mut to, status, reason.as_bytes());
            assert_eq!(to, expected.as_bytes());
        }
    }

    #[test]
    fn chunk_heads_are_hexadecimal_without_leading_zeros_rfc_9112_7_1() {
        for len in [0, 1, 9, 10, 15, 16, 255, 256, 65_536, usize::MAX] {
            assert_eq!(&*chunk_head(len), format!("{len:x}\r\n").as_bytes());
        }
    }
}
