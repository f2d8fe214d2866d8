//! The request head that goes upstream.
//!
//! What belongs to the downstream connection (RFC 9110 7.6.1) was dropped before policies ran. Writes framing, Host and
//! forwarding fields itself, and passes the rest on as policies left it.

use crate::http::field::{FieldId, IdSet};
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::policy::exchange::Exchange;
use crate::proxy::forwarded;
use crate::proxy::prepare::ASTERISK;

/// How the request is addressed upstream.
pub struct Address<'a> {
    /// Rewritten path; None for the normalised one.
    pub path: Option<&'a [u8]>,
    /// Host field; None for what the client asked for.
    pub host: Option<&'a [u8]>,
    /// Scheme the client used.
    pub scheme: &'static [u8],
}

/// Appends the head.
pub fn write(exchange: &Exchange, address: &Address<'_>, out: &mut Vec<u8>) {
    write_line(exchange, address, out);
    encode::field(out, b"Host", address.host.unwrap_or(&exchange.authority));
    exchange.request.fields.write_except(WRITTEN_ANEW, out);
    match exchange.framing {
        Framing::Length(length) => encode::content_length(out, length),
        Framing::Chunked => encode::transfer_encoding_chunked(out),
        Framing::None | Framing::UntilClose => {}
    }
    if !exchange.upgrade.is_empty() {
        out.extend_from_slice(b"Connection: Upgrade\r\n");
        encode::field(out, b"Upgrade", &exchange.upgrade);
    }
    forwarded::write_fields(exchange, address.scheme, out);
    encode::end_of_head(out);
}

fn write_line(exchange: &Exchange, address: &Address<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(exchange.request.method_text());
    out.push(b' ');
    out.extend_from_slice(address.path.unwrap_or(&exchange.path));
    if exchange.path != ASTERISK
        && let Some(query) = exchange.query()
    {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Fields of the downstream connection, and those written anew.
const WRITTEN_ANEW: IdSet =
    IdSet::HOP_BY_HOP.and(IdSet::TELL_THE_WAY).and(IdSet::of(&[FieldId::Host, FieldId::ContentLength]));
