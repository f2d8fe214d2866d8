//! Breakers: nothing is sent while too much of it fails, and one at a time may try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Moody, cluster, endpoint, wires};
use crate::harness::{FaultOrigin, Gateway, Setup, Wire, eventually};

#[track_caller]
fn is(gateway: &Gateway, state: &str) {
    eventually(&format!("the breaker is {state}"), || cluster(gateway)["breaker"]["state"] == state);
}

/// Asks on all connections until the gateway refuses by itself.
#[track_caller]
fn fails_until_open(gateway: &Gateway, wires: &mut [Wire]) {
    eventually("the breaker opens", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/"));
        cluster(gateway)["breaker"]["state"] == "open"
    });
    eventually("workers know", || wires.iter_mut().all(|wire| wire.get("/").status == 503));
}

#[test]
fn a_cluster_that_fails_is_left_alone_and_clients_know_at_once() {
    let origin = Moody::start();
    let breaker = "breaker: {calls: 10, open: 60s, open_max: 60s}";
    let gateway = Setup::before(origin.label()).cluster(breaker).start();
    let mut wires = wires(&gateway);
    origin.gives(500);
    fails_until_open(&gateway, &mut wires);
    let before = origin.served();
    for at in 0..50 {
        let answer = wires[at % 4].get("/").has_status(503);
        let seconds: u64 = answer.field("retry-after").expect("a time").parse().expect("seconds");
        assert!((50..=61).contains(&seconds), "{seconds}");
        assert!(answer.text().contains("circuit_open"), "{}", answer.text());
    }
    assert_eq!(origin.served(), before, "nothing was sent");
    let seen = cluster(&gateway)["breaker"].clone();
    assert!(seen["reason"].as_str().is_some_and(|reason| reason.ends_with("calls failed")), "{seen}");
    gateway.metric_becomes("ringgate_cluster_breaker_state{cluster=\"origin\",state=\"open\"}", 1.0);
    gateway.metric_becomes("ringgate_cluster_breaker_turns_total{to=\"open\"}", 1.0);
    assert!(gateway.stderr().contains("cluster `origin` has its breaker open for 60 s: "));
}

#[test]
fn it_tries_and_closes_when_the_service_is_back() {
    let origin = Moody::start();
    let breaker = "breaker: {calls: 10, open: 200ms, open_max: 1s}";
    let gateway = Setup::before(origin.label()).cluster(breaker).start();
    let mut wires = wires(&gateway);
    origin.gives(503);
    fails_until_open(&gateway, &mut wires);
    origin.gives(200);
    eventually("it closes", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/"));
        cluster(&gateway)["breaker"]["state"] == "closed"
    });
    assert_eq!(cluster(&gateway)["breaker"]["reason"], "3 tries have passed");
    eventually("workers know", || wires.iter_mut().all(|wire| wire.get("/").status == 200));
}

#[test]
fn while_one_tries_nobody_else_does() {
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = Arc::clone(&hangs);
    let origin = FaultOrigin::start(move |dialogue| {
        while dialogue.request().is_some() {
            while hanging.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !dialogue.send("HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n") {
                return;
            }
        }
    });
    let breaker = "breaker: {calls: 10, open: 100ms, open_max: 100ms}";
    let gateway = Setup::before(origin.address()).cluster(breaker).start();
    let mut wires = wires(&gateway);
    fails_until_open(&gateway, &mut wires);
    hangs.store(true, Ordering::SeqCst);
    is(&gateway, "half_open");
    // Workers know of it a tick later; who asks before that is refused, and nobody tries.
    std::thread::sleep(Duration::from_millis(100));
    let before = origin.requests().len();
    let mut asking: Vec<Wire> = (0..20).map(|_| gateway.wire()).collect();
    asking.iter_mut().for_each(|wire| wire.send("GET /try HTTP/1.1\r\nHost: t\r\n\r\n"));
    origin.receives(before + 1);
    // All others are answered while the one waits, on whichever worker they are.
    std::thread::sleep(Duration::from_millis(300));
    for wire in &mut wires {
        wire.get("/").has_status(503);
    }
    assert_eq!(origin.requests().len(), before + 1, "one at a time");
    hangs.store(false, Ordering::SeqCst);
    let statuses: Vec<u16> = asking.iter_mut().map(|wire| wire.read().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 500).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 19, "{statuses:?}");
}

