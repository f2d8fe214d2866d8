//! PROXY headers to services: in front of everything, once a connection, and of one client only.

use super::{behind_proxy, v1};
use crate::harness::{Dialogue, FaultOrigin, Setup, eventually};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Takes one header of version 1 and then requests, which it answers with the header.
fn takes_v1(dialogue: &mut Dialogue) {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match dialogue.take(1) {
            Some(byte) => line.extend(byte),
            None => return,
        }
    }
    while dialogue.request().is_some() {
        dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", line.len()));
        dialogue.send(&line);
    }
}

#[test]
fn every_exchange_has_a_connection_that_names_its_client() {
    let origin = FaultOrigin::start(takes_v1);
    let gateway = behind_proxy(origin.address()).cluster("proxy_protocol: v1").start();
    for client in ["192.0.2.1", "192.0.2.2"] {
        let mut wire = gateway.wire();
        wire.send(v1(client));
        for _ in 0..2 {
            let text = wire.ask(GET).has_status(200).text();
            let expected = format!("PROXY TCP4 {client} 127.0.0.1 40000 {}\r\n", gateway.public().port());
            assert_eq!(text, expected);
        }
    }
    assert_eq!(origin.accepted(), 4);
    eventually("none is kept", || origin.closed() == 4);
    assert_eq!(gateway.metric("ringgate_pool_connections{state=\"idle\"}"), 0.0);
}

#[test]
fn the_client_is_whom_trusted_proxies_name() {
    let origin = FaultOrigin::start(takes_v1);
    let gateway = Setup::before(origin.address())
        .cluster("proxy_protocol: v1")
        .top("trusted_proxies: [127.0.0.0/8]")
        .start();
    let text = gateway.get_with("/", "X-Forwarded-For: 198.51.100.7\r\n").has_status(200).text();
    assert!(text.starts_with("PROXY TCP4 198.51.100.7 127.0.0.1 0 "), "{text}");
}

#[test]
fn raw_connections_name_the_client_and_where_it_went() {
    let origin = FaultOrigin::start(|dialogue| {
        let header = dialogue.take(28).expect("a header");
        dialogue.send(header);
        if let Some(piece) = dialogue.piece() {
            dialogue.send(piece);
        }
    });
    let gateway = Setup::before(origin.address())
        .listener("tcp: {cluster: origin}")
        .listener("proxy_protocol: {from: [127.0.0.0/8]}")
        .cluster("proxy_protocol: v2")
        .start();
    let mut wire = gateway.wire();
    wire.send(v1("192.0.2.77") + "payload");
    let expected = super::v2(0x21, 0x11, &[192, 0, 2, 77, 203, 0, 113, 1, 0x9C, 0x40, 1, 187]);
    assert_eq!(wire.take(28), expected);
    assert_eq!(wire.take(7), b"payload");
}
