//! The gateway's end: WebSocket clients are told that it goes away, between two frames.

use std::time::{Duration, Instant};

use super::{HANDSHAKE, SWITCH, echo, origin, staying};
use crate::harness::{FaultOrigin, Setup, eventually};

#[test]
fn tells_both_sides_that_it_goes_away() {
    let (origin, address) = origin();
    let mut gateway = Setup::before(address).start();
    let client = staying(&gateway, "/echo", 50);
    let begun = Instant::now();
    gateway.signal(libc::SIGTERM);
    client.line("closed 1001 the gateway is shutting down");
    client.line("codes [1001]");
    gateway.ends_with(0);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    eventually("the origin saw every close", || {
        let said = "closed /echo 1001 the gateway is shutting down";
        origin.stdout().iter().filter(|line| *line == said).count() == 50
    });
}

#[test]
fn tells_parked_connections_too() {
    let (_origin, address) = origin();
    let mut gateway = Setup::before(address).start();
    let client = staying(&gateway, "/echo", 20);
    gateway.metric_becomes("ringgate_connections_parked", 20.0);
    gateway.signal(libc::SIGTERM);
    client.line("closed 1001 the gateway is shutting down");
    client.line("codes [1001]");
    gateway.ends_with(0);
}

#[test]
fn says_close_between_two_frames_and_nothing_after_it() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send(SWITCH);
        // Half of a frame, its rest and another frame after the drain has begun.
        dialogue.send([&b"\x82\x0ahello"[..]].concat());
        std::thread::sleep(Duration::from_secs(1));
        dialogue.send(b"world\x82\x04lost");
        // The gateway is a client here, and masks.
        let told = dialogue.take(8).expect("a Close frame");
        assert_eq!(told[0], 0x88);
        assert_eq!(told[1] & 0x80, 0x80);
        let code = [told[6] ^ told[2], told[7] ^ told[3]];
        assert_eq!(u16::from_be_bytes(code), 1001);
        dialogue.send(b"\x88\x02\x03\xe9");
        while dialogue.piece().is_some() {}
    });
    let mut gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    assert_eq!(wire.read_head().status, 101);
    assert_eq!(wire.take(7), b"\x82\x0ahello");
    gateway.signal(libc::SIGTERM);
    assert_eq!(wire.take(5), b"world");
    assert_eq!(wire.take(4), [0x88, 2 + 28, 0x03, 0xe9]);
    assert_eq!(wire.take(28), b"the gateway is shutting down");
    wire.send(b"\x88\x82\0\0\0\0\x03\xe9");
    wire.expect_close_within(Duration::from_secs(3));
    gateway.ends_with(0);
}

#[test]
fn does_not_wait_for_ever_for_an_answer() {
    for is_parked in [false, true] {
        let origin = FaultOrigin::start(|dialogue| {
            dialogue.head();
            dialogue.send(SWITCH);
            while dialogue.piece().is_some() {}
        });
        let mut gateway = Setup::before(origin.address()).start();
        let mut wire = gateway.wire();
        wire.send(HANDSHAKE);
        assert_eq!(wire.read_head().status, 101);
        if is_parked {
            gateway.metric_becomes("ringgate_connections_parked", 1.0);
        }
        let begun = Instant::now();
        gateway.signal(libc::SIGTERM);
        gateway.ends_with(0);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn other_protocols_go_on_until_the_time_is_up() {
    let origin = echo("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
    let log = "access_log: {to: stdout}\nlimits: {drain_timeout: 1500ms}";
    let mut gateway = Setup::before(origin.address()).route("upgrades: [chat]").top(log).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
    assert_eq!(wire.read_head().status, 101);
    gateway.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(700));
    wire.send("still there?");
    assert_eq!(wire.take(12), b"still there?");
    wire.expect_close_within(Duration::from_secs(3));
    gateway.ends_with(0);
    eventually("it is logged", || gateway.stdout().iter().any(|line| line.contains(r#""end":"drain""#)));
}