#[test]
fn the_breaker_of_an_endpoint_leaves_the_others_alone() {
    let (bad, good) = (Moody::start(), Moody::start());
    let breaker = "endpoint_breaker: {calls: 5, open: 60s, open_max: 60s}";
    let gateway = Setup::before(bad.label()).endpoint(good.label()).cluster(breaker).start();
    let mut wires = wires(&gateway);
    bad.gives(500);
    eventually("it opens", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/"));
        endpoint(&gateway, &bad.label())["breaker"]["state"] == "open"
    });
    eventually("workers know", || {
        let before = bad.served();
        (0..20).for_each(|at| _ = wires[at % 4].get("/"));
        bad.served() == before
    });
    for at in 0..40 {
        wires[at % 4].get("/").has_status(200);
    }
    let of = format!("endpoint=\"{}\",state=\"open\"", bad.label());
    gateway.metric_becomes(&format!("ringgate_endpoint_breaker_state{{{of}}}"), 1.0);
    let of = format!("endpoint=\"{}\",state=\"open\"", good.label());
    assert_eq!(gateway.metric(&format!("ringgate_endpoint_breaker_state{{{of}}}")), 0.0);
}

#[test]
fn the_breaker_of_a_route_leaves_the_other_routes_alone() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let status = if request.target.starts_with("/bad") { 500 } else { 200 };
            if !dialogue.send(format!("HTTP/1.1 {status} Such\r\nContent-Length: 0\r\n\r\n")) {
                return;
            }
        }
    });
    let routes = "
  - name: bad
    match: {prefix: /bad}
    cluster: origin
    breaker: {calls: 10, open: 60s, open_max: 60s}
  - name: good
    cluster: origin
";
    let gateway = Setup::before(origin.address()).routes(routes).start();
    let mut wires = wires(&gateway);
    eventually("it opens", || wires.iter_mut().all(|wire| wire.get("/bad").status == 503));
    let before = origin.requests().len();
    let answer = wires[1].get("/bad").has_status(503);
    assert!(answer.field("retry-after").is_some(), "{}", answer.text());
    assert_eq!(origin.requests().len(), before);
    wires.iter_mut().for_each(|wire| _ = wire.get("/good").has_status(200));
    let verdicts = gateway.admin_get("/verdicts").json();
    assert_eq!(verdicts["routes"][0]["name"], "bad", "{verdicts}");
    assert_eq!(verdicts["routes"][0]["breaker"]["state"], "open", "{verdicts}");
    gateway.metric_becomes("ringgate_route_breaker_state{route=\"bad\",state=\"open\"}", 1.0);
}

#[test]
fn calls_that_take_too_long_open_it_too() {
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(Duration::from_millis(60));
            if !dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
                return;
            }
        }
    });
    let breaker = "breaker: {calls: 8, open: 60s, open_max: 60s, slow: {after: 30ms}}";
    let gateway = Setup::before(origin.address()).cluster(breaker).start();
    let mut wires = wires(&gateway);
    eventually("it opens", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/"));
        cluster(&gateway)["breaker"]["state"] == "open"
    });
    let reason = cluster(&gateway)["breaker"]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.ends_with("calls were slow")), "{reason}");
}

#[test]
fn a_try_counts_with_its_head_however_long_its_body_takes() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let origin = FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            let has_gone_on = match request.target.as_str() {
                _ if failing.load(Ordering::SeqCst) => {
                    dialogue.send("HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n")
                }
                // The body never ends.
                "/long" => {
                    dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun");
                    dialogue.closes_within(Duration::from_secs(60));
                    false
                }
                _ => dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            };
            if !has_gone_on {
                return;
            }
        }
    });
    let breaker = "breaker: {calls: 10, open: 100ms, open_max: 100ms, probes: 1}";
    let setup = Setup::before(origin.address()).cluster(breaker);
    let gateway = setup.route("breaker: {calls: 10, open: 100ms, open_max: 100ms, probes: 1}").start();
    let mut wires = wires(&gateway);
    fails_until_open(&gateway, &mut wires);
    fails.store(false, Ordering::SeqCst);
    // Tries that go on for ever are the only ones, until both breakers are closed.
    let mut long: Vec<Wire> = Vec::new();
    eventually("both close", || {
        let mut wire = gateway.wire();
        wire.send("GET /long HTTP/1.1\r\nHost: t\r\n\r\n");
        wire.read_head();
        long.push(wire);
        let verdicts = gateway.admin_get("/verdicts").json();
        verdicts["clusters"][0]["breaker"]["state"] == "closed"
            && verdicts["routes"][0]["breaker"]["state"] == "closed"
    });
    eventually("workers know", || wires.iter_mut().all(|wire| wire.get("/").status == 200));
}
