//! Tests of [`super::settle`] and [`super::check`].

use super::*;
use crate::net::addr::PeerAddr;

const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn offering(fields: &[(&[u8], &[u8])]) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:9".parse().unwrap()));
    exchange.request.set_line(b"GET", b"/");
    for (name, value) in fields {
        assert!(exchange.request.fields.append(name, value));
    }
    exchange
}

fn websocket() -> Exchange {
    offering(&[
        (b"Connection", b"keep-alive, Upgrade"),
        (b"Upgrade", b"WebSocket"),
        (b"Sec-WebSocket-Key", KEY),
        (b"Sec-WebSocket-Version", b"13"),
    ])
}

fn allowed(protocols: &[&str]) -> Vec<Box<[u8]>> {
    protocols.iter().map(|protocol| protocol.as_bytes().into()).collect()
}

/// What goes upstream, or the code of the refusal.
fn settled(mut exchange: Exchange, protocols: &[&str]) -> Result<String, &'static str> {
    note(&mut exchange).map_err(Fault::code)?;
    settle(&mut exchange, &allowed(protocols)).map_err(|reply| reply.fault.code())?;
    Ok(String::from_utf8(exchange.upgrade).unwrap())
}

#[test]
fn the_first_offer_that_is_allowed_goes_upstream() {
    let offer =
        || offering(&[(b"Connection", b"upgrade"), (b"Upgrade", b"h2c, chat/2"), (b"Upgrade", b"echo")]);
    assert_eq!(settled(offer(), &["echo", "CHAT/2"]), Ok("chat/2".to_owned()));
    assert_eq!(settled(offer(), &["echo"]), Ok("echo".to_owned()));
    assert_eq!(settled(offer(), &["websocket"]), Ok(String::new()));
    assert_eq!(settled(offer(), &[]), Ok(String::new()));
}

#[test]
fn a_websocket_that_is_not_allowed_is_refused() {
    assert_eq!(settled(websocket(), &["websocket"]), Ok("WebSocket".to_owned()));
    assert_eq!(settled(websocket(), &["chat"]), Err("upgrade_not_supported"));
    assert_eq!(settled(websocket(), &[]), Err("upgrade_not_supported"));
}

#[test]
fn what_connection_does_not_name_is_no_offer() {
    assert_eq!(settled(offering(&[(b"Upgrade", b"chat")]), &["chat"]), Ok(String::new()));
    let mut old = websocket();
    old.request.version = Version::Http10;
    assert_eq!(settled(old, &["websocket"]), Ok(String::new()));
    let mut bare = websocket();
    bare.request.fields.remove(FieldId::Connection);
    assert_eq!(settled(bare, &["websocket"]), Err("bad_websocket_handshake"));
}

#[test]
fn a_handshake_has_no_body_and_is_a_get_of_version_13() {
    let with = |change: fn(&mut Exchange)| {
        let mut exchange = websocket();
        change(&mut exchange);
        settled(exchange, &["websocket"])
    };
    let bad = Err("bad_websocket_handshake");
    assert_eq!(with(|exchange| exchange.framing = Framing::Chunked), bad);
    assert_eq!(with(|exchange| exchange.framing = Framing::Length(1)), bad);
    assert!(with(|exchange| exchange.framing = Framing::Length(0)).is_ok());
    assert_eq!(with(|exchange| exchange.request.set_line(b"POST", b"/")), bad);
    assert_eq!(with(|exchange| assert!(exchange.request.fields.set(b"Sec-WebSocket-Key", b"x"))), bad);
    let version = with(|exchange| assert!(exchange.request.fields.set(b"Sec-WebSocket-Version", b"7")));
    assert_eq!(version, Err("websocket_version_not_supported"));
    let mut other = offering(&[(b"Connection", b"upgrade"), (b"Upgrade", b"chat")]);
    other.framing = Framing::Length(3);
    assert_eq!(settled(other, &["chat"]), Ok(String::new()));
}

/// What is wrong with a 101 of these fields, asked for WebSocket.
fn checked(fields: &[(&[u8], &[u8])]) -> Result<(), Breach> {
    let mut exchange = websocket();
    exchange.upgrade = WEBSOCKET.to_vec();
    exchange.response.set_line(101, b"");
    for (name, value) in fields {
        exchange.response.fields.append(name, value);
    }
    check(&exchange)
}

#[test]
fn the_origin_switches_to_what_it_was_asked_for_and_proves_it() {
    let connection: (&[u8], &[u8]) = (b"Connection", b"Upgrade");
    let upgrade: (&[u8], &[u8]) = (b"Upgrade", b"websocket");
    let accept: (&[u8], &[u8]) = (b"Sec-WebSocket-Accept", ACCEPT);
    assert_eq!(checked(&[connection, upgrade, accept]), Ok(()));
    assert_eq!(checked(&[connection, upgrade]), Err(Breach::BadWebSocketAccept));
    assert_eq!(checked(&[connection, accept]), Err(Breach::BadSwitch));
    assert_eq!(checked(&[upgrade, accept]), Err(Breach::BadSwitch));
    assert_eq!(checked(&[connection, (b"Upgrade", b"chat"), accept]), Err(Breach::BadSwitch));
    assert_eq!(checked(&[connection, upgrade, (b"Upgrade", b"chat"), accept]), Err(Breach::BadSwitch));
    let wrong: (&[u8], &[u8]) = (b"Sec-WebSocket-Accept", b"AAAALMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(checked(&[connection, upgrade, wrong]), Err(Breach::BadWebSocketAccept));
    let body: (&[u8], &[u8]) = (b"Content-Length", b"5");
    assert_eq!(checked(&[connection, upgrade, accept, body]), Err(Breach::BodyNotAllowed));
    let mut unasked = websocket();
    unasked.response.set_line(101, b"");
    assert_eq!(check(&unasked), Err(Breach::UnexpectedSwitch));
}
