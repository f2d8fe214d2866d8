//! The end of a gateway: what is in flight is finished, nothing new begins, the exit code is 0.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Pair;
use crate::harness::{FaultOrigin, Setup, eventually};

fn slow(delay: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(delay);
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}

#[test]
fn an_idle_gateway_ends_at_once() {
    let pair = Pair::start();
    let begun = Instant::now();
    pair.gateway.drain();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn sigint_drains_too() {
    let mut pair = Pair::start();
    pair.gateway.signal(libc::SIGINT);
    pair.gateway.ends_with(0);
}

#[test]
fn finishes_what_is_in_flight() {
    let origin = slow(Duration::from_millis(700));
    let mut gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    gateway.signal(libc::SIGTERM);
    let response = wire.read().has_status(200);
    assert_eq!(response.text(), "ok");
    assert!(response.says_close(), "a draining gateway tells the client not to come back");
    wire.expect_close();
    gateway.ends_with(0);
}

#[test]
fn closes_idle_connections() {
    let mut pair = Pair::start();
    let mut wire = pair.gateway.wire();
    wire.get("/").has_status(200);
    pair.gateway.signal(libc::SIGTERM);
    wire.expect_close_within(Duration::from_secs(3));
    pair.gateway.ends_with(0);
}

#[test]
fn accepts_nobody_new() {
    let origin = slow(Duration::from_secs(2));
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    gateway.signal(libc::SIGTERM);
    eventually("new connections are refused", || TcpStream::connect(gateway.public()).is_err());
    wire.read().has_status(200);
}

#[test]
fn readiness_falls_while_it_drains() {
    let origin = slow(Duration::from_secs(2));
    let mut gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    gateway.signal(libc::SIGTERM);
    eventually("/readyz falls", || gateway.admin_get("/readyz").status == 503);
    gateway.admin_get("/healthz").has_status(200);
    wire.read().has_status(200);
    gateway.ends_with(0);
}

#[test]
fn does_not_wait_longer_than_its_deadline() {
    let origin = slow(Duration::from_secs(60));
    let gateway = Setup::before(origin.address()).top("limits: {drain_timeout: 500ms}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    let begun = Instant::now();
    gateway.drain();
    assert!(begun.elapsed() > Duration::from_millis(400), "it did not wait at all");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_second_signal_ends_it_now() {
    let origin = slow(Duration::from_secs(60));
    let mut gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    gateway.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(300));
    assert!(gateway.process().is_running(), "the first signal must let the exchange go on");
    gateway.signal(libc::SIGTERM);
    assert!(gateway.process().exit_within(Duration::from_secs(2)).is_some());
}
