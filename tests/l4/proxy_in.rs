//! The client is whom a trusted peer's PROXY header names, for everything that asks who the client is.

use std::time::Duration;

use super::{behind_proxy, v1, v2};
use crate::harness::{FaultOrigin, Setup};

const GET: &str = "GET /a HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn both_versions_name_the_client_and_lose_no_byte_behind_them() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    let block6 = [&[0x20, 1, 0xD, 0xB8][..], &[0; 11], &[7], &[0; 16], &[0, 1, 0, 2]].concat();
    for (header, client) in [
        (v1("192.0.2.9").into_bytes(), "192.0.2.9"),
        (b"PROXY TCP6 2001:db8::5 2001:db8::6 1 2\r\n".to_vec(), "2001:db8::5"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x21, 0x11, &[198, 51, 100, 3, 1, 1, 1, 1, 0, 1, 0, 2]), "198.51.100.3"),
        (v2(0x21, 0x21, &block6), "2001:db8::7"),
        (v2(0x20, 0x00, &[]), "127.0.0.1"),
        (v2(0x20, 0x11, &[198, 51, 100, 3, 1, 1, 1, 1, 0, 1, 0, 2]), "127.0.0.1"),
        (v2(0x21, 0x31, &[9; 216]), "127.0.0.1"),
        (
            v2(0x21, 0x11, &[&[198, 51, 100, 4, 1, 1, 1, 1, 0, 1, 0, 2][..], &[5, 0, 3, 1, 2, 3]].concat()),
            "198.51.100.4",
        ),
    ] {
        // Two requests in the same packet as the header, and one that waits.
        let mut wire = gateway.wire();
        wire.send([&header[..], GET.as_bytes(), GET.as_bytes()].concat());
        wire.read().has_status(200);
        wire.read().has_status(200);
        wire.ask(GET).has_status(200);
        let seen = origin.requests().pop().expect("the origin got it");
        assert_eq!(seen.field("x-forwarded-for"), Some(client), "{header:?}");
    }
    gateway.metric_becomes("ringgate_proxy_protocol_connections_total{version=\"v1\"}", 3.0);
    gateway.metric_becomes("ringgate_proxy_protocol_connections_total{version=\"v2\"}", 6.0);
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    for header in [v1("192.0.2.9").into_bytes(), v2(0x21, 0x11, &[192, 0, 2, 9, 1, 1, 1, 1, 0, 1, 0, 2])] {
        let mut wire = gateway.wire();
        wire.send_slowly(header.chunks(1), Duration::from_millis(1));
        wire.ask(GET).has_status(200);
        let seen = origin.requests().pop().expect("the origin got it");
        assert_eq!(seen.field("x-forwarded-for"), Some("192.0.2.9"));
    }
}

#[test]
fn address_filters_and_the_log_go_by_the_client() {
    let origin = FaultOrigin::echo();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let gateway = behind_proxy(origin.address())
        .top(&format!("access_log: {{to: {}}}", log.display()))
        .route("policies: {ip_filter: {deny: [192.0.2.0/24]}}")
        .start();
    let ask = |client: &str| {
        let mut wire = gateway.wire();
        wire.ask(v1(client) + GET).status
    };
    assert_eq!((ask("192.0.2.1"), ask("192.0.3.1")), (403, 200));
    crate::harness::eventually("both are logged", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 2)
    });
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains(r#""client":"192.0.2.1","via":"127.0.0.1""#), "{text}");
}

#[test]
fn trusted_proxies_are_the_clients_of_the_header() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).top("trusted_proxies: [10.1.0.0/16]").start();
    let seen = |client: &str| {
        gateway.wire().ask(format!(
            "{}GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n",
            v1(client)
        ));
        origin.requests().pop().expect("the origin got it").field("x-forwarded-for").map(str::to_owned)
    };
    assert_eq!(seen("10.1.2.3").as_deref(), Some("198.51.100.9, 10.1.2.3"));
    // The peer 127.0.0.1 may send headers; that makes nobody else a trusted proxy.
    assert_eq!(seen("10.2.2.3").as_deref(), Some("10.2.2.3"));
}

#[test]
fn others_are_refused_or_plain() {
    let origin = FaultOrigin::echo();
    let strict = Setup::before(origin.address()).listener("proxy_protocol: {from: [10.0.0.0/8]}").start();
    // It may be reset before it has ever been there for the client.
    if let Ok(mut stream) = std::net::TcpStream::connect(strict.public()) {
        assert_eq!(std::io::Read::read(&mut stream, &mut [0; 1]).unwrap_or(0), 0);
    }
    strict.metric_becomes("ringgate_proxy_protocol_refused_total{reason=\"untrusted\"}", 1.0);
    let open = Setup::before(origin.address())
        .listener("proxy_protocol: {from: [10.0.0.0/8], others: plain}")
        .start();
    open.get("/").has_status(200);
    // From these a header is just a wrong request.
    open.send(v1("192.0.2.1") + GET).has_status(400);
    open.metric_becomes("ringgate_proxy_protocol_connections_total{version=\"none\"}", 2.0);
    assert_eq!(origin.requests().len(), 1);
}
