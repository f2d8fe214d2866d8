//! Fields between a map and lines of text.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Fields of one connection, which HTTP/2 has not (RFC 9113 8.2.2).
const OF_A_CONNECTION: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"];

/// True if a field of this name is about one HTTP/1.1 connection. The name is in lower case.
pub fn is_of_a_connection(name: &str) -> bool {
    OF_A_CONNECTION.contains(&name)
}

/// Appends a line for each field that `passes`. Several Cookie fields become one (RFC 9113 8.2.3).
pub fn write(fields: &HeaderMap, passes: impl Fn(&HeaderName) -> bool, out: &mut Vec<u8>) {
    for name in fields.keys().filter(|name| passes(name)) {
        let values = fields.get_all(name).iter();
        if name == http::header::COOKIE {
            write_name(name, out);
            for (at, value) in values.enumerate() {
                out.extend_from_slice(if at > 0 { b"; " } else { b"" });
                out.extend_from_slice(value.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            continue;
        }
        for value in values {
            write_name(name, out);
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_name(name: &HeaderName, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
}

/// A map of the lines of a trailer section, up to its empty line. What could not be a field is left out: it has been
/// checked before.
pub fn read_trailers(lines: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        append(&mut fields, &line[..colon], value);
    }
    fields
}

/// Adds a field, if it can be one.
pub fn append(fields: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        fields.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_become_one_and_other_fields_stay_several() {
        let mut fields = HeaderMap::new();
        for (name, value) in [("cookie", "a=1"), ("x-a", "1"), ("cookie", "b=2"), ("x-a", "2"), ("te", "x")] {
            append(&mut fields, name.as_bytes(), value.as_bytes());
        }
        let mut out = Vec::new();
        write(&fields, |name| name != http::header::TE, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "cookie: a=1; b=2\r\nx-a: 1\r\nx-a: 2\r\n");
    }

    #[test]
    fn trailers_are_read_back() {
        let fields = read_trailers(b"Grpc-Status: 0\r\ngrpc-message:  fine \r\n\r\n");
        assert_eq!(fields["grpc-status"], "0");
        assert_eq!(fields["grpc-message"], "fine");
        assert_eq!(fields.len(), 2);
        assert!(read_trailers(b"\r\n").is_empty());
    }
}
