//! WebSocket over HTTP/2 (RFC 8441), to an origin that speaks it over HTTP/1.1.

use std::net::SocketAddr;
use std::time::Duration;

use super::Logged;
use crate::harness::h2::{H2, reason};
use crate::harness::{FaultOrigin, Process, Setup, eventually, python_beside};

/// An origin of the `websockets` library.
pub(super) fn library() -> (Process, SocketAddr) {
    let process = python_beside("ws_origin.py", &[]);
    let line = process.line("listening ");
    let port = line.trim_start_matches("listening ").parse().expect("a port");
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Asks for a WebSocket.
fn ask(client: &mut H2, path: &str, more: &[(&str, &str)]) -> u32 {
    let usual = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", path),
        ("sec-websocket-version", "13"),
    ];
    client.open(&[&usual, more].concat(), false)
}

#[track_caller]
pub(super) fn open(client: &mut H2, path: &str) -> u32 {
    let id = ask(client, path, &[]);
    let answer = client.head(id);
    assert_eq!((answer.status(), answer.has_ended), (200, false), "{answer:?}");
    id
}

/// A frame of a client: masked, with a mask of zeros.
pub(super) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..65_536 => bytes.extend([&[0x80 | 126][..], &(len as u16).to_be_bytes()].concat()),
        len => bytes.extend([&[0x80 | 127][..], &(len as u64).to_be_bytes()].concat()),
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame of a server.
pub(super) fn plain(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(opcode, payload);
    let mask = bytes.len() - payload.len() - 4;
    bytes.drain(mask..mask + 4);
    bytes[1] &= 0x7f;
    bytes
}

#[track_caller]
pub(super) fn gets(client: &mut H2, id: u32, from: usize, expected: &[u8]) -> usize {
    let until = from + expected.len();
    client.until("frames", |client| client.so_far(id).body.len() >= until);
    assert!(client.so_far(id).body[from..until] == *expected, "other frames than expected");
    until
}

#[test]
fn messages_go_both_ways_and_the_close_too() {
    let (origin, address) = library();
    let logged = Logged::with(Setup::before(address));
    let mut client = logged.client();
    assert_eq!(client.settings.get(&8), Some(&1), "SETTINGS_ENABLE_CONNECT_PROTOCOL");
    let id = open(&mut client, "/echo");
    let mut at = 0;
    for (opcode, size) in [(1, 5), (2, 0), (2, 125), (2, 126), (2, 70_000), (2, 1_000_000), (1, 3)] {
        let payload = vec![b'a'; size];
        client.data(id, &masked(opcode, &payload), false);
        at = gets(&mut client, id, at, &plain(opcode, &payload));
    }
    client.data(id, &masked(9, b"ping"), false);
    at = gets(&mut client, id, at, &plain(10, b"ping"));
    client.data(id, &masked(8, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()), false);
    gets(&mut client, id, at, &plain(8, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()));
    client.data(id, b"", true);
    let answer = client.answer(id);
    assert!(answer.has_ended, "{:?}", answer.reset);
    origin.line("closed /echo 1000 bye");
    let line = &logged.lines(1)[0];
    assert_eq!((&line["protocol"], &line["method"]), (&"HTTP/2".into(), &"GET".into()), "{line}");
    // Other streams go on.
    let id = open(&mut client, "/echo");
    client.data(id, &masked(1, b"again"), false);
    gets(&mut client, id, 0, &plain(1, b"again"));
}

