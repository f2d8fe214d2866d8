//! Streams that outlive the generation they began on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Reloadable, forwarding};
use crate::harness::{FaultOrigin, Wire, eventually};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// An origin whose answer goes on until it is let go.
fn endless(go: &Arc<AtomicBool>) -> FaultOrigin {
    let go = go.clone();
    FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target != "/stream" {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while !go.load(Ordering::Relaxed) {
                if !dialogue.send("4\r\ntick\r\n") {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            dialogue.send("0\r\n\r\n");
        }
    })
}

#[test]
fn a_stream_keeps_its_generation_and_is_shown() {
    let go = Arc::new(AtomicBool::new(false));
    let origin = endless(&go);
    let mut running = Reloadable::start(&forwarding(origin.address(), "old"));
    let mut wire = running.gateway.wire();
    wire.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n");
    running.gateway.metric_becomes("ringgate_exchanges_active", 1.0);
    running.install(&forwarding(origin.address(), "new"));
    running.gateway.metric_becomes("ringgate_generations_former_exchanges", 1.0);
    let mut other = running.gateway.wire();
    other.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(other.read().field("x-note"), Some("new"));
    go.store(true, Ordering::Relaxed);
    let answer = wire.read();
    assert_eq!(answer.field("x-note"), Some("old"));
    assert!(answer.text().replace("tick", "").is_empty(), "whole to its end");
    running.gateway.metric_becomes("ringgate_generations_former", 0.0);
    // The connection itself is on the new one.
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read().field("x-note"), Some("new"));
}

#[test]
fn generations_that_nothing_runs_on_are_let_go() {
    let origin = FaultOrigin::ok();
    let mut running = Reloadable::start(&forwarding(origin.address(), "n0"));
    for round in 1..8 {
        running.install(&forwarding(origin.address(), &format!("n{round}")));
        running.gateway.get("/").has_status(200);
    }
    eventually("a few are kept", || running.gateway.metric("ringgate_generations_kept") <= 2.0);
}

/// Two hundred reloads in a minute, under load: nothing fails, nothing grows.
#[test]
fn two_hundred_reloads_under_load_lose_nothing() {
    let go = Arc::new(AtomicBool::new(false));
    let origin = endless(&go);
    let mut running = Reloadable::start(&forwarding(origin.address(), "n0"));
    let stop = AtomicBool::new(false);
    let address = running.gateway.public();
    let (mut before, mut after) = (0, 0);
    let began = Instant::now();
    let served = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| ask_until(&stop, address))).collect();
        let mut streams = Vec::new();
        for round in 1..=200 {
            running.install(&forwarding(origin.address(), &format!("n{round}")));
            if round == 20 {
                before = running.gateway.resident_bytes();
            }
            if round % 50 == 0 {
                let mut wire = Wire::connect(address);
                wire.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n");
                assert_eq!(wire.read_head().status, 200);
                streams.push(wire);
            }
        }
        after = running.gateway.resident_bytes();
        running.gateway.metric_becomes("ringgate_generations_former_exchanges", 3.0);
        go.store(true, Ordering::Relaxed);
        for mut stream in streams {
            let mut tail = Vec::new();
            while !tail.ends_with(b"0\r\n\r\n") {
                tail.extend(stream.body_piece());
            }
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("no request failed")).sum::<u64>()
    });
    println!("{served} requests, {before} -> {after} bytes, {:?}", began.elapsed());
    assert!(served > 1000, "{served}");
    assert!(after < before + 8 * 1024 * 1024, "{before} -> {after} bytes");
    running.gateway.metric_becomes("ringgate_generations_former", 0.0);
    assert_eq!(running.gateway.metric("ringgate_errors_total"), 0.0);
}

fn ask_until(stop: &AtomicBool, address: std::net::SocketAddr) -> u64 {
    let mut wire = Wire::connect(address);
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        wire.send(GET);
        wire.read().has_status(200);
        served += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    served
}

#[test]
fn what_runs_on_a_former_generation_for_too_long_is_ended() {
    let go = Arc::new(AtomicBool::new(false));
    let origin = endless(&go);
    let limited = |note: &str| {
        format!("{}changes: {{rollout: off, old_generations: 1s}}\n", forwarding(origin.address(), note))
    };
    let mut running = Reloadable::start(&limited("old"));
    let mut wire = running.gateway.wire();
    wire.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    running.install(&limited("new"));
    let began = Instant::now();
    while wire.stream().peek(&mut [0; 16]).is_ok_and(|count| count > 0) {
        wire.body_piece();
        assert!(began.elapsed() < Duration::from_secs(12), "it goes on and on");
    }
    running.gateway.metric_becomes("ringgate_errors_total{code=\"generation_expired\"}", 1.0);
    running.gateway.metric_becomes("ringgate_generations_former", 0.0);
    running.gateway.get("/").has_status(200);
}
