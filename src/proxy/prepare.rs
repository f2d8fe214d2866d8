//! From a parsed head to an exchange that can be routed.
//!
//! Checks what concerns the message as a whole (framing, Host, target, Expect, protocol switches), normalises
//! the path, and settles who is asking. Refuses; never answers.

use crate::http::field::{FieldId, IdSet, reads_as};
use crate::http::h1::framing;
use crate::http::method::Method;
use crate::http::target::{Form, Target, authority};
use crate::net::addr::ClientAddr;
use crate::policy::exchange::{Class, Exchange};
use crate::policy::reply::{Code, Fault};
use crate::proxy::forwarded;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::upgrade;
use crate::route::path::normalise;
use crate::telemetry::request_id::is_acceptable;

/// Path under which `OPTIONS *` is known here; no route can have it.
pub const ASTERISK: &[u8] = b"*";

/// Fills the exchange from its parsed request head. `new_id` makes a request id.
pub fn prepare(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    new_id: impl FnOnce(&mut Vec<u8>),
) -> Result<(), Fault> {
    settle_request_id(exchange, snapshot, new_id);
    exchange.path.clear();
    exchange.path.push(b'/');
    exchange.query = None;
    exchange.upgrade.clear();
    exchange.principals.clear();
    exchange.class = Class::NORMAL;
    exchange.set_cookie.clear();
    exchange.body_bytes_max = snapshot.limits.body_bytes;
    let target = settle_message(exchange, snapshot).inspect_err(|_| forget_host(exchange))?;
    settle_host(exchange, &target)?;
    refuse_what_we_do_not_do(exchange)?;
    settle_path(exchange, &target, snapshot)?;
    if exchange.request.fields.first(FieldId::Upgrade).is_some() {
        upgrade::note(exchange)?;
    }
    strip_fields(exchange, snapshot);
    Ok(())
}

/// What is settled before the host is: how the message ends, who is asking, and what the target is made of.
fn settle_message(exchange: &mut Exchange, snapshot: &Snapshot) -> Result<Target, Fault> {
    exchange.client = ClientAddr(exchange.peer.ip());
    exchange.framing = framing::request(&exchange.request)?;
    settle_client(exchange, snapshot)?;
    Ok(Target::parse(exchange.request.method, exchange.request.target())?)
}

fn forget_host(exchange: &mut Exchange) {
    exchange.host.clear();
    exchange.authority.clear();
}

/// Drops what only the connection, the gateway or a trusted proxy may say, before anything looks at it. Many services
/// read `_` in a name as `-`, so a name that differs only in that is the same name here.
fn strip_fields(exchange: &mut Exchange, snapshot: &Snapshot) {
    let is_trusted = exchange.peer_is_trusted;
    let fields = &mut exchange.request.fields;
    fields.remove_hop_by_hop();
    let identity = &snapshot.identity_fields;
    let told = if is_trusted { IdSet::of(&[]) } else { forwarded::MAY_TELL };
    let suspects = snapshot.identity_ids.and(told);
    if !fields.may_have(suspects) {
        return;
    }
    fields.retain(|field| {
        let is_identity = || identity.iter().any(|name| reads_as(field.name, name));
        let is_forwarding = || !is_trusted && forwarded::tells_of_the_client(field.name);
        !suspects.contains(field.id) || !is_identity() && !is_forwarding()
    });
}

fn settle_client(exchange: &mut Exchange, snapshot: &Snapshot) -> Result<(), Fault> {
    if exchange.peer_is_trusted {
        match forwarded::client(&exchange.request.fields, &snapshot.trusted_proxies) {
            Ok(named) => exchange.client = named.unwrap_or(exchange.client),
            // Taking the proxy for its client would open to anybody what is open to the proxy.
            Err(forwarded::Unreadable) => return Err(Code::BadForwarded.into()),
        }
    }
    Ok(())
}

/// A trusted proxy's request id is kept, so that one request has one id through the house.
fn settle_request_id(exchange: &mut Exchange, snapshot: &Snapshot, new_id: impl FnOnce(&mut Vec<u8>)) {
    exchange.peer_is_trusted = snapshot.trusted_proxies.contains(exchange.peer.ip());
    exchange.request_id.clear();
    let fields = &exchange.request.fields;
    let given = if exchange.peer_is_trusted { fields.first(FieldId::XRequestId) } else { None };
    match given.filter(|id| is_acceptable(id)) {
        Some(id) => exchange.request_id.extend_from_slice(id),
        None => new_id(&mut exchange.request_id),
    }
}

fn settle_host(exchange: &mut Exchange, target: &Target) -> Result<(), Fault> {
    // Clients name the same host again and again. What is kept was found to be one, whichever way it came.
    let known = &exchange.authority[..];
    if target.authority.is_none()
        && !known.is_empty()
        && exchange.request.fields.is_solely(FieldId::Host, known)
    {
        return Ok(());
    }
    forget_host(exchange);
    let host = framing::host(&exchange.request)?;
    // RFC 9112 3.2.2: in absolute-form the Host field is ignored in favour of the target's.
    let named = match target.authority(exchange.request.target()) {
        Some(text) => Some(authority(text)?),
        None => host,
    };
    if let Some(named) = named {
        exchange.authority.extend_from_slice(named.text);
        // ASCII, as [`authority`] has made sure.
        exchange.host.push_str(std::str::from_utf8(named.host).unwrap_or_default());
        exchange.host.make_ascii_lowercase();
    }
    Ok(())
}

fn refuse_what_we_do_not_do(exchange: &Exchange) -> Result<(), Fault> {
    let request = &exchange.request;
    match request.method {
        Method::Connect => return Err(Code::ConnectNotSupported.into()),
        // RFC 9110 9.3.8: it would show the client what proxies on the way have added.
        Method::Trace => return Err(Code::MethodNotAllowed.into()),
        _ => {}
    }
    if let Some(expectation) = request.fields.first(FieldId::Expect)
        && !expectation.eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Code::ExpectationFailed.into());
    }
    Ok(())
}

fn settle_path(exchange: &mut Exchange, target: &Target, snapshot: &Snapshot) -> Result<(), Fault> {
    let Exchange { request, path, path_scratch, query, .. } = exchange;
    let text = request.target();
    path.clear();
    if target.form == Form::Asterisk {
        path.extend_from_slice(ASTERISK);
        return Ok(());
    }
    path.extend_from_slice(normalise(target.path(text), &snapshot.paths, path_scratch)?.as_bytes());
    *query = target.query;
    Ok(())
}
