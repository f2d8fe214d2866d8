//! Connections to an origin are kept, bounded and given up in time.

use std::time::Duration;

use crate::harness::{FaultOrigin, Setup, Wire, eventually};

#[test]
fn one_connection_serves_one_request_after_another() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).one_worker().start();
    for _ in 0..20 {
        gateway.get("/").has_status(200);
    }
    assert_eq!(origin.accepted(), 1);
    assert_eq!(gateway.metric("ringgate_endpoint_connects_total"), 1.0);
}

#[test]
fn requests_with_bodies_reuse_it_too() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    for _ in 0..5 {
        wire.ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
        wire.ask("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .has_status(200);
    }
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn an_origin_that_says_close_is_believed() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        // A second request on this connection would be lost.
        assert!(
            dialogue.closes_within(Duration::from_secs(5)),
            "the gateway kept a connection that was to close"
        );
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    for _ in 0..3 {
        gateway.get("/").has_status(200);
    }
    assert_eq!(origin.accepted(), 3);
}

#[test]
fn an_http10_origin_is_not_reused_unless_it_says_so() {
    let origin = FaultOrigin::answering("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::before(origin.address()).one_worker().start();
    for _ in 0..3 {
        gateway.get("/").has_status(200);
    }
    assert_eq!(origin.accepted(), 3);
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).one_worker().cluster("pool: {idle_timeout: 300ms}").start();
    gateway.get("/").has_status(200);
    origin.loses(1);
    gateway.get("/").has_status(200);
    assert_eq!(origin.accepted(), 2);
}

#[test]
fn no_more_idle_connections_are_kept_than_allowed() {
    let origin = gate();
    let gateway = Setup::before(origin.address()).one_worker().cluster("pool: {idle: 2}").start();
    let mut wires = open(&gateway, 6);
    origin.receives(6);
    for wire in &mut wires {
        wire.read().has_status(200);
    }
    origin.loses(4);
    eventually("two are left", || gateway.metric("ringgate_pool_connections{state=\"idle\"}") == 2.0);
}

#[test]
fn no_more_connections_are_opened_than_allowed() {
    let origin = gate();
    let gateway = Setup::before(origin.address()).one_worker().cluster("pool: {connections: 2}").start();
    let mut wires = open(&gateway, 6);
    let statuses: Vec<u16> = wires.iter_mut().map(|wire| wire.read().status).collect();
    assert!(origin.accepted() <= 2, "{}", origin.accepted());
    // Whether the others wait or are told 503 is the pool's; none may be lost.
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
}

/// An origin that takes its time, so that requests overlap.
fn gate() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(Duration::from_millis(300));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}

fn open(gateway: &crate::harness::Gateway, count: usize) -> Vec<Wire> {
    (0..count)
        .map(|_| {
            let mut wire = gateway.wire();
            wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
            wire
        })
        .collect()
}
