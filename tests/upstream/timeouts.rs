//! Each part of an exchange with an origin has its own time, and 504 or a visible cut when it is over.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Setup};

/// An origin that reads a request, sends this, and then nothing more.
fn stuck(sent: &'static str) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        dialogue.request();
        dialogue.send(sent);
        dialogue.closes_within(Duration::from_secs(20));
    })
}

#[track_caller]
fn within(bounds: std::ops::Range<u64>, act: impl FnOnce()) {
    let begun = Instant::now();
    act();
    let took = begun.elapsed().as_millis() as u64;
    assert!(bounds.contains(&took), "took {took} ms, expected {bounds:?}");
}

#[test]
fn no_head_in_time_is_504() {
    let origin = stuck("");
    let gateway = Setup::before(origin.address()).cluster("timeouts: {head: 300ms}").start();
    within(250..3000, || {
        gateway.get("/").has_problem(504, "upstream_head_timeout");
    });
    origin.loses(1);
}

#[test]
fn half_a_head_in_time_is_504() {
    let origin = stuck("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
    let gateway = Setup::before(origin.address()).cluster("timeouts: {head: 300ms}").start();
    gateway.get("/").has_problem(504, "upstream_head_timeout");
    origin.loses(1);
}

#[test]
fn a_504_keeps_the_clients_connection() {
    let origin = stuck("");
    let gateway = Setup::before(origin.address()).cluster("timeouts: {head: 100ms}").start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        assert!(!wire.get("/").has_problem(504, "upstream_head_timeout").says_close());
    }
}

#[test]
fn a_body_that_stops_is_cut() {
    let origin = stuck("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let gateway = Setup::before(origin.address()).cluster("timeouts: {idle: 300ms}").start();
    let mut wire = gateway.wire();
    within(200..3000, || {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(wire.read_head().status, 200);
        assert_eq!(wire.take(4), b"half");
        wire.expect_close();
    });
    origin.loses(1);
}

#[test]
fn a_slow_body_that_goes_on_is_not_cut() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
        dialogue.drip("12345678", Duration::from_millis(120));
        dialogue.closes_within(Duration::from_secs(1));
    });
    let gateway = Setup::before(origin.address()).cluster("timeouts: {idle: 500ms}").start();
    assert_eq!(gateway.get("/").has_status(200).text(), "12345678");
}

#[test]
fn the_whole_exchange_may_have_a_bound() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        dialogue.drip([b'x'; 1000], Duration::from_millis(20));
    });
    let gateway = Setup::before(origin.address()).cluster("timeouts: {total: 500ms}").start();
    let mut wire = gateway.wire();
    within(400..4000, || {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(wire.read_head().status, 200);
        let mut got = 0;
        loop {
            match wire.body_piece().len() {
                0 => break,
                count => got += count,
            }
        }
        assert!(got < 1000, "the whole body came");
    });
    origin.loses(1);
}

#[test]
fn no_connection_in_time_is_504() {
    // A listener whose backlog is full drops further SYNs, so that connecting takes for ever.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let listener: TcpListener = listener.into();
    let address = listener.local_addr().unwrap();
    let patience = Duration::from_millis(200);
    let fillers: Vec<_> = (0..16).map(|_| std::net::TcpStream::connect_timeout(&address, patience)).collect();
    assert!(fillers.iter().any(Result::is_err), "the backlog did not fill");
    let gateway = Setup::before(address).cluster("timeouts: {connect: 300ms}").start();
    within(250..4000, || {
        gateway.get("/").has_problem(504, "upstream_connect_timeout");
    });
}
