//! Headers that do not come, or are wrong: the connection is closed, counted, and nothing of it is answered.

use std::time::{Duration, Instant};

use super::{behind_proxy, v1, v2};
use crate::harness::{FaultOrigin, Gateway};

#[track_caller]
fn refused(gateway: &Gateway, reason: &str, count: f64) {
    gateway.metric_becomes(&format!("ringgate_proxy_protocol_refused_total{{reason=\"{reason}\"}}"), count);
}

#[test]
fn whatever_is_wrong_is_closed_and_counted() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    let block = [192, 0, 2, 1, 1, 1, 1, 1, 0, 1, 0, 2];
    for (bytes, reason) in [
        (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_vec(), "missing"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n".to_vec(), "malformed"),
        (v2(0x2F, 0x11, &block), "malformed"),
        (v2(0x21, 0x11, &block[..4]), "malformed"),
        (v2(0x21, 0x11, &[7; 5000]), "too_long"),
        ([b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat(), "too_long"),
        (v2(0x21, 0x11, &[&block[..], &[3, 0, 4, 1, 2, 3, 4]].concat()), "checksum"),
    ] {
        let selector = format!("ringgate_proxy_protocol_refused_total{{reason=\"{reason}\"}}");
        let before = gateway.metric(&selector);
        let mut wire = gateway.wire();
        wire.try_send(&bytes);
        wire.expect_close();
        refused(&gateway, reason, before + 1.0);
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_header_has_a_time_limit() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).top("limits: {head_timeout: 300ms}").start();
    let begun = Instant::now();
    let mut wires = [gateway.wire(), gateway.wire()];
    wires[1].send(&v1("192.0.2.1").as_bytes()[..10]);
    for wire in &mut wires {
        wire.expect_close();
    }
    assert!(begun.elapsed() > Duration::from_millis(250) && begun.elapsed() < Duration::from_secs(3));
    refused(&gateway, "timeout", 2.0);
}

#[test]
fn a_probe_that_only_connects_is_no_fault_and_half_a_header_is() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    drop(gateway.wire());
    let mut wire = gateway.wire();
    wire.send("PROXY TC");
    wire.finish_sending();
    wire.expect_close();
    refused(&gateway, "closed", 1.0);
    let refusals = gateway.metric("ringgate_proxy_protocol_refused_total");
    assert_eq!(refusals, 1.0);
}

#[test]
fn a_drain_does_not_wait_for_headers() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("PROXY");
    gateway.metric_becomes("ringgate_connections_active", 1.0);
    let begun = Instant::now();
    gateway.drain();
    wire.expect_close();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
