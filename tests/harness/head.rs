//! A request as an origin received it.

/// A request: its head as sent and its parts.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which connection of the origin it came on, from 0.
    pub connection: usize,
    /// The head, byte for byte, with the empty line at its end.
    pub head: Vec<u8>,
    /// The method.
    pub method: String,
    /// The target as written.
    pub target: String,
    /// The version as written.
    pub version: String,
    /// The fields, in their order.
    pub fields: Vec<(String, String)>,
    /// The body without its framing, as far as the origin read it.
    pub body: Vec<u8>,
    /// The trailer fields, in their order.
    pub trailers: Vec<(String, String)>,
}

impl Request {
    /// Reads a head that ends with its empty line.
    #[track_caller]
    pub(super) fn parse(connection: usize, head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head).into_owned();
        let mut lines = text.strip_suffix("\r\n\r\n").expect("a whole head").split("\r\n");
        let line = lines.next().expect("split gives at least one part");
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!(parts.len(), 3, "the gateway sent this request line: {line:?}");
        Self {
            connection,
            head: head.to_vec(),
            method: parts[0].to_owned(),
            target: parts[1].to_owned(),
            version: parts[2].to_owned(),
            fields: lines.map(super::response::field_line).collect(),
            body: Vec::new(),
            trailers: Vec::new(),
        }
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

    /// True if the body is chunked; asserts that it has one framing at most.
    #[track_caller]
    pub fn is_chunked(&self) -> bool {
        let chunked = self.field("transfer-encoding").is_some();
        assert!(
            !chunked || self.field("content-length").is_none(),
            "two framings upstream: {:#?}",
            self.fields
        );
        chunked
    }
}
