//! What is not a handshake, or not a whole one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Secure;
use crate::harness::{FaultOrigin, PATIENCE, Wire};

fn failures(reason: &str) -> String {
    format!("ringgate_tls_handshake_failures_total{{reason=\"{reason}\"}}")
}

#[test]
fn http_in_clear_is_told_where_it_is() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let mut wire = Wire::connect(secure.address());
    let answer = wire.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("\"code\":\"plain_http\""), "{}", answer.text());
    secure.gateway.metric_becomes(&failures("plain_http"), 1.0);
}

#[test]
fn garbage_is_closed_and_counted() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let whole = |first: &[u8]| {
        let mut garbage = first.to_vec();
        garbage.extend((0..2_000_u32).map(|number| ((number * 7919) >> 3) as u8));
        garbage
    };
    for first in [&b"\x00\x01\x02"[..], b"\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff", b"\x16\x7f\xff\xff\xff"]
    {
        let mut stream = TcpStream::connect(secure.address()).expect("accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let _ = stream.write_all(&whole(first));
        let mut back = Vec::new();
        // A reset or an end, and at most an alert before.
        let _ = stream.read_to_end(&mut back);
        assert!(back.len() < 32, "{back:?}");
    }
    let secure_still =
        secure.curl(&["--write-out", "%{http_code}", "--output", "/dev/null", &secure.url("/")]);
    assert_eq!(secure_still, "200");
}

#[test]
fn a_client_that_says_nothing_is_closed_in_time() {
    let secure = Secure::before(FaultOrigin::echo().address(), "handshake_timeout: 300ms");
    for start in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(secure.address()).expect("accepts");
        stream.write_all(start).expect("open");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    secure.gateway.metric_becomes(&failures("timeout"), 2.0);
    secure.gateway.metric_becomes("ringgate_connections_active", 0.0);
}

#[test]
fn handshakes_under_way_are_capped() {
    let top = format!("workers: {{cpus: [{}]}}", crate::harness::first_cpu());
    let origin = FaultOrigin::echo();
    let secure = Secure::prepared(origin.address(), "handshakes: 2", &top, |_| {});
    let held: Vec<_> = (0..2).map(|_| TcpStream::connect(secure.address()).expect("accepts")).collect();
    secure.gateway.metric_becomes("ringgate_tls_handshakes_active", 2.0);
    let mut third = TcpStream::connect(secure.address()).expect("accepts");
    third.set_read_timeout(Some(PATIENCE)).expect("not zero");
    assert!(matches!(third.read(&mut [0; 8]), Ok(0) | Err(_)), "the third is closed at once");
    secure.gateway.metric_becomes(&failures("crowded"), 1.0);
    drop(held);
    secure.gateway.metric_becomes("ringgate_tls_handshakes_active", 0.0);
    assert!(secure.curl(&["--include", &secure.url("/")]).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_silent_client_does_not_hold_up_the_end() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let _silent = TcpStream::connect(secure.address()).expect("accepts");
    secure.gateway.metric_becomes("ringgate_tls_handshakes_active", 1.0);
    let began = std::time::Instant::now();
    secure.gateway.drain();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
