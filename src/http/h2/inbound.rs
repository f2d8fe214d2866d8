//! A client's HTTP/2 request as HTTP/1.1 text (RFC 9113 8.3.1).

use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
};
use http::request::Parts;
use http::{Method, header};

use super::fields;
use crate::http::h1::framing::Framing;

/// Why a request cannot be told in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// `:authority` and Host name different hosts (RFC 9113 8.3.1).
    TwoHosts,
    /// Part of it could be read as something else.
    Ambiguous,
}

/// What became of a request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How the body follows in text.
    pub framing: Framing,
    /// True if it opens a WebSocket (RFC 8441).
    pub is_websocket: bool,
}

/// Appends the request as text. `protocol` is that of an extended CONNECT; `has_body` is false where the head was the end
/// of the stream; `websocket_key` is what a WebSocket handshake of HTTP/1.1 needs besides.
pub fn write(
    head: &Parts,
    protocol: Option<&str>,
    has_body: bool,
    websocket_key: &str,
    out: &mut Vec<u8>,
) -> Result<Told, Untold> {
    let is_websocket = head.method == Method::CONNECT && protocol == Some("websocket");
    let authority = authority(head)?;
    let method = if is_websocket { "GET" } else { head.method.as_str() };
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    match head.uri.path_and_query() {
        Some(target) if head.method != Method::CONNECT || is_websocket => {
            out.extend_from_slice(path(plain(target.as_str().as_bytes())?)?);
        }
        // Whoever gets it refuses it.
        _ => out.extend_from_slice(plain(authority)?),
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !authority.is_empty() {
        line(out, b"host", plain(authority)?);
    }
    fields::write(&head.headers, |name| passes(name, is_websocket), out);
    let framing = if is_websocket {
        out.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
        line(out, b"sec-websocket-key", websocket_key.as_bytes());
        Framing::None
    } else {
        frame(head, has_body, out)
    };
    out.extend_from_slice(b"\r\n");
    Ok(Told { framing, is_websocket })
}

fn authority(head: &Parts) -> Result<&[u8], Untold> {
    let host = head.headers.get(HOST).map(header::HeaderValue::as_bytes);
    if head.headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Untold::TwoHosts);
    }
    match (head.uri.authority(), host) {
        (Some(authority), Some(host)) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host) => {
            Err(Untold::TwoHosts)
        }
        (Some(authority), _) => Ok(authority.as_str().as_bytes()),
        (None, host) => Ok(host.unwrap_or_default()),
    }
}

/// Text that cannot end a line or a word of it.
fn plain(text: &[u8]) -> Result<&[u8], Untold> {
    let is_plain = text.iter().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(text) } else { Err(Untold::Ambiguous) }
}

/// RFC 9113 8.3.1: a path, or the asterisk of OPTIONS. A whole URI would name a host of its own.
fn path(target: &[u8]) -> Result<&[u8], Untold> {
    let is_path = target.starts_with(b"/") || target == b"*";
    if is_path { Ok(target) } else { Err(Untold::Ambiguous) }
}

fn passes(name: &HeaderName, is_websocket: bool) -> bool {
    let is_handshake = *name == SEC_WEBSOCKET_KEY || *name == SEC_WEBSOCKET_ACCEPT;
    *name != HOST
        && *name != CONTENT_LENGTH
        && !(is_websocket && (is_handshake || *name == EXPECT))
        && !fields::is_of_a_connection(name.as_str())
}

fn frame(head: &Parts, has_body: bool, out: &mut Vec<u8>) -> Framing {
    match length(&head.headers) {
        Some(length) => {
            line(out, b"content-length", length.to_string().as_bytes());
            Framing::Length(length)
        }
        None if has_body => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            Framing::Chunked
        }
        // RFC 9110 8.6: methods that anticipate content say that there is none.
        None if [Method::POST, Method::PUT, Method::PATCH].contains(&head.method) => {
            out.extend_from_slice(b"content-length: 0\r\n");
            Framing::Length(0)
        }
        None => Framing::None,
    }
}

/// The codec has refused whatever is no length, or not that of the body.
fn length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn told(
        request: http::request::Builder,
        protocol: Option<&str>,
        has_body: bool,
    ) -> Result<String, Untold> {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let mut out = Vec::new();
        write(&head, protocol, has_body, "a2V5", &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_head_becomes_text() {
        let get = Request::get("https://a.example:8443/p?q=1").header("x-a", "1").header("te", "trailers");
        assert_eq!(
            told(get, None, false).unwrap(),
            "GET /p?q=1 HTTP/1.1\r\nhost: a.example:8443\r\nx-a: 1\r\nte: trailers\r\n\r\n"
        );
        let post = || Request::post("http://a.example/");
        let framed = |request, has_body| told(request, None, has_body).unwrap();
        assert!(framed(post(), true).contains("\r\ntransfer-encoding: chunked\r\n"));
        assert!(framed(post(), false).contains("\r\ncontent-length: 0\r\n"));
        let sized = post().header("content-length", "7");
        let text = framed(sized, true);
        assert!(text.contains("\r\ncontent-length: 7\r\n") && !text.contains("chunked"), "{text}");
    }

    #[test]
    fn a_websocket_becomes_a_handshake() {
        let connect = Request::builder().method("CONNECT").uri("https://a.example/chat");
        let text = told(connect.header("sec-websocket-version", "13"), Some("websocket"), true).unwrap();
        assert!(text.starts_with("GET /chat HTTP/1.1\r\nhost: a.example\r\n"), "{text}");
        for line in ["connection: Upgrade", "upgrade: websocket", "sec-websocket-key: a2V5"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
        assert!(!text.contains("chunked"), "{text}");
    }

    #[test]
    fn nothing_of_a_connection_and_no_second_host_goes_through() {
        let request = Request::get("http://a.example/").header("connection", "x-a").header("upgrade", "h2c");
        let text = told(request, None, false).unwrap();
        assert!(!text.contains("connection") && !text.contains("upgrade"), "{text}");
        let other = Request::get("http://a.example/").header("host", "b.example");
        assert_eq!(told(other, None, false), Err(Untold::TwoHosts));
        let same = Request::get("http://a.example/").header("host", "A.example");
        assert_eq!(told(same, None, false).unwrap().matches("host:").count(), 1);
        let plain = Request::builder().method("CONNECT").uri("a.example:443");
        assert!(told(plain, None, true).unwrap().starts_with("CONNECT a.example:443 HTTP/1.1\r\n"));
    }
}
