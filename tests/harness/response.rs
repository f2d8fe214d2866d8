//! A response as it stood on the wire, read by rules stricter than any client's.
//!
//! Whatever RFC 9112 forbids a sender fails the test at once: bare line ends, white space before the colon, two
//! framings, a body where there can be none. So every test of the suite is also a test of the response's form.

use serde_json::Value;

/// How the end of the body was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There can be none: HEAD, 1xx, 204, 304.
    Bodiless,
    /// Content-Length.
    Length(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// The end of the connection.
    Close,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The fields, in their order.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailer fields, in their order.
    pub trailers: Vec<(String, String)>,
    /// How the end of the body was told.
    pub framing: Framing,
}

impl Response {
    /// Reads a head, without the empty line at its end.
    #[track_caller]
    pub(super) fn parse_head(head: &[u8]) -> Self {
        let text = std::str::from_utf8(head).unwrap_or_else(|_| panic!("head is not UTF-8: {head:?}"));
        let mut lines = text.split("\r\n");
        let status_line = lines.next().expect("split gives at least one part");
        let mut parts = status_line.splitn(3, ' ');
        let version = parts.next().unwrap_or_default().to_owned();
        assert!(matches!(version.as_str(), "HTTP/1.1" | "HTTP/1.0"), "no status line: {status_line:?}");
        let code = parts.next().unwrap_or_default();
        assert_eq!(code.len(), 3, "no status line: {status_line:?}");
        // RFC 9112 4: the space before the reason is there even if the reason is empty.
        assert!(parts.next().is_some(), "no space after the status: {status_line:?}");
        let fields = lines.map(field_line).collect();
        let status = code.parse().unwrap_or_else(|_| panic!("no status line: {status_line:?}"));
        let empty = (Vec::new(), Vec::new());
        Self { version, status, fields, body: empty.0, trailers: empty.1, framing: Framing::Bodiless }
    }

    /// Decides how the body ends. RFC 9112 6.3.
    #[track_caller]
    pub(super) fn decide_framing(&mut self, to_head: bool) {
        let lengths = self.fields_named("content-length");
        let codings = self.fields_named("transfer-encoding");
        assert!(lengths.len() <= 1, "several lengths: {self:?}");
        assert!(lengths.is_empty() || codings.is_empty(), "two framings: {self:?}");
        let empty_by_status = self.status < 200 || self.status == 204;
        // RFC 9110 8.6 and RFC 9112 6.1: neither framing in 1xx and 204.
        let bare = lengths.is_empty() && codings.is_empty();
        assert!(!empty_by_status || bare, "a framing where there is no body: {self:?}");
        self.framing = match (lengths.first(), codings.as_slice()) {
            _ if to_head || empty_by_status || self.status == 304 => Framing::Bodiless,
            (_, ["chunked"]) if self.version == "HTTP/1.1" => Framing::Chunked,
            (_, [_, ..]) => panic!("a transfer coding this client did not ask for: {self:?}"),
            (Some(length), []) => Framing::Length(length.parse().expect("Content-Length is a number")),
            (None, []) => Framing::Close,
        };
    }

    /// The value of the only field of this name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.fields_named(name);
        assert!(values.len() <= 1, "{name} is there {} times: {:#?}", values.len(), self.fields);
        values.first().copied()
    }

    /// The values of all fields of this name.
    pub fn fields_named(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(had, _)| had.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {:?}", self.text()))
    }

    /// Asserts the status, showing the response if it differs.
    #[track_caller]
    pub fn has_status(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        assert_eq!(self.status, status, "{:#?}\n{body}", self.fields);
        self
    }

    /// Asserts that the gateway itself refused, with this status and stable code (RFC 9457).
    #[track_caller]
    pub fn has_problem(self, status: u16, code: &str) -> Self {
        let response = self.has_status(status);
        assert_eq!(response.field("content-type"), Some("application/problem+json"));
        assert_eq!(response.field("server"), Some("ringgate"));
        let problem = response.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], "about:blank", "{problem}");
        for member in ["title", "detail", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        response
    }

    /// True if the sender said that it closes the connection.
    pub fn says_close(&self) -> bool {
        let values = self.fields_named("connection");
        values
            .iter()
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    }
}

/// `name: value`, RFC 9112 5.
#[track_caller]
pub(super) fn field_line(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a line without a colon: {line:?}"));
    assert!(!name.is_empty() && name.bytes().all(is_token), "not a field name: {line:?}");
    assert!(!value.bytes().any(|byte| byte < b' ' && byte != b'\t'), "a control character: {line:?}");
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}

/// RFC 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
