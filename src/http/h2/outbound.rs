//! A response in HTTP/1.1 text as it goes to an HTTP/2 client (RFC 9113 8.3.2).

use bytes::Bytes;
use http::Response;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT};

use super::{fields, names};
use crate::http::field::FieldId;
use crate::http::head::ResponseHead;

/// The head for the client. None for a status that cannot be.
pub fn head(text: &ResponseHead) -> Option<Response<()>> {
    let mut response = Response::builder().status(text.status).body(()).ok()?;
    *response.headers_mut() = map(text);
    Some(response)
}

/// The head for a client whose WebSocket the origin has opened (RFC 8441 5): 200 stands for 101.
pub fn opened(text: &ResponseHead) -> Response<()> {
    let mut response = Response::new(());
    let fields = response.headers_mut();
    *fields = map(text);
    fields.remove(SEC_WEBSOCKET_ACCEPT);
    response
}

/// All values share one copy of the head.
fn map(text: &ResponseHead) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(text.fields.len());
    let storage = text.fields.storage();
    let all = Bytes::copy_from_slice(storage);
    for field in text.fields.iter() {
        let Some(name) = names::of(field.id, field.name) else { continue };
        if fields::is_of_a_connection(name.as_str()) {
            continue;
        }
        let start = field.value.as_ptr().addr() - storage.as_ptr().addr();
        let value = HeaderValue::from_maybe_shared(all.slice(start..start + field.value.len()));
        if let Ok(mut value) = value {
            // Nothing secret, but never the same: it would push out of the table what is, and be compared for it.
            value.set_sensitive(field.id == FieldId::XRequestId);
            fields.append(name, value);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> ResponseHead {
        let mut text = ResponseHead::default();
        text.set_line(status, b"Fine");
        for (name, value) in
            [("X-A", "1"), ("Connection", "close"), ("x-a", "2"), ("Transfer-Encoding", "chunked")]
        {
            text.fields.append(name.as_bytes(), value.as_bytes());
        }
        text
    }

    #[test]
    fn fields_of_the_connection_stay_behind() {
        let head = head(&response(404)).unwrap();
        assert_eq!(head.status(), 404);
        assert_eq!(head.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(head.headers().len(), 2);
    }

    #[test]
    fn an_opened_websocket_is_a_success() {
        let mut text = response(101);
        text.fields.append(b"Sec-WebSocket-Accept", b"x");
        let head = opened(&text);
        assert_eq!(head.status(), 200);
        assert!(head.headers().get("sec-websocket-accept").is_none());
    }
}
