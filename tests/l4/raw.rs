//! Raw TCP: bytes as they came, in both directions, until both are over.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::rest;
use crate::harness::{Dialogue, FaultOrigin, Gateway, Pattern, Setup, eventually, free_address};

/// Gives back what it gets, and finishes when the other side has.
fn mirror() -> FaultOrigin {
    FaultOrigin::start(reflect)
}

fn reflect(dialogue: &mut Dialogue) {
    while let Some(piece) = dialogue.piece() {
        dialogue.send(piece);
    }
}

fn before(origin: &FaultOrigin) -> Setup {
    Setup::before(origin.address()).listener("tcp: {cluster: origin}")
}

#[test]
fn carries_bytes_and_the_ends_of_both_directions() {
    let origin = mirror();
    let gateway = before(&origin).start();
    let mut wire = gateway.wire();
    wire.send("first");
    assert_eq!(wire.take(5), b"first");
    wire.send(b"\0\xffsecond");
    wire.finish_sending();
    assert_eq!(rest(&mut wire), b"\0\xffsecond");
    gateway.metric_becomes("ringgate_tcp_connections_active", 0.0);
    for (selector, value) in [
        ("ringgate_tcp_connections_total{listener=\"public\",cluster=\"origin\"}", 1.0),
        ("ringgate_tcp_bytes_total{direction=\"upstream\"}", 13.0),
        ("ringgate_tcp_bytes_total{direction=\"downstream\"}", 13.0),
        ("ringgate_tcp_failures_total", 0.0),
        ("ringgate_connections_parked", 0.0),
        ("ringgate_buffers_leased", 0.0),
    ] {
        gateway.metric_becomes(selector, value);
    }
}

#[test]
fn the_service_may_speak_first_and_end_first() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.send("220 hello\r\n");
        let got = dialogue.take(4);
        assert_eq!(got.as_deref(), Some(&b"quit"[..]));
    });
    let gateway = before(&origin).start();
    let mut wire = gateway.wire();
    assert_eq!(wire.take(11), b"220 hello\r\n");
    wire.send("quit");
    wire.expect_close();
}

#[test]
fn large_transfers_arrive_whole_in_both_directions_at_once() {
    const SIZE: u64 = 40_000_000;
    let origin = mirror();
    let gateway = before(&origin).start();
    let pattern = Pattern::new(5);
    let mut stream = TcpStream::connect(gateway.public()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = 0;
            while sent < SIZE {
                let piece = pattern.piece(sent, SIZE);
                writer.write_all(piece).unwrap();
                sent += piece.len() as u64;
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let (mut received, mut block) = (0, vec![0; 100_000]);
        loop {
            let count = stream.read(&mut block).unwrap();
            if count == 0 {
                break;
            }
            pattern.assert_holds(received, &block[..count]);
            received += count as u64;
        }
        assert_eq!(received, SIZE);
    });
    println!("{} MB each way in {:?}", SIZE / 1_000_000, begun.elapsed());
}

#[test]
fn a_slow_reader_holds_the_writer_back() {
    let origin = FaultOrigin::start(|dialogue| {
        let block = vec![7; 1 << 20];
        for _ in 0..200 {
            if !dialogue.send(&block) {
                return;
            }
        }
    });
    let gateway = before(&origin).start();
    let wire = gateway.wire();
    let before = gateway.resident_bytes();
    std::thread::sleep(Duration::from_millis(700));
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes");
    let taken = gateway.metric("ringgate_upstream_bytes_total{direction=\"read\"}");
    assert!(taken < f64::from(100 << 20), "{taken} bytes were read ahead");
    wire.reset();
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"client_gone\"}", 1.0);
    gateway.metric_becomes("ringgate_tcp_connections_active", 0.0);
}

#[test]
fn an_endpoint_that_is_down_is_left_for_another() {
    let origin = mirror();
    let gateway =
        Setup::before(free_address()).endpoint(origin.address()).listener("tcp: {cluster: origin}").start();
    for _ in 0..6 {
        let mut wire = gateway.wire();
        wire.send("x");
        assert_eq!(wire.take(1), b"x");
    }
    assert!(gateway.metric("ringgate_endpoint_connect_failures_total") >= 1.0);
}

/// Connects, and is not served.
#[track_caller]
fn is_reset(gateway: &Gateway) {
    // It may be reset before it has ever been there for the client.
    let read = TcpStream::connect(gateway.public()).and_then(|mut stream| stream.read(&mut [0; 1]));
    let error = read.expect_err("an empty answer would look like one");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn without_any_endpoint_the_client_is_reset() {
    let gateway = Setup::before(free_address()).listener("tcp: {cluster: origin}").start();
    is_reset(&gateway);
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"upstream_connect_refused\"}", 1.0);
}

