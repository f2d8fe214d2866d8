//! Heads of requests, from HTTP/1.1 text to HTTP/2.
//!
//! What does not exist there is left out; a target that could not be a URI is percent-encoded rather than refused, since
//! HTTP/1.1 origins of the same cluster would get it too. gRPC gets its `te: trailers`, and gRPC-Web becomes gRPC.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};

use super::fields;
use crate::http::field::{FieldId, Fields};
use crate::http::grpc::{MediaType, Web};
use crate::http::head::RequestHead;

/// The head for the origin. None where it could not be one. `web` says whether this is gRPC-Web that becomes gRPC.
pub fn head(text: &RequestHead, is_https: bool, web: Option<Web>) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = Method::from_bytes(text.method_text()).ok()?;
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if is_https { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(Authority::try_from(text.fields.first(FieldId::Host)?).ok()?);
    parts.path_and_query = Some(path(text.target())?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    *request.headers_mut() = map(&text.fields, web)?;
    Some(request)
}

fn map(text: &Fields, web: Option<Web>) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(text.len() + 1);
    for field in text.iter() {
        let name = HeaderName::from_bytes(field.name).ok()?;
        let is_foreign = fields::is_of_a_connection(name.as_str());
        if is_foreign || name == HOST || name == TE || (web.is_some() && name == CONTENT_LENGTH) {
            continue;
        }
        map.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    if let Some(media_type) = text.first(FieldId::ContentType).and_then(MediaType::parse) {
        // RFC 9110 7.6.1 dropped it with the client's connection; gRPC servers ask for it.
        map.insert(TE, HeaderValue::from_static("trailers"));
        if web.is_some() {
            map.insert(CONTENT_TYPE, HeaderValue::from_bytes(&media_type.text(None)).ok()?);
        }
    }
    Some(map)
}

fn path(target: &[u8]) -> Option<PathAndQuery> {
    if let Ok(path) = PathAndQuery::try_from(target) {
        return Some(path);
    }
    let mut encoded = Vec::with_capacity(target.len() + 16);
    for &byte in target {
        if byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte) {
            encoded.push(byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            encoded.extend_from_slice(&[b'%', high, low]);
        }
    }
    PathAndQuery::try_from(encoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::parse::{self, HeadLimits, HeadScan};

    const LIMITS: HeadLimits = HeadLimits { head_bytes: 65536, target_bytes: 65536, field_count: 500 };

    fn read(text: &str, web: Option<Web>) -> Request<()> {
        let mut parsed = RequestHead::default();
        parse::request(&mut HeadScan::default(), text.as_bytes(), &LIMITS, &mut parsed).unwrap().unwrap();
        head(&parsed, true, web).unwrap()
    }

    #[test]
    fn leaves_out_what_belongs_to_a_connection() {
        let request = read(
            "PURGE /a?b=c HTTP/1.1\r\nHost: api.test:8443\r\nConnection: keep-alive\r\nTransfer-Encoding: \
             chunked\r\nTE: trailers\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
            None,
        );
        assert_eq!(request.method(), "PURGE");
        assert_eq!(request.uri(), "https://api.test:8443/a?b=c");
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
        assert_eq!(request.headers().len(), 2);
    }

    #[test]
    fn grpc_says_that_it_takes_trailers_and_grpc_web_becomes_grpc() {
        let text =
            "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n";
        let request = read(text, None);
        assert_eq!(
            (&request.headers()["te"], &request.headers()["content-length"]),
            (&HeaderValue::from_static("trailers"), &HeaderValue::from_static("5"))
        );
        let text = text.replace("grpc\r\n", "grpc-web-text+proto\r\n");
        let request = read(&text, Some(Web::Text));
        assert_eq!(request.headers()["content-type"], "application/grpc+proto");
        assert!(!request.headers().contains_key("content-length"));
    }

    #[test]
    fn odd_targets_are_encoded() {
        assert_eq!(path(b"/a<b>?c=`d`\\").unwrap(), "/a%3Cb%3E?c=%60d%60%5C");
        assert_eq!(path(b"/plain?x=%20|y").unwrap().as_str().len(), 14);
    }
}
