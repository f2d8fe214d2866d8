//! The handshake on the wire: RFC 9110 7.8, RFC 6455 4.

use std::time::Duration;

use super::{HANDSHAKE, SWITCH, before, echo};
use crate::harness::{FaultOrigin, Setup};

#[test]
fn passes_the_handshake_on_and_its_answer_back() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "policies: {headers: {response: {set: {X-Added: 'yes'}}}}");
    let mut wire = gateway.wire();
    wire.send(
        HANDSHAKE.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade, X-Gone\r\nX-Gone: 1"),
    );
    let answer = wire.read_head().has_status(101);
    assert_eq!(answer.field("connection"), Some("Upgrade"));
    assert_eq!(answer.field("upgrade"), Some("websocket"));
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.field("x-added"), Some("yes"));
    assert_eq!(answer.field("via"), Some("1.1 ringgate"));
    assert!(answer.field("x-request-id").is_some());
    let request = origin.only_request();
    assert_eq!(request.field("connection"), Some("Upgrade"));
    assert_eq!(request.field("upgrade"), Some("websocket"));
    assert_eq!(request.field("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(request.field("sec-websocket-version"), Some("13"));
    assert_eq!(request.field("x-gone"), None);
}

#[test]
fn what_the_client_sends_ahead_waits_for_the_switch() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        std::thread::sleep(Duration::from_millis(300));
        dialogue.send([SWITCH.as_bytes(), b"\x82\x05first"].concat());
        let ahead = dialogue.take(9).expect("what was sent ahead");
        dialogue.send([b"\x82\x09", ahead.as_slice()].concat());
        while dialogue.piece().is_some() {}
    });
    let gateway = before(&origin, "");
    let mut wire = gateway.wire();
    wire.send([HANDSHAKE.as_bytes(), b"\x82\x83\0\0\0\0abc"].concat());
    wire.read_head().has_status(101);
    assert_eq!(wire.take(7), b"\x82\x05first");
    assert_eq!(wire.take(11), b"\x82\x09\x82\x83\0\0\0\0abc");
}

#[test]
fn garbage_behind_a_handshake_that_is_refused_is_not_a_request() {
    let origin = FaultOrigin::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let gateway = before(&origin, "");
    let mut wire = gateway.wire();
    wire.send([HANDSHAKE.as_bytes(), b"\x82\x83\0\0\0\0abc\r\n\r\n"].concat());
    wire.read().has_status(403);
    wire.read().has_status(400);
    wire.expect_close();
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_route_without_it_refuses() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "upgrades: []");
    gateway.send(HANDSHAKE).has_problem(501, "upgrade_not_supported");
    let gateway = Setup::before(origin.address()).top("defaults: {upgrades: []}").start();
    gateway.send(HANDSHAKE).has_problem(501, "upgrade_not_supported");
    assert!(origin.requests().is_empty());
}

#[test]
fn policies_come_first() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "policies: {ip_filter: {deny: [127.0.0.1]}}");
    gateway.send(HANDSHAKE).has_problem(403, "address_denied");
    assert!(origin.requests().is_empty());
}

#[test]
fn refuses_a_malformed_handshake() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "");
    for (good, bad) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
        ("GET /chat", "PUT /chat"),
        ("Host: test\r\n", "Host: test\r\nContent-Length: 3\r\n"),
    ] {
        assert!(HANDSHAKE.contains(good));
        let request = HANDSHAKE.replace(good, bad);
        gateway.send(request).has_problem(400, "bad_websocket_handshake");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn tells_which_version_it_speaks() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "");
    let answer = gateway.send(HANDSHAKE.replace("Version: 13", "Version: 8"));
    let answer = answer.has_problem(426, "websocket_version_not_supported");
    assert_eq!(answer.field("sec-websocket-version"), Some("13"));
    assert_eq!(answer.field("upgrade"), Some("websocket"));
}

#[test]
fn an_offer_of_http10_is_ignored() {
    let origin = FaultOrigin::ok();
    let gateway = before(&origin, "");
    gateway.send(HANDSHAKE.replace("HTTP/1.1", "HTTP/1.0")).has_status(200);
    assert_eq!(origin.only_request().field("upgrade"), None);
}

#[test]
fn an_origin_that_declines_answers_as_usual() {
    let origin = FaultOrigin::ok();
    let gateway = before(&origin, "");
    let mut wire = gateway.wire();
    assert_eq!(wire.ask(HANDSHAKE).has_status(200).text(), "ok");
    assert_eq!(wire.get("/").has_status(200).text(), "ok");
}

#[test]
fn an_origin_that_switches_wrongly_is_a_broken_one() {
    for (good, bad, code) in [
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "AAAALMBiTxaQ9kYGzzhZRbK+xOo=", "upstream_bad_websocket_accept"),
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "", "upstream_bad_websocket_accept"),
        ("Upgrade: websocket", "Upgrade: chat", "upstream_bad_switch"),
        ("Connection: Upgrade\r\n", "", "upstream_bad_switch"),
        ("Connection", "Content-Length: 5\r\nConnection", "upstream_body_not_allowed"),
        ("HTTP/1.1", "HTTP/1.0", "upstream_bad_switch"),
    ] {
        let origin = FaultOrigin::answering(SWITCH.replacen(good, bad, 1));
        let gateway = before(&origin, "");
        gateway.send(HANDSHAKE).has_problem(502, code);
    }
}

#[test]
fn a_frame_whose_length_cannot_be_cuts_the_connection() {
    let origin = echo(SWITCH);
    let gateway = before(&origin, "");
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    wire.read_head().has_status(101);
    wire.send(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0");
    wire.expect_close();
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"bad_frame\"}", 1.0);
}

#[test]
fn a_worker_has_as_many_as_its_limit_says() {
    let origin = echo(SWITCH);
    let gateway =
        Setup::before(origin.address()).one_worker().top("limits: {upgraded_connections: 1}").start();
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    wire.read_head().has_status(101);
    gateway.send(HANDSHAKE).has_problem(503, "upgraded_connections_exhausted");
    drop(wire);
    gateway.metric_becomes("ringgate_worker_upgraded_connections", 0.0);
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    wire.read_head().has_status(101);
}

#[test]
fn is_logged_at_its_end_with_duration_and_bytes() {
    let origin = echo(SWITCH);
    let gateway = Setup::before(origin.address()).top("access_log: {to: stdout}").start();
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    wire.read_head().has_status(101);
    wire.send(b"\x82\x05hello");
    assert_eq!(wire.take(7), b"\x82\x05hello");
    std::thread::sleep(Duration::from_millis(300));
    assert!(gateway.stdout().iter().all(|line| !line.starts_with('{')), "it is not over yet");
    wire.send(b"\x88\x82\0\0\0\0\x03\xe9");
    wire.take(8);
    wire.finish_sending();
    wire.expect_close();
    let line: serde_json::Value = serde_json::from_str(&gateway.line("{")).expect("a line of JSON");
    assert_eq!(line["status"], 101, "{line}");
    assert_eq!(line["upgrade"], "websocket", "{line}");
    assert_eq!(line["end"], "client", "{line}");
    assert_eq!(line["close_code"], 1001, "{line}");
    assert_eq!(line["request_bytes"], 15, "{line}");
    assert_eq!(line["response_bytes"], 15, "{line}");
    assert!(line["duration_ms"].as_f64() > Some(300.0), "{line}");
    assert_eq!(line["upstream"]["attempts"], 1, "{line}");
}