#[test]
fn a_reset_goes_through() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Setup::before(listener.local_addr().unwrap()).listener("tcp: {cluster: origin}").start();
    let wire = gateway.wire();
    let (mut upstream, _) = listener.accept().unwrap();
    wire.reset();
    assert!(upstream.read(&mut [0; 1]).is_err(), "the service has to learn that its client was cut off");
    let mut client = TcpStream::connect(gateway.public()).unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    // Before that it might be a connection that was never made.
    client.write_all(b"x").unwrap();
    upstream.read_exact(&mut [0; 1]).unwrap();
    socket2::SockRef::from(&upstream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(upstream);
    assert!(client.read(&mut [0; 1]).is_err());
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"upstream_reset\"}", 1.0);
}

#[test]
fn idle_connections_end_and_slow_ones_do_not() {
    let origin = mirror();
    let gateway =
        Setup::before(origin.address()).listener("tcp: {cluster: origin, idle_timeout: 600ms}").start();
    let mut slow = gateway.wire();
    let mut idle = gateway.wire();
    let begun = Instant::now();
    for _ in 0..4 {
        slow.send("x");
        assert_eq!(slow.take(1), b"x");
        std::thread::sleep(Duration::from_millis(300));
    }
    idle.expect_close();
    assert!(begun.elapsed() > Duration::from_millis(550));
    slow.send("y");
    assert_eq!(slow.take(1), b"y");
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"idle_timeout\"}", 1.0);
}

#[test]
fn resting_connections_hold_no_buffer_and_wake() {
    let origin = mirror();
    let gateway = before(&origin).start();
    let mut wires: Vec<_> = (0..20).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        wire.send("x");
        wire.take(1);
    }
    gateway.metric_becomes("ringgate_connections_parked", 20.0);
    gateway.metric_becomes("ringgate_buffers_leased", 0.0);
    for wire in &mut wires {
        wire.send("again");
        assert_eq!(wire.take(5), b"again");
        wire.finish_sending();
        wire.expect_close();
    }
    gateway.metric_becomes("ringgate_connections_parked", 0.0);
}

#[test]
fn the_cap_on_connections_holds_and_gives_back() {
    let origin = mirror();
    let gateway =
        before(&origin).cluster("pool: {connections: 1}").cluster("timeouts: {connect: 300ms}").start();
    let mut first = gateway.wire();
    first.send("a");
    assert_eq!(first.take(1), b"a");
    is_reset(&gateway);
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"upstream_connections_exhausted\"}", 1.0);
    first.finish_sending();
    first.expect_close();
    let mut second = gateway.wire();
    second.send("b");
    assert_eq!(second.take(1), b"b");
}

#[test]
fn limits_of_the_cluster_hold_and_whoever_waits_comes_next() {
    let origin = mirror();
    let gateway = before(&origin).cluster("limits: {requests: 1, pending: 1, pending_timeout: 10s}").start();
    let mut first = gateway.wire();
    first.send("a");
    assert_eq!(first.take(1), b"a");
    let mut second = gateway.wire();
    second.send("b");
    gateway.metric_becomes("ringgate_cluster_waiting", 1.0);
    is_reset(&gateway);
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"pending_full\"}", 1.0);
    first.finish_sending();
    first.expect_close();
    assert_eq!(second.take(1), b"b");
}

#[test]
fn an_open_breaker_takes_no_connection_and_tries_one() {
    let dead = free_address();
    let breaker = "breaker: {calls: 5, open: 2s}";
    let gateway =
        Setup::before(dead).listener("tcp: {cluster: origin}").cluster(breaker).one_worker().start();
    for _ in 0..8 {
        is_reset(&gateway);
    }
    eventually("the worker knows", || {
        is_reset(&gateway);
        gateway.metric("ringgate_tcp_failures_total{reason=\"circuit_open\"}") >= 1.0
    });
    let attempts = gateway.metric("ringgate_endpoint_attempts_total");
    is_reset(&gateway);
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"circuit_open\"}", 2.0);
    assert_eq!(gateway.metric("ringgate_endpoint_attempts_total"), attempts);
    let _back = FaultOrigin::start_at(dead, reflect);
    eventually("the breaker is closed again", || {
        _ = TcpStream::connect(gateway.public());
        gateway.metric("ringgate_cluster_breaker_state{state=\"closed\"}") == 1.0
    });
}

#[test]
fn the_log_has_a_line_with_bytes_and_duration() {
    let origin = mirror();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let gateway = before(&origin).top(&format!("access_log: {{to: {}}}", log.display())).start();
    talk(&gateway);
    let line = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("a line is written", || line().ends_with('\n'));
    let value: serde_json::Value = serde_json::from_str(&line()).unwrap();
    assert_eq!(value["protocol"], "TCP");
    assert_eq!((&value["request_bytes"], &value["response_bytes"]), (&5.into(), &5.into()));
    assert_eq!((&value["listener"], &value["client"]), (&"public".into(), &"127.0.0.1".into()));
    assert_eq!(value["upstream"]["endpoint"], origin.address().to_string());
    assert!(value["duration_ms"].as_f64().unwrap() >= 100.0, "{value}");
    assert!(value.get("error").is_none() && value.get("status").is_none(), "{value}");
}

fn talk(gateway: &Gateway) {
    let mut wire = gateway.wire();
    wire.send("12345");
    wire.take(5);
    std::thread::sleep(Duration::from_millis(120));
    wire.finish_sending();
    wire.expect_close();
}
