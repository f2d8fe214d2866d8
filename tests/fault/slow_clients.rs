//! Clients that crawl: each costs little, and none for ever.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::{FaultOrigin, Setup, Wire};

#[test]
fn a_client_that_takes_nothing_is_closed() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while dialogue.send(&chunk) {}
    });
    let gateway = Setup::before(origin.address()).top("limits: {write_timeout: 500ms}").start();
    let mut wire = narrow(gateway.public());
    wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    // The origin's connection ends though the client never closed: the gateway gave up on it.
    origin.loses(1);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
    drop(wire);
}

#[test]
fn a_slow_reader_gets_all() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
        dialogue.send(vec![b'y'; 2_000_000]);
        dialogue.closes_within(Duration::from_secs(10));
    });
    let gateway = Setup::before(origin.address()).top("limits: {write_timeout: 2s}").start();
    let mut wire = narrow(gateway.public());
    wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    let mut got = 0;
    while got < 2_000_000 {
        got += wire.body_piece().len();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn many_crawling_heads_do_not_delay_others() {
    // The slowloris: connections that each send a byte now and then.
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).top("limits: {head_timeout: 2s}").start();
    let mut crawling: Vec<Wire> = (0..300).map(|_| gateway.wire()).collect();
    for wire in &mut crawling {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\nX-A: ");
    }
    for _ in 0..5 {
        for wire in &mut crawling {
            wire.try_send("a");
        }
        let begun = std::time::Instant::now();
        gateway.get("/").has_status(200);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    for wire in &mut crawling {
        wire.read().has_problem(408, "head_timeout");
    }
    drop(crawling);
    gateway.metric_becomes("ringgate_connections_active", 0.0);
}

/// A client with the smallest receive buffer the kernel gives.
fn narrow(address: SocketAddr) -> Wire {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    Wire::over(TcpStream::from(socket))
}
