//! Asking over gRPC: one message there, one back.

use std::collections::HashMap;

use prost::Message;

use crate::http::field::{FieldId, IdSet};
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::is_token;
use crate::policy::exchange::Exchange;
use crate::policy::external_authorization::ExternalAuthorizationPlan;
use crate::policy::external_authorization::decision::{Change, Decision};
use crate::policy::external_authorization::proto::{
    Address, AskedRequest, AttributeContext, CheckRequest, CheckResponse, HeaderValueOption, HttpRequest,
    Peer, SocketAddress,
};
use crate::policy::reply::{OwnField, OwnWords};
use crate::upstream::ask::Told;

const METHOD: &[u8] = b"/envoy.service.auth.v3.Authorization/Check";
/// In front of a message: not compressed, and its length in four bytes.
const PREFIX_BYTES: usize = 5;
/// What its answers may not write: framing, and what belongs to one connection.
const FORBIDDEN: IdSet = IdSet::HOP_BY_HOP.and(IdSet::of(&[FieldId::Host, FieldId::ContentLength]));

/// Writes the request.
pub(super) fn write(plan: &ExternalAuthorizationPlan, host: &[u8], exchange: &Exchange, out: &mut Vec<u8>) {
    let message = CheckRequest { attributes: Some(attributes(plan, exchange)) };
    out.extend_from_slice(b"POST ");
    out.extend_from_slice(METHOD);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    encode::field(out, b"Host", host);
    encode::field(out, b"Content-Type", b"application/grpc");
    encode::field(out, b"TE", b"trailers");
    let len = message.encoded_len();
    encode::content_length(out, (PREFIX_BYTES + len) as u64);
    encode::end_of_head(out);
    out.push(0);
    out.extend_from_slice(&(len as u32).to_be_bytes());
    message.encode_raw(out);
}

fn attributes(plan: &ExternalAuthorizationPlan, exchange: &Exchange) -> AttributeContext {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut path = text(&exchange.path);
    if let Some(query) = exchange.query() {
        path.push('?');
        path.push_str(&text(query));
    }
    let mut headers: HashMap<String, String> = HashMap::new();
    for field in exchange.request.fields.iter().filter(|field| plan.shows(field.name)) {
        let all = headers.entry(text(field.name).to_ascii_lowercase()).or_default();
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(&text(field.value));
    }
    let http = HttpRequest {
        method: text(exchange.request.method_text()),
        headers,
        path,
        host: text(&exchange.authority),
        scheme: exchange.scheme.to_owned(),
        size: match exchange.framing {
            Framing::None => 0,
            Framing::Length(length) => i64::try_from(length).unwrap_or(i64::MAX),
            Framing::Chunked | Framing::UntilClose => -1,
        },
        protocol: if exchange.protocol.is_empty() { "HTTP/1.1" } else { exchange.protocol }.to_owned(),
    };
    // Not the port: it changes with every connection, and answers could not be remembered.
    let address = SocketAddress { address: exchange.client.0.to_string(), port_value: 0 };
    AttributeContext {
        source: Some(Peer {
            address: Some(Address { socket_address: Some(address) }),
            principal: exchange.principal().map(|it| it.subject.to_string()).unwrap_or_default(),
        }),
        request: Some(AskedRequest { http: Some(http) }),
        context_extensions: HashMap::from([("route".to_owned(), exchange.route().to_owned())]),
    }
}

/// What an answer means. None where it does not tell.
pub(super) fn read(told: &Told) -> Option<Decision> {
    if told.head.status != 200 || told.grpc_status.is_some_and(|status| status != 0) {
        return None;
    }
    let prefix = told.body.get(..PREFIX_BYTES)?;
    let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    let message = told.body.get(PREFIX_BYTES..)?.get(..len)?;
    if prefix[0] != 0 {
        return None;
    }
    let answer = CheckResponse::decode(message).ok()?;
    // Without a status it has not decided.
    let status = answer.status?.code;
    if status == 0 {
        let consent = answer.ok_response.unwrap_or_default();
        let removed = consent.headers_to_remove.iter().filter(|name| is_writable(name.as_bytes()));
        let removed = removed.map(|name| Change::Remove(name.as_bytes().into()));
        return Some(Decision::Admitted(removed.chain(consent.headers.iter().filter_map(change)).collect()));
    }
    let denied = answer.denied_response.unwrap_or_default();
    let code = denied.status.map_or(403, |status| status.code);
    let fields = denied.headers.iter().filter_map(header).collect();
    Some(Decision::Refused(OwnWords {
        // Envoy takes what is no error status as 403 too.
        status: u16::try_from(code).ok().filter(|code| (300..600).contains(code)).unwrap_or(403),
        fields,
        body: denied.body.into_bytes(),
    }))
}

fn change(option: &HeaderValueOption) -> Option<Change> {
    let (name, value) = header(option)?;
    let appends = option.append.as_ref().is_some_and(|append| append.value);
    Some(if appends { Change::Add(name, value) } else { Change::Set(name, value) })
}

fn header(option: &HeaderValueOption) -> Option<OwnField> {
    let header = option.header.as_ref()?;
    let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
    let is_line = !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    (is_writable(header.key.as_bytes()) && is_line).then(|| (header.key.as_bytes().into(), value.into()))
}

/// Whether a field of this name may be written by somebody else.
fn is_writable(name: &[u8]) -> bool {
    is_token(name) && !FORBIDDEN.contains(FieldId::recognise(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::external_authorization::proto::{DeniedHttpResponse, HeaderValue, HttpStatus, Status};

    fn told(answer: &CheckResponse) -> Told {
        let mut body = vec![0];
        body.extend_from_slice(&(answer.encoded_len() as u32).to_be_bytes());
        body.extend_from_slice(&answer.encode_to_vec());
        let mut told = Told { body, ..Told::default() };
        told.head.status = 200;
        told
    }

    fn option(name: &str, value: &str) -> HeaderValueOption {
        let header = HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() };
        HeaderValueOption { header: Some(header), append: None }
    }

    #[test]
    fn an_answer_without_a_status_decides_nothing() {
        assert_eq!(read(&told(&CheckResponse::default())), None);
        let mut cut = told(&CheckResponse { status: Some(Status { code: 0 }), ..CheckResponse::default() });
        cut.body[4] = 9;
        assert_eq!(read(&cut), None);
    }

    #[test]
    fn a_refusal_comes_in_its_own_words_but_writes_no_framing() {
        let denied = DeniedHttpResponse {
            status: Some(HttpStatus { code: 401 }),
            headers: vec![option("X-Why", "no"), option("Content-Length", "5"), option("X-A", "b\r\nX-B: c")],
            body: "go away".to_owned(),
        };
        let answer = CheckResponse {
            status: Some(Status { code: 7 }),
            denied_response: Some(denied),
            ..CheckResponse::default()
        };
        let Some(Decision::Refused(words)) = read(&told(&answer)) else { panic!("it refuses") };
        assert_eq!((words.status, &words.body[..]), (401, &b"go away"[..]));
        assert_eq!(words.fields, [(b"X-Why"[..].into(), b"no"[..].into())]);
    }
}
