//! The response head that goes to the client.
//!
//! Drops what belongs to the upstream connection, writes framing and connection fields itself, and adds Via, Date
//! where it is missing, and the request id.

use crate::http::field::{FieldId, IdSet};
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::head::Version;
use crate::policy::exchange::Exchange;
use crate::proxy::forwarded;

/// What the head says about the message and the connection.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// Framing towards the client.
    pub framing: Framing,
    /// False if this is the last exchange of the connection.
    pub persists: bool,
    /// True for an answer that came through us, false for one of our own.
    pub is_proxied: bool,
}

const LENGTH: IdSet = IdSet::of(&[FieldId::ContentLength]);
/// Fields of the upstream connection, and those written anew.
const OURS: IdSet = IdSet::HOP_BY_HOP.and(IdSet::of(&[FieldId::XRequestId, FieldId::Via]));
const OURS_AND_LENGTH: IdSet = OURS.and(LENGTH);

/// Appends the head of the final response. `date` is for answers without one.
pub fn write(exchange: &Exchange, wire: Wire, date: &[u8], out: &mut Vec<u8>) {
    let response = &exchange.response;
    encode::status_line(out, response.status, response.reason());
    // RFC 9110 8.6: a 204 has no Content-Length.
    let is_length_ours = wire.framing != Framing::None || response.status == 204;
    response.fields.write_except(if is_length_ours { OURS_AND_LENGTH } else { OURS }, out);
    if response.fields.first(FieldId::Date).is_none() {
        encode::field(out, b"Date", date);
    }
    match wire.framing {
        Framing::Length(length) => encode::content_length(out, length),
        Framing::Chunked => encode::transfer_encoding_chunked(out),
        Framing::None | Framing::UntilClose => {}
    }
    if wire.is_proxied {
        forwarded::write_via(&response.fields, "", out);
    }
    encode::field(out, b"X-Request-Id", &exchange.request_id);
    if response.status == 426 && !wire.is_proxied {
        // RFC 9110 15.5.22: says to what. The only protocol we ask for is the one that was tried.
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    match (wire.persists, exchange.request.version) {
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        // RFC 9112 9.3: an HTTP/1.0 client that asked for it must be told.
        (true, Version::Http10) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, Version::Http11) => {}
    }
    encode::end_of_head(out);
}

/// Appends the head of a response that switches the connection to `protocol`. Whatever comes behind it is not HTTP.
pub fn write_switch(exchange: &Exchange, protocol: &[u8], out: &mut Vec<u8>) {
    let response = &exchange.response;
    encode::status_line(out, response.status, response.reason());
    response.fields.write_except(OURS_AND_LENGTH, out);
    forwarded::write_via(&response.fields, "", out);
    encode::field(out, b"X-Request-Id", &exchange.request_id);
    out.extend_from_slice(b"Connection: Upgrade\r\n");
    encode::field(out, b"Upgrade", protocol);
    encode::end_of_head(out);
}

/// Appends the head of an interim response, passed on as it is but for fields of the connection.
pub fn write_interim(exchange: &Exchange, out: &mut Vec<u8>) {
    let response = &exchange.response;
    encode::status_line(out, response.status, response.reason());
    // RFC 9110 15.2, 8.6: an interim response has no body and no length.
    response.fields.write_except(IdSet::HOP_BY_HOP.and(LENGTH), out);
    encode::end_of_head(out);
}
