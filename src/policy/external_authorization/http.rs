//! Asking over HTTP: the request's own method and path, and its answer's status.

use crate::http::h1::encode;
use crate::policy::exchange::Exchange;
use crate::policy::external_authorization::ExternalAuthorizationPlan;
use crate::policy::external_authorization::decision::{Change, Decision};
use crate::policy::reply::OwnWords;
use crate::upstream::ask::Told;

/// Fields of a refusal that go to the client anyway.
const TOLD_ANYWAY: [&[u8]; 3] = [b"content-type", b"www-authenticate", b"location"];

/// Writes the request. Everything in it is part of what the answer is remembered by.
pub(super) fn write(plan: &ExternalAuthorizationPlan, host: &[u8], exchange: &Exchange, out: &mut Vec<u8>) {
    out.extend_from_slice(exchange.request.method_text());
    out.push(b' ');
    out.extend_from_slice(&plan.path_prefix);
    out.extend_from_slice(&exchange.path);
    if let Some(query) = exchange.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    encode::field(out, b"Host", host);
    encode::field(out, b"X-Forwarded-Host", &exchange.authority);
    encode::field(out, b"X-Forwarded-Proto", exchange.scheme.as_bytes());
    encode::field(out, b"X-Forwarded-For", exchange.client.0.to_string().as_bytes());
    for field in exchange.request.fields.iter().filter(|field| plan.shows(field.name)) {
        encode::field(out, field.name, field.value);
    }
    encode::content_length(out, 0);
    encode::end_of_head(out);
}

/// What an answer means. None where it does not tell.
pub(super) fn read(plan: &ExternalAuthorizationPlan, told: Told) -> Option<Decision> {
    let status = told.head.status;
    let named = |list: &[Box<[u8]>], name: &[u8]| list.iter().any(|one| one.eq_ignore_ascii_case(name));
    if (200..300).contains(&status) {
        let set =
            |field: crate::http::field::FieldRef<'_>| Change::Set(field.name.into(), field.value.into());
        let fields = told.head.fields.iter().filter(|field| named(&plan.headers_to_service, field.name));
        return Some(Decision::Admitted(fields.map(set).collect()));
    }
    if status >= 500 {
        return None;
    }
    let is_told = |name: &[u8]| {
        TOLD_ANYWAY.iter().any(|one| one.eq_ignore_ascii_case(name)) || named(&plan.headers_to_client, name)
    };
    let fields = told.head.fields.iter().filter(|field| is_told(field.name));
    let fields = fields.map(|field| (field.name.into(), field.value.into())).collect();
    Some(Decision::Refused(OwnWords { status, fields, body: told.body }))
}
