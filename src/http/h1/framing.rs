//! Where a body ends (RFC 9112 6), whether the connection goes on (9.3) and for which host it is (3.2).
//!
//! Owns the rules by which two readers of one message could come to differ, and refuses every message that depends
//! on them: no guessing, no repairing, no picking one of two.

use crate::http::ascii::trim_ows;
use crate::http::field::{FieldId, Fields};
use crate::http::head::{RequestHead, ResponseHead, Version};
use crate::http::list::split;
use crate::http::method::Method;
use crate::http::refusal::{Breach, Refusal};
use crate::http::target::{self, Authority};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// It has this many bytes; zero is possible.
    Length(u64),
    /// It is chunked and says so itself.
    Chunked,
    /// It ends when the connection closes. Responses only.
    UntilClose,
}

/// Framing of a request body (RFC 9112 6.3).
pub fn request(head: &RequestHead) -> Result<Framing, Refusal> {
    announced(&head.fields, head.version).map_err(Fault::into_refusal)
}

/// Framing of the body of a response to a request of this method (RFC 9112 6.3).
pub fn response(head: &ResponseHead, request_method: Method) -> Result<Framing, Breach> {
    let framing = announced(&head.fields, head.version).map_err(Fault::into_breach)?;
    let status = head.status;
    if (100..200).contains(&status) || status == 204 {
        // RFC 9112 6.1 and RFC 9110 8.6: neither field may stand here. A length of zero is common and harmless;
        // anything else leaves bytes behind that the next exchange would take for its response.
        return match framing {
            Framing::None | Framing::Length(0) => Ok(Framing::None),
            _ => Err(Breach::BodyNotAllowed),
        };
    }
    // RFC 9112 6.3 rules 1 and 2: what the fields announce here is what a GET would have got, or nothing at all.
    let switched_to_tunnel = request_method == Method::Connect && (200..300).contains(&status);
    if request_method == Method::Head || status == 304 || switched_to_tunnel {
        return Ok(Framing::None);
    }
    Ok(if framing == Framing::None { Framing::UntilClose } else { framing })
}

/// Whether the connection goes on after this message, as far as its sender is concerned (RFC 9112 9.3).
pub fn persists(version: Version, fields: &Fields) -> bool {
    // `close` wins over everything else in the field. Mostly there is none, or it is one of the two words.
    let mut lines = fields.all(FieldId::Connection);
    match (lines.next(), lines.next()) {
        (None, _) => version == Version::Http11,
        (Some(b"keep-alive" | b"Keep-Alive"), None) => true,
        (Some(b"close"), None) => false,
        _ if fields.has_token(FieldId::Connection, "close") => false,
        _ => version == Version::Http11 || fields.has_token(FieldId::Connection, "keep-alive"),
    }
}

/// The Host field of a request: there is exactly one and it is well formed (RFC 9112 3.2). `None` only for HTTP/1.0,
/// which knows requests without one. An absolute-form target overrides the value, but not this check.
pub fn host(head: &RequestHead) -> Result<Option<Authority<'_>>, Refusal> {
    let mut hosts = head.fields.all(FieldId::Host);
    let Some(host) = hosts.next() else {
        return match head.version {
            Version::Http11 => Err(Refusal::MissingHost),
            Version::Http10 => Ok(None),
        };
    };
    if hosts.next().is_some() {
        return Err(Refusal::RepeatedHost);
    }
    // An empty Host would be for targets without an authority (RFC 9112 3.2); those of http and https always have
    // one (RFC 9110 4.2.1).
    target::authority(host).map(Some)
}

enum Fault {
    TwoFramings,
    BadContentLength,
    RepeatedContentLength,
    BadTransferEncoding,
    TransferEncodingInHttp10,
    UnknownTransferCoding,
}

impl Fault {
    fn into_refusal(self) -> Refusal {
        match self {
            Fault::TwoFramings => Refusal::TwoFramings,
            Fault::BadContentLength => Refusal::BadContentLength,
            Fault::RepeatedContentLength => Refusal::RepeatedContentLength,
            Fault::BadTransferEncoding => Refusal::BadTransferEncoding,
            Fault::TransferEncodingInHttp10 => Refusal::TransferEncodingInHttp10,
            Fault::UnknownTransferCoding => Refusal::UnknownTransferCoding,
        }
    }

    fn into_breach(self) -> Breach {
        match self {
            Fault::TwoFramings => Breach::TwoFramings,
            Fault::BadContentLength => Breach::BadContentLength,
            Fault::RepeatedContentLength => Breach::RepeatedContentLength,
            Fault::BadTransferEncoding | Fault::UnknownTransferCoding => Breach::BadTransferEncoding,
            Fault::TransferEncodingInHttp10 => Breach::TransferEncodingInHttp10,
        }
    }
}

/// What the fields say, whoever sent them. Never [`Framing::UntilClose`].
fn announced(fields: &Fields, version: Version) -> Result<Framing, Fault> {
    let mut codings = fields.all(FieldId::TransferEncoding);
    let mut lengths = fields.all(FieldId::ContentLength);
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::None),
        (None, Some(length)) => {
            // RFC 9112 6.3 rule 5 would let us take identical repetitions. Nobody needs them.
            if lengths.next().is_some() {
                return Err(Fault::RepeatedContentLength);
            }
            content_length(length).map(Framing::Length).ok_or(Fault::BadContentLength)
        }
        // RFC 9112 6.3 rule 3: two framings at once is an attack, so refuse, do not pick one.
        (Some(_), Some(_)) => Err(Fault::TwoFramings),
        // RFC 9112 6.1: in HTTP/1.0 the framing is faulty, whatever the value.
        (Some(_), None) if version == Version::Http10 => Err(Fault::TransferEncodingInHttp10),
        (Some(_), None) => transfer_coding(fields),
    }
}

/// RFC 9112 6.1 and 6.3 rule 4: `chunked` stands once and last. Other codings are not implemented here; a list of
/// them that does end with `chunked` is a 501 rather than a 400.
fn transfer_coding(fields: &Fields) -> Result<Framing, Fault> {
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings = || fields.all(FieldId::TransferEncoding).flat_map(|line| split(line, b',')).map(trim_ows);
    if codings().any(<[u8]>::is_empty) || codings().filter(is_chunked).count() != 1 {
        return Err(Fault::BadTransferEncoding);
    }
    if !codings().last().is_some_and(|last| is_chunked(&last)) {
        return Err(Fault::BadTransferEncoding);
    }
    if codings().count() == 1 { Ok(Framing::Chunked) } else { Err(Fault::UnknownTransferCoding) }
}

/// RFC 9110 8.6: `1*DIGIT`. No sign, no list, no white space, no more than fits.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |length, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
