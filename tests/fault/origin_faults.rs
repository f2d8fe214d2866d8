//! Whatever an origin does wrong, its client gets an honest answer, others get theirs, and nothing is kept.

use std::time::Duration;

use crate::harness::{Dialogue, FaultOrigin, Gateway, Setup};

/// A gateway before an origin that serves `/good` and does the wrong thing to everything else.
fn faulty(wrong: impl Fn(&mut Dialogue) + Send + Sync + 'static) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target != "/good" {
                return wrong(dialogue);
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
        }
    });
    let gateway =
        Setup::before(origin.address()).cluster("timeouts: {head: 1s, idle: 1s}").one_worker().start();
    (origin, gateway)
}

/// Asserts that the gateway serves the next client as if nothing had been, and holds nothing of the last.
#[track_caller]
fn recovers(gateway: &Gateway) {
    assert_eq!(gateway.get("/good").has_status(200).text(), "good");
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn a_reset_before_the_answer_is_502() {
    let (_origin, gateway) = faulty(Dialogue::reset);
    for _ in 0..5 {
        gateway.get("/wrong").has_problem(502, "upstream_reset");
        recovers(&gateway);
    }
}

#[test]
fn a_reset_within_the_body_is_a_visible_cut() {
    let (_origin, gateway) = faulty(|dialogue| {
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        std::thread::sleep(Duration::from_millis(100));
        dialogue.reset();
    });
    let mut wire = gateway.wire();
    wire.send("GET /wrong HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    let mut got = 0;
    loop {
        match wire.body_piece().len() {
            0 => break,
            count => got += count,
        }
    }
    assert!(got < 100, "{got}");
    recovers(&gateway);
}

#[test]
fn a_body_without_end_ends_with_its_client() {
    let (origin, gateway) = faulty(|dialogue| {
        dialogue.send("HTTP/1.1 200 OK\r\n\r\n");
        while dialogue.send([b'x'; 65_536]) {}
    });
    let mut wire = gateway.wire();
    wire.send("GET /wrong HTTP/1.1\r\nHost: t\r\n\r\n");
    wire.read_head();
    for _ in 0..50 {
        assert!(!wire.body_piece().is_empty());
    }
    drop(wire);
    origin.loses(1);
    recovers(&gateway);
}

#[test]
fn an_origin_that_says_nothing_is_504() {
    let (_origin, gateway) = faulty(|dialogue| {
        dialogue.closes_within(Duration::from_secs(10));
    });
    gateway.get("/wrong").has_problem(504, "upstream_head_timeout");
    recovers(&gateway);
}

#[test]
fn garbage_is_502() {
    let (_origin, gateway) = faulty(|dialogue| {
        dialogue.send((0..=255).cycle().take(10_000).collect::<Vec<u8>>());
    });
    assert_eq!(gateway.get("/wrong").status, 502);
    recovers(&gateway);
}

#[test]
fn tls_where_http_was_expected_is_502() {
    // The usual misconfiguration: a port that speaks TLS answers plain HTTP with an alert.
    let (_origin, gateway) = faulty(|dialogue| {
        dialogue.send([0x15, 3, 1, 0, 2, 2, 70]);
    });
    assert_eq!(gateway.get("/wrong").status, 502);
    recovers(&gateway);
}

#[test]
fn more_body_than_announced_is_not_passed_on() {
    let (_origin, gateway) = faulty(|dialogue| {
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and more");
    });
    let mut wire = gateway.wire();
    assert_eq!(wire.get("/wrong").has_status(200).text(), "four");
    assert_eq!(wire.get("/good").has_status(200).text(), "good");
}

#[test]
fn one_broken_origin_does_not_disturb_another_route() {
    let good = FaultOrigin::ok();
    let bad = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.closes_within(Duration::from_secs(20));
    });
    let yaml = format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
         clusters:\n  good: {{endpoints: ['{}']}}\n  bad: {{endpoints: ['{}']}}\n\
         routes:\n  - {{name: good, match: {{prefix: /good}}, cluster: good}}\n\
         \x20 - {{name: bad, match: {{prefix: /bad}}, cluster: bad}}\n",
        good.address(),
        bad.address()
    );
    let gateway = Gateway::start(&yaml);
    let mut stuck: Vec<_> = (0..50).map(|_| gateway.wire()).collect();
    for wire in &mut stuck {
        wire.send("GET /bad HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    bad.receives(50);
    let begun = std::time::Instant::now();
    for _ in 0..50 {
        gateway.get("/good").has_status(200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
