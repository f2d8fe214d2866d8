//! Switching protocols (RFC 9110 7.8): what a client offers, what its route allows, what the origin answers.
//!
//! Only the one protocol that was chosen goes upstream, and only that one may come back: an offer nobody looked at, such
//! as h2c, would be a way around every rule of the gateway. What happens after the switch is [`super::tunnel`]'s.

use std::rc::Rc;

use crate::http::field::{FieldId, Fields};
use crate::http::h1::framing::{self, Framing};
use crate::http::head::Version;
use crate::http::method::Method;
use crate::http::refusal::Breach;
use crate::http::ws::handshake::{self, Flaw};
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault, Reply};
use crate::proxy::installed::Installed;
use crate::rt::buffer::Buffer;
use crate::upstream::cluster::Chosen;
use crate::upstream::endpoint::Connection;

/// As it stands in the registry of RFC 9110 16.7.
pub const WEBSOCKET: &[u8] = b"websocket";

/// An origin that has switched.
pub struct Switched {
    /// The connection to it.
    pub connection: Connection,
    /// The generation of the exchange that led here.
    pub installed: Option<Rc<Installed>>,
    /// Keeps it counted as in flight.
    pub chosen: Option<Chosen>,
    /// The head for the client, and what the origin sent behind its own.
    pub head: Vec<u8>,
    /// See above.
    pub input: Buffer,
}

/// Keeps what the client offers, before the fields of the connection are dropped. An offer that Connection does not
/// name is not one for us, and one of HTTP/1.0 must be ignored (RFC 9110 7.8).
pub fn note(exchange: &mut Exchange) -> Result<(), Fault> {
    let Exchange { request, upgrade, .. } = exchange;
    if request.version == Version::Http10 {
        return Ok(());
    }
    if !request.fields.has_token(FieldId::Connection, "upgrade") {
        // RFC 6455 4.2.1: such a client would wait in vain.
        let is_websocket = request.fields.has_token(FieldId::Upgrade, "websocket");
        return if is_websocket { Err(Code::BadWebSocketHandshake.into()) } else { Ok(()) };
    }
    for offer in request.fields.list_tokens(FieldId::Upgrade) {
        if !upgrade.is_empty() {
            upgrade.push(b',');
        }
        upgrade.extend_from_slice(offer);
    }
    Ok(())
}

/// Chooses what goes upstream: the first offer that is among `allowed`. Offers that are not may be ignored (RFC 9110
/// 7.8), but a WebSocket client has no use for another answer.
pub fn settle(exchange: &mut Exchange, allowed: &[Box<[u8]>]) -> Result<(), Reply> {
    let offers = std::mem::take(&mut exchange.upgrade);
    let is_allowed = |offer: &&[u8]| allowed.iter().any(|one| one.eq_ignore_ascii_case(offer));
    let Some(chosen) = offers.split(|byte| *byte == b',').find(is_allowed) else {
        let wants_websocket = offers.split(|byte| *byte == b',').any(is_websocket);
        return if wants_websocket { Err(Reply::new(Code::UpgradeNotSupported)) } else { Ok(()) };
    };
    // What comes behind a request that switches is of another protocol: its end must be in no doubt.
    let has_body = !matches!(exchange.framing, Framing::None | Framing::Length(0));
    if is_websocket(chosen) {
        if has_body || exchange.request.method != Method::Get {
            return Err(Reply::new(Code::BadWebSocketHandshake));
        }
        match handshake::check(&exchange.request.fields) {
            Ok(_) => {}
            Err(Flaw::Key) => return Err(Reply::new(Code::BadWebSocketHandshake)),
            // RFC 6455 4.4.
            Err(Flaw::Version) => {
                let reply = Reply::new(Code::WebSocketVersionNotSupported);
                return Err(reply.with("Sec-WebSocket-Version", handshake::VERSION.to_owned()));
            }
        }
    } else if has_body {
        return Ok(());
    }
    exchange.upgrade.extend_from_slice(chosen);
    Ok(())
}

/// Whether a protocol is WebSocket.
pub fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(WEBSOCKET)
}

/// Checks the origin's 101 against what it was asked for. A cache, or an origin that mixes up its answers, would
/// otherwise connect a client to something that takes its bytes for another protocol.
pub fn check(exchange: &Exchange) -> Result<(), Breach> {
    let asked = &exchange.upgrade;
    if asked.is_empty() {
        return Err(Breach::UnexpectedSwitch);
    }
    let response = &exchange.response;
    framing::response(response, exchange.request.method)?;
    if response.version != Version::Http11 || !switches_to(&response.fields, asked) {
        return Err(Breach::BadSwitch);
    }
    if is_websocket(asked) {
        let key = handshake::check(&exchange.request.fields).unwrap_or_default();
        if !handshake::is_accepted(key, &response.fields) {
            return Err(Breach::BadWebSocketAccept);
        }
    }
    Ok(())
}

fn switches_to(fields: &Fields, asked: &[u8]) -> bool {
    let mut protocols = fields.list_tokens(FieldId::Upgrade);
    let is_asked = protocols.next().is_some_and(|protocol| protocol.eq_ignore_ascii_case(asked));
    is_asked && protocols.next().is_none() && fields.has_token(FieldId::Connection, "upgrade")
}

#[cfg(test)]
#[path = "upgrade_tests.rs"]
mod tests;
