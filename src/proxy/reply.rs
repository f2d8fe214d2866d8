//! Answers of the gateway itself: errors as RFC 9457 problem details, redirects, fixed answers.
//!
//! The one place where a reason becomes an answer. Says the stable code and the request id, and nothing of what
//! is behind the gateway.

use std::cell::Cell;

use crate::http::grpc;
use crate::http::h1::encode::{self, reason_phrase};
use crate::http::h1::framing::Framing;
use crate::http::method::Method;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault, Reply};
use crate::proxy::connection::Conversation;
use crate::proxy::installed::RunningRoute;
use crate::proxy::relay::write;
use crate::proxy::response_head::{self, Wire};
use crate::proxy::snapshot::Limits;
use crate::rt::buffer::Size;

/// Fills the response of `exchange` and `body` for a reason. The status it has in gRPC, if the request is of that.
pub fn problem(exchange: &mut Exchange, reply: &Reply, body: &mut Vec<u8>) -> Option<u16> {
    let fault = reply.fault;
    let content_type = grpc::media_type(&exchange.request.fields).map(|it| it.text(it.web));
    if let Some(content_type) = content_type {
        return Some(grpc_problem(exchange, fault, &content_type));
    }
    if let Some(words) = &reply.own {
        begin(exchange, words.status);
        for (name, value) in &words.fields {
            exchange.response.fields.append(name, value);
        }
        body.extend_from_slice(&words.body);
        return None;
    }
    begin(exchange, fault.status());
    let fields = &mut exchange.response.fields;
    fields.append(b"Content-Type", b"application/problem+json");
    for (name, value) in &reply.fields {
        fields.append(name.as_bytes(), value.as_bytes());
    }
    write_problem(fault, &exchange.request_id, body);
    None
}

/// An answer to a call of gRPC: its status in the head, which is all there is. Every text is ours and needs no encoding.
fn grpc_problem(exchange: &mut Exchange, fault: Fault, content_type: &[u8]) -> u16 {
    let status = grpc_status(fault);
    begin(exchange, 200);
    let fields = &mut exchange.response.fields;
    fields.append(b"Content-Type", content_type);
    fields.append(b"grpc-status", status.text().as_bytes());
    fields.append(b"grpc-message", [fault.code(), ": ", fault.detail()].concat().as_bytes());
    status as u16
}

fn grpc_status(fault: Fault) -> grpc::Status {
    match fault {
        Fault::Gateway(
            Code::UpstreamTotalTimeout | Code::UpstreamHeadTimeout | Code::UpstreamIdleTimeout,
        ) => grpc::Status::DeadlineExceeded,
        other => grpc::Status::of_http(other.status()),
    }
}

/// RFC 9457. Every text here is ours and needs no escaping; a request id has been checked to be harmless.
fn write_problem(fault: Fault, request_id: &[u8], out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let parts: [&[u8]; 11] = [
        br#"{"type":"about:blank","title":""#,
        reason_phrase(fault.status()).as_bytes(),
        br#"","status":"#,
        digits.format(fault.status()).as_bytes(),
        br#","code":""#,
        fault.code().as_bytes(),
        br#"","detail":""#,
        fault.detail().as_bytes(),
        br#"","request_id":""#,
        request_id,
        b"\"}\n",
    ];
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Empties the response for an answer of our own.
pub fn begin(exchange: &mut Exchange, status: u16) {
    exchange.response.clear();
    exchange.response.set_line(status, b"");
    exchange.response.fields.append(b"Server", b"ringgate");
}

/// Sends the response of the exchange with `body`. `passed` policies see it on its way. Gives whether the
/// connection can go on, or why nothing could be sent.
pub async fn send(
    conversation: &mut Conversation,
    limits: &Limits,
    route: Option<(&RunningRoute, usize)>,
    body: &[u8],
    persists: bool,
) -> Result<(), Fault> {
    let Conversation { exchange, local, stream, sending, tally, .. } = conversation;
    if let Some((route, passed)) = route {
        route.chain.on_response(passed, exchange).await;
    }
    let status = exchange.response.status;
    let has_body = exchange.request.method != Method::Head && !matches!(status, 204 | 304);
    let mut buffer = local.pool.lease(Size::Standard);
    if !has_body && status != 204 {
        let mut digits = itoa::Buffer::new();
        exchange.response.fields.append(b"Content-Length", digits.format(body.len()).as_bytes());
    }
    let framing = if has_body { Framing::Length(body.len() as u64) } else { Framing::None };
    let wire = Wire { framing, persists, is_proxied: false };
    response_head::write(exchange, wire, &local.date(), buffer.tail());
    if has_body {
        buffer.tail().extend_from_slice(body);
        tally.response_bytes.set(body.len() as u64);
    }
    tally.status.set(status);
    let len = buffer.len();
    let outcome = write(stream, buffer, len, sending, limits.write_timeout, &Cell::new(0)).await.map(drop);
    if outcome.is_ok() {
        local.metrics.bytes_downstream_written.add(len as u64);
    }
    outcome
}

/// Appends the answer to a head that could not even be parsed. Gives the length of its body.
pub fn write_bare(fault: Fault, request_id: &[u8], date: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut body = Vec::with_capacity(256);
    write_problem(fault, request_id, &mut body);
    encode::status_line(out, fault.status(), b"");
    encode::field(out, b"Server", b"ringgate");
    encode::field(out, b"Content-Type", b"application/problem+json");
    encode::field(out, b"Date", date);
    encode::content_length(out, body.len() as u64);
    encode::field(out, b"X-Request-Id", request_id);
    out.extend_from_slice(b"Connection: close\r\n");
    encode::end_of_head(out);
    out.extend_from_slice(&body);
    body.len() as u64
}
