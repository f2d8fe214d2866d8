//! Heads: what stands before the body of a request or a response.
//!
//! Owns a copy of the start line and the [`Fields`]. Made to be reused: `clear` keeps the storage, so a connection's
//! second message allocates nothing. Heads hold what was sent; whether it is well formed is the codec's business.

use super::field::Fields;
use super::method::Method;

/// Version of HTTP/1 a message was sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    #[default]
    Http11,
}

impl Version {
    /// As written on the wire.
    pub const fn text(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

/// Head of a request.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// What is asked for.
    pub method: Method,
    /// Version of the message.
    pub version: Version,
    /// Fields in the order they came.
    pub fields: Fields,
    /// The method's text, then the target.
    line: Vec<u8>,
    method_len: usize,
}

impl RequestHead {
    /// The method as sent: also for [`Method::Other`].
    #[inline]
    pub fn method_text(&self) -> &[u8] {
        &self.line[..self.method_len]
    }

    /// The request target as sent (RFC 9112 3.2).
    #[inline]
    pub fn target(&self) -> &[u8] {
        &self.line[self.method_len..]
    }

    /// Sets method and target. Both are copied; neither is checked.
    pub fn set_line(&mut self, method: &[u8], target: &[u8]) {
        self.line.clear();
        self.line.extend_from_slice(method);
        self.line.extend_from_slice(target);
        self.method_len = method.len();
        self.method = Method::parse(method);
    }

    /// Replaces the target. It is not checked.
    pub fn set_target(&mut self, target: &[u8]) {
        self.line.truncate(self.method_len);
        self.line.extend_from_slice(target);
    }

    /// Empties the head and keeps its storage.
    pub fn clear(&mut self) {
        self.method = Method::Other;
        self.version = Version::Http11;
        self.fields.clear();
        self.line.clear();
        self.method_len = 0;
    }
}

/// Head of a response.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// Status code, 100 to 999; 0 while empty.
    pub status: u16,
    /// Version of the message.
    pub version: Version,
    /// Fields in the order they came.
    pub fields: Fields,
    reason: Vec<u8>,
}

impl ResponseHead {
    /// The reason phrase as sent; often empty.
    #[inline]
    pub fn reason(&self) -> &[u8] {
        &self.reason
    }

    /// Whether the final response is still to come: 1xx (RFC 9110 15.2).
    #[inline]
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    /// Sets status and reason phrase. The phrase is copied, not checked.
    pub fn set_line(&mut self, status: u16, reason: &[u8]) {
        self.status = status;
        self.reason.clear();
        self.reason.extend_from_slice(reason);
    }

    /// Empties the head and keeps its storage.
    pub fn clear(&mut self) {
        self.version = Version::Http11;
        self.set_line(0, b"");
        self.fields.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_head_gives_back_method_and_target() {
        let mut head = RequestHead::default();
        head.set_line(b"PURGE", b"/a?b");
        assert_eq!(
            (head.method, head.method_text(), head.target()),
            (Method::Other, &b"PURGE"[..], &b"/a?b"[..])
        );
        head.set_target(b"/c");
        assert_eq!((head.method_text(), head.target()), (&b"PURGE"[..], &b"/c"[..]));
        head.clear();
        assert_eq!((head.method_text(), head.target()), (&b""[..], &b""[..]));
    }

    #[test]
    fn only_1xx_is_interim() {
        let mut head = ResponseHead::default();
        for (status, interim) in [(99, false), (100, true), (103, true), (199, true), (200, false)] {
            head.set_line(status, b"");
            assert_eq!(head.is_interim(), interim, "{status}");
        }
    }
}
