//! Other protocols than WebSocket, on routes that allow them.

use std::time::Duration;

use super::before;
use crate::harness::{FaultOrigin, Pattern, eventually};

const OFFER: &str = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: h2c, chat/2\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat/2\r\nConnection: Upgrade\r\n\r\n";

#[test]
fn only_the_allowed_offer_goes_upstream() {
    let origin = super::echo(SWITCH);
    let gateway = before(&origin, "upgrades: [chat/2]");
    let mut wire = gateway.wire();
    wire.send(OFFER);
    let answer = wire.read_head().has_status(101);
    assert_eq!(answer.field("upgrade"), Some("chat/2"));
    assert_eq!(origin.only_request().field("upgrade"), Some("chat/2"));
    // Anything goes, frames or not.
    let bytes = Pattern::new(3).bytes(300_000);
    let mut sender = wire.stream().try_clone().expect("a socket");
    let sent = bytes.clone();
    let sending =
        std::thread::spawn(move || std::io::Write::write_all(&mut sender, &sent).expect("it is read"));
    assert_eq!(wire.take(bytes.len()), bytes);
    sending.join().expect("sent");
}

#[test]
fn an_offer_that_is_not_allowed_is_ignored() {
    let origin = FaultOrigin::ok();
    let gateway = before(&origin, "upgrades: [websocket]");
    gateway.send(OFFER).has_status(200);
    let request = origin.only_request();
    assert_eq!((request.field("upgrade"), request.field("connection")), (None, None));
}

#[test]
fn an_answer_without_asking_is_a_broken_origin() {
    let origin = FaultOrigin::answering(SWITCH);
    let gateway = before(&origin, "upgrades: []");
    gateway.send(OFFER).has_problem(502, "upstream_unexpected_switch");
    gateway.get("/").has_problem(502, "upstream_unexpected_switch");
}

#[test]
fn one_direction_may_end_before_the_other() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send(SWITCH);
        // All the client has to say comes before its end.
        let mut said = Vec::new();
        while let Some(piece) = dialogue.piece() {
            said.extend(piece);
        }
        std::thread::sleep(Duration::from_millis(1_500));
        dialogue.send(said);
    });
    let gateway = before(&origin, "upgrades: [chat/2]");
    let mut wire = gateway.wire();
    wire.send(OFFER);
    wire.read_head().has_status(101);
    wire.send("that is all");
    wire.finish_sending();
    assert_eq!(wire.take(11), b"that is all");
    wire.expect_close();
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"client\"}", 1.0);
}

#[test]
fn a_reset_of_one_side_resets_the_other() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send(SWITCH);
        dialogue.piece();
        dialogue.reset();
    });
    let gateway = before(&origin, "upgrades: [chat/2]");
    let mut wire = gateway.wire();
    wire.send(OFFER);
    wire.read_head().has_status(101);
    wire.send("go");
    eventually("the client is reset", || {
        let mut byte = [0];
        let outcome = std::io::Read::read(&mut wire.stream(), &mut byte);
        outcome.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    });
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"upstream_gone\"}", 1.0);
}

#[test]
fn the_upstream_connection_is_not_used_again() {
    let origin = super::echo(SWITCH);
    let gateway = before(&origin, "upgrades: [chat/2]");
    let mut wire = gateway.wire();
    wire.send(OFFER);
    wire.read_head().has_status(101);
    drop(wire);
    gateway.metric_becomes("ringgate_upgraded_connections_open", 0.0);
    assert_eq!(gateway.metric("ringgate_pool_connections{state=\"idle\"}"), 0.0);
    gateway.metric_becomes("ringgate_pool_connections{state=\"active\"}", 0.0);
}