#[test]
fn the_handshake_that_the_origin_gets_is_one_of_http1() {
    let origin = FaultOrigin::start(|dialogue| {
        let request = dialogue.head().unwrap();
        assert_eq!((request.method.as_str(), request.version.as_str()), ("GET", "HTTP/1.1"));
        for (name, value) in [("upgrade", "websocket"), ("sec-websocket-version", "13"), ("host", "test")] {
            assert_eq!(request.field(name), Some(value), "{name}: {request:?}");
        }
        assert_eq!(request.field("sec-websocket-key").map(str::len), Some(24));
        assert_eq!(request.field("sec-websocket-protocol"), Some("chat"));
        assert_eq!(request.field("content-length"), None);
        assert_eq!(request.field("transfer-encoding"), None);
        // A wrong answer to the key: the client never learns of a switch.
        dialogue.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        );
        while dialogue.piece().is_some() {}
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = ask(&mut client, "/", &[("sec-websocket-protocol", "chat"), ("sec-websocket-key", "mine")]);
    let answer = client.head(id);
    assert_eq!(answer.status(), 502);
    assert!(answer.field("sec-websocket-accept").is_none());
    client.until("the problem", |client| client.so_far(id).has_ended);
    assert!(client.so_far(id).text().contains("upstream_bad_websocket_accept"));
}

#[test]
fn an_origin_and_a_route_may_refuse() {
    let (_origin, address) = library();
    let logged = Logged::with(Setup::before(address));
    let mut client = logged.client();
    let id = ask(&mut client, "/refuse", &[]);
    assert_eq!(client.head(id).status(), 403);
    let id = open(&mut client, "/echo");
    client.data(id, &masked(1, b"x"), false);
    gets(&mut client, id, 0, &plain(1, b"x"));

    let logged = Logged::with(Setup::before(address).route("upgrades: []"));
    let mut client = logged.client();
    let id = ask(&mut client, "/echo", &[]);
    assert_eq!(client.head(id).status(), 501);
    let id = ask(&mut client, "/echo", &[("sec-websocket-version", "13")]);
    assert!(matches!(client.head(id).status(), 400 | 501));
}

#[test]
fn a_client_that_resets_its_websocket_is_gone() {
    let (origin, address) = library();
    let logged = Logged::with(Setup::before(address));
    let mut client = logged.client();
    let id = open(&mut client, "/echo");
    let other = open(&mut client, "/echo");
    client.reset(id, reason::CANCEL);
    origin.line("closed /echo 1006");
    client.data(other, &masked(1, b"still here"), false);
    gets(&mut client, other, 0, &plain(1, b"still here"));
    logged.gateway.metric_becomes("ringgate_upgraded_connections_open", 1.0);
}

#[test]
fn an_origin_that_vanishes_takes_its_stream_along() {
    let (_origin, address) = library();
    let logged = Logged::with(Setup::before(address));
    let mut client = logged.client();
    let id = open(&mut client, "/vanish");
    client.data(id, &masked(1, b"go"), false);
    let answer = client.answer(id);
    assert!(answer.reset.is_some() || answer.has_ended, "{answer:?}");
    let id = open(&mut client, "/echo");
    client.data(id, &masked(1, b"x"), false);
    gets(&mut client, id, 0, &plain(1, b"x"));
    assert!(client.goaways.is_empty());
}

#[test]
fn a_slow_reader_stops_its_origin_alone() {
    let (origin, address) = library();
    let logged = Logged::with(Setup::before(address));
    let before = logged.gateway.resident_bytes();
    let mut client = logged.client();
    client.gives_windows = false;
    // 50 MiB of which 64 KiB are taken.
    let id = open(&mut client, "/push");
    client.window(0, 100_000_000);
    client.until("a full window", |client| client.so_far(id).body.len() == 65_535);
    let other = open(&mut client, "/echo");
    client.data(other, &masked(1, b"x"), false);
    gets(&mut client, other, 0, &plain(1, b"x"));
    std::thread::sleep(Duration::from_millis(500));
    let grown = logged.gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
    assert!(!origin.stdout().iter().any(|line| line == "pushed"));
    client.window(id, 100_000_000);
    client.until("all of it", |client| client.so_far(id).body.len() == 200 * (262_144 + 10));
    origin.line("pushed");
}

#[test]
fn both_sides_are_told_that_the_gateway_goes() {
    let (origin, address) = library();
    let mut logged = Logged::with(Setup::before(address));
    let mut client = logged.client();
    let id = open(&mut client, "/echo");
    client.data(id, &masked(1, b"x"), false);
    let at = gets(&mut client, id, 0, &plain(1, b"x"));
    logged.gateway.signal(libc::SIGTERM);
    let told = [&1001_u16.to_be_bytes()[..], b"the gateway is shutting down"].concat();
    gets(&mut client, id, at, &plain(8, &told));
    client.data(id, &masked(8, &1001_u16.to_be_bytes()), true);
    client.until_closed();
    logged.gateway.ends_with(0);
    eventually("the origin was told", || {
        origin.stdout().iter().any(|line| line == "closed /echo 1001 the gateway is shutting down")
    });
}

#[test]
fn an_idle_websocket_is_closed_in_time() {
    let (_origin, address) = library();
    let logged = Logged::with(Setup::before(address).top("limits: {tunnel_idle_timeout: 2s}"));
    let mut client = logged.client();
    let id = open(&mut client, "/echo");
    client.until("a Close frame", |client| client.so_far(id).body.len() >= 4);
    assert_eq!(client.so_far(id).body[0], 0x88);
    let answer = client.answer(id);
    assert!(answer.has_ended || answer.reset.is_some());
    assert!(client.goaways.is_empty());
}
