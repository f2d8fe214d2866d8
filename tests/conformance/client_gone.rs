//! A client that vanishes: what it asked for is cancelled, what it held is given back.

use std::time::Duration;

use crate::harness::{FaultOrigin, Setup, Wire};

/// An origin that never answers and counts the connections it loses.
fn silent() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        dialogue.request();
        assert!(dialogue.closes_within(Duration::from_secs(10)), "the attempt was not cancelled");
    })
}

#[test]
fn a_reset_cancels_the_attempt_at_once() {
    let origin = silent();
    let gateway = Setup::before(origin.address()).top("limits: {half_close_grace: 30s}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    wire.reset();
    origin.loses(1);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn a_close_cancels_the_attempt_after_the_grace() {
    let origin = silent();
    let gateway = Setup::before(origin.address()).top("limits: {half_close_grace: 100ms}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    drop(wire);
    origin.loses(1);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn a_client_gone_within_the_answer_ends_the_attempt() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while dialogue.send("5\r\nendle\r\n") {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.read_head();
    wire.reset();
    origin.loses(1);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn a_client_gone_within_its_upload_ends_the_attempt() {
    let origin = silent();
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nhalf");
    origin.receives(1);
    wire.reset();
    origin.loses(1);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn a_cancelled_connection_upstream_is_not_used_again() {
    // Its answer may still come, and would answer the next request.
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target == "/slow" {
                std::thread::sleep(Duration::from_millis(300));
            }
            let target = request.target;
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    gateway.get("/warm").has_status(200);
    let mut wire = gateway.wire();
    wire.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(2);
    wire.reset();
    for number in 0..5 {
        assert_eq!(gateway.get(&format!("/{number}")).text(), format!("/{number}"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn vanished_clients_leave_no_descriptor() {
    let origin = silent();
    let gateway = Setup::before(origin.address()).top("limits: {half_close_grace: 100ms}").start();
    gateway.admin_get("/healthz");
    let before = gateway.descriptors().len();
    let wires: Vec<Wire> = (0..40)
        .map(|_| {
            let mut wire = gateway.wire();
            wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            wire
        })
        .collect();
    origin.receives(40);
    for (number, wire) in wires.into_iter().enumerate() {
        if number % 2 == 0 {
            wire.reset();
        }
    }
    origin.loses(40);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
    gateway.descriptors_fall_to(before);
}
