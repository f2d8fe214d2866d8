//! What bounds copies: their size, their number, their time. The client has its answer whatever becomes of them.

use std::time::Duration;

use super::{copies, copies_become, shadowed, silent, skipped_become};
use crate::harness::{FaultOrigin, free_address};

#[test]
fn larger_bodies_are_not_copied_however_they_come() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway = shadowed(origin.address(), copy.address(), "methods: [POST], body_bytes: 8B").start();
    let mut wire = gateway.wire();
    wire.ask("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n123456789").has_status(200);
    skipped_become(&gateway, "too_large", 1);
    // As it grows.
    wire.send_slowly(
        [
            &b"POST /b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            b"3\r\n123\r\n",
            b"6\r\n456789\r\n0\r\n\r\n",
        ],
        Duration::from_millis(50),
    );
    wire.read().has_status(200);
    skipped_become(&gateway, "too_large", 2);
    wire.ask("POST /c HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\n12345678").has_status(200);
    copies_become(&gateway, "answered", 1);
    assert_eq!(copy.only_request().target, "/c");
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn with_too_many_in_flight_requests_are_not_copied_and_served_all_the_same() {
    let (origin, copy) = (FaultOrigin::echo(), silent());
    let gateway = shadowed(origin.address(), copy.address(), "max_in_flight: 2, timeout: 10s").start();
    let mut wire = gateway.wire();
    for at in 0..10 {
        wire.get(&format!("/{at}")).has_status(200);
    }
    skipped_become(&gateway, "too_many", 8);
    copy.receives(2);
    gateway.metric_becomes("ringgate_shadow_in_flight", 2.0);
    assert_eq!(copy.requests().len(), 2);
}

#[test]
fn a_cluster_that_does_not_answer_costs_its_copies_and_nothing_else() {
    let origin = FaultOrigin::echo();
    let reset = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.reset();
    });
    let cut = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal");
    let silent = silent();
    for (copy, outcome) in [
        (silent.address(), "late"),
        (reset.address(), "broken"),
        (cut.address(), "broken"),
        (free_address(), "unreachable"),
    ] {
        let gateway = shadowed(origin.address(), copy, "timeout: 300ms, compare: {}").start();
        let mut wire = gateway.wire();
        for _ in 0..3 {
            assert_eq!(wire.get("/here").has_status(200).text(), "/here");
        }
        copies_become(&gateway, outcome, 3);
        gateway.metric_becomes("ringgate_shadow_in_flight", 0.0);
        gateway.metric_becomes("ringgate_exchanges_active", 0.0);
        assert_eq!(
            (copies(&gateway, "answered"), gateway.metric("ringgate_shadow_compared_total")),
            (0.0, 0.0)
        );
        gateway.drain();
    }
}

#[test]
fn a_client_does_not_wait_for_its_copy() {
    let (origin, copy) = (FaultOrigin::echo(), silent());
    let gateway = shadowed(origin.address(), copy.address(), "timeout: 60s").start();
    let mut wire = gateway.wire();
    for _ in 0..20 {
        wire.get("/here").has_status(200);
    }
    copy.receives(20);
    // All of them are out, and none has come back.
    gateway.metric_becomes("ringgate_shadow_in_flight", 20.0);
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
    // A stop does not wait for them either.
    gateway.drain();
}
