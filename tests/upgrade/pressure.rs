//! Slow readers, and what an idle connection costs.

use std::net::TcpStream;
use std::time::Duration;

use super::{HANDSHAKE, SWITCH, before, echo, origin};
use crate::harness::{Gateway, Setup, Wire, eventually, python, python_beside};

/// Bound per connection, in bytes of resident memory; the page on upgrades states what is measured.
const BYTES_PER_CONNECTION_MAX: u64 = 8 * 1024;

#[test]
fn a_slow_reader_costs_a_buffer_and_loses_nothing() {
    let (_origin, address) = origin();
    let gateway = Setup::before(address).start();
    let public = gateway.public();
    let before = gateway.resident_bytes();
    let (host, port) = (public.ip().to_string(), public.port().to_string());
    let clients: Vec<_> =
        (0..4).map(|_| python_beside("ws_client.py", &[&host, &port, "slow_reader"])).collect();
    for client in &clients {
        client.line("waiting");
    }
    std::thread::sleep(Duration::from_secs(2));
    let grown = gateway.resident_bytes().saturating_sub(before);
    let leased = gateway.metric("ringgate_buffers_leased");
    println!("{grown} bytes and {leased} buffers for 4 slow readers of 50 MiB each");
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
    assert!(leased <= 9.0, "{leased} buffers");
    for mut client in clients {
        let status = client.exit_within(Duration::from_secs(60)).expect("it ends");
        assert!(status.success(), "{}", client.stderr());
    }
}

#[test]
fn an_origin_that_does_not_read_stops_its_client() {
    let (_origin, address) = origin();
    let gateway = Setup::before(address).start();
    python("ws_client.py", gateway.public(), &["slow_origin"]);
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let (_origin, address) = origin();
    let gateway = Setup::before(address).top("limits: {write_timeout: 500ms}").start();
    let mut wire = Wire::connect(gateway.public());
    wire.send(HANDSHAKE.replace("/chat", "/push"));
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"client_stalled\"}", 1.0);
}

#[test]
fn an_idle_websocket_is_cheap() {
    let count = 1_500;
    let origin = echo(SWITCH);
    let gateway = before(&origin, "");
    let open = |count: usize| -> Vec<Wire> { (0..count).map(|_| opened(&gateway)).collect() };
    let parked = |wires: f64| {
        eventually("idle connections are parked", || gateway.metric("ringgate_connections_parked") >= wires);
        eventually("no buffers are held", || gateway.metric("ringgate_buffers_leased") == 0.0);
    };
    let warm = open(400);
    parked(400.0);
    let before = gateway.resident_bytes();
    let wires = open(count);
    parked(400.0 + count as f64);
    let each = gateway.resident_bytes().saturating_sub(before) / count as u64;
    println!("{count} idle WebSockets, {each} bytes of resident memory each");
    assert!(each < BYTES_PER_CONNECTION_MAX, "{each} bytes each");
    // And none of them is dead.
    for mut wire in warm.into_iter().chain(wires).step_by(89) {
        wire.send(b"\x82\x01x");
        assert_eq!(wire.take(3), b"\x82\x01x");
    }
}

fn opened(gateway: &Gateway) -> Wire {
    let mut wire = Wire::over(TcpStream::connect(gateway.public()).expect("it listens"));
    wire.send(HANDSHAKE);
    assert_eq!(wire.read_head().status, 101);
    wire.send(b"\x82\x05hello");
    assert_eq!(wire.take(7), b"\x82\x05hello");
    wire
}
