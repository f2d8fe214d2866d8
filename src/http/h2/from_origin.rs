//! Responses of HTTP/2 as HTTP/1.1 text.
//!
//! Where the origin names a length and nothing can follow the body, the length stays; all others are chunked, so that
//! trailers travel. gRPC becomes gRPC-Web again for those who asked in it.

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, TRAILER};
use http::response::Parts;

use super::fields;
use crate::http::base64;
use crate::http::grpc::{self, MediaType, Web};
use crate::http::h1::encode;
use crate::http::method::Method;

/// How the body goes on, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// There is none.
    None,
    /// As it is.
    Plain,
    /// In chunks.
    Chunked,
    /// In chunks of gRPC-Web.
    Web(Web),
}

/// Appends the head of an interim response.
pub fn interim(status: StatusCode, map: &HeaderMap, out: &mut Vec<u8>) {
    encode::status_line(out, status.as_u16(), b"");
    fields::write(map, |name| is_ordinary(name) && name != CONTENT_LENGTH, out);
    encode::end_of_head(out);
}

/// Appends the head of the final response to a request of this method, and of what follows it as much as is known:
/// `is_whole` is true where the head was all. `web` is what the client asked in.
pub fn head(parts: &Parts, is_whole: bool, method: Method, web: Option<Web>, out: &mut Vec<u8>) -> Form {
    let (status, map) = (parts.status.as_u16(), &parts.headers);
    let media_type = map.get(CONTENT_TYPE).and_then(|value| MediaType::parse(value.as_bytes()));
    let web = web.filter(|_| media_type.is_some());
    let has_trailers = media_type.is_some() || map.contains_key(TRAILER);
    let form = match (method, web) {
        (Method::Head, _) => Form::None,
        _ if matches!(status, 204 | 304) => Form::None,
        (_, Some(web)) => Form::Web(web),
        _ if is_whole || (map.contains_key(CONTENT_LENGTH) && !has_trailers) => Form::Plain,
        _ => Form::Chunked,
    };
    encode::status_line(out, status, b"");
    let is_chunked = matches!(form, Form::Chunked | Form::Web(_));
    let is_moved = |name: &HeaderName| {
        (is_chunked && name == CONTENT_LENGTH)
            || (web.is_some() && name == CONTENT_TYPE)
            || (web.is_some() && is_whole && is_status(name))
    };
    fields::write(map, |name| is_ordinary(name) && !is_moved(name), out);
    if let (Some(media_type), Some(_)) = (media_type, web) {
        encode::field(out, b"content-type", &media_type.text(web));
    }
    if is_chunked {
        encode::transfer_encoding_chunked(out);
    } else if form == Form::Plain && !map.contains_key(CONTENT_LENGTH) {
        encode::content_length(out, 0);
    }
    encode::end_of_head(out);
    if let (Form::Web(web), true) = (form, is_whole) {
        web_end(Some(map), is_status, web, out);
    }
    form
}

/// Appends the end of a body, with what follows it.
pub fn end(form: Form, trailers: Option<&HeaderMap>, out: &mut Vec<u8>) {
    match form {
        Form::None | Form::Plain => {}
        Form::Web(web) => web_end(trailers, is_ordinary, web, out),
        Form::Chunked => {
            out.extend_from_slice(b"0\r\n");
            if let Some(trailers) = trailers {
                fields::write(trailers, |name| is_ordinary(name) && name != CONTENT_LENGTH, out);
            }
            encode::end_of_head(out);
        }
    }
}

/// Trailers are the last frame of the body there.
fn web_end(map: Option<&HeaderMap>, passes: impl Fn(&HeaderName) -> bool, web: Web, out: &mut Vec<u8>) {
    let mut lines = Vec::new();
    if let Some(map) = map {
        fields::write(map, passes, &mut lines);
    }
    let frame = grpc::web_trailers(&lines);
    put_chunk(Form::Web(web), &frame, out);
    out.extend_from_slice(encode::LAST_CHUNK);
}

/// Most bytes around a piece of a body.
pub const AROUND: usize = 20;

/// How many bytes of `data` can go on where `spare` bytes are free. Text of gRPC-Web is cut where its groups end, or
/// its end would be in the middle.
pub fn portion(form: Form, data: &[u8], spare: usize) -> usize {
    let free = spare.saturating_sub(AROUND);
    match form {
        // It goes nowhere.
        Form::None => data.len(),
        Form::Plain => data.len().min(spare),
        Form::Chunked | Form::Web(Web::Binary) => data.len().min(free),
        Form::Web(Web::Text) if base64::encoded_len(data.len()) <= free => data.len(),
        Form::Web(Web::Text) => free / 4 * 3,
    }
}

/// Appends a piece of a body.
pub fn put_chunk(form: Form, data: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::None => {}
        Form::Plain => out.extend_from_slice(data),
        Form::Chunked | Form::Web(Web::Binary) => {
            out.extend_from_slice(&encode::chunk_head(data.len()));
            out.extend_from_slice(data);
            out.extend_from_slice(encode::CHUNK_END);
        }
        Form::Web(Web::Text) => {
            out.extend_from_slice(&encode::chunk_head(base64::encoded_len(data.len())));
            base64::encode(data, out);
            out.extend_from_slice(encode::CHUNK_END);
        }
    }
}

fn is_ordinary(name: &HeaderName) -> bool {
    !fields::is_of_a_connection(name.as_str())
}

fn is_status(name: &HeaderName) -> bool {
    matches!(name.as_str(), "grpc-status" | "grpc-message" | "grpc-status-details-bin")
}

#[cfg(test)]
#[path = "from_origin_tests.rs"]
mod tests;
