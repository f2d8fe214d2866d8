//! Connections in which nothing moves.

use std::time::Duration;

use super::{HANDSHAKE, SWITCH, echo, origin, staying};
use crate::harness::Setup;

#[test]
fn an_idle_websocket_is_told_and_closed() {
    let (origin, address) = origin();
    let gateway = Setup::before(address).top("limits: {tunnel_idle_timeout: 1500ms}").start();
    let client = staying(&gateway, "/echo", 3);
    client.line("closed 1001 idle for too long");
    client.line("codes [1001]");
    origin.line("closed /echo 1001 idle for too long");
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"idle\"}", 3.0);
}

#[test]
fn pings_and_pongs_keep_it_open() {
    let origin = echo(SWITCH);
    let gateway = Setup::before(origin.address()).top("limits: {tunnel_idle_timeout: 1s}").start();
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    assert_eq!(wire.read_head().status, 101);
    for _ in 0..8 {
        wire.send(b"\x89\x80\0\0\0\0");
        assert_eq!(wire.take(6), b"\x89\x80\0\0\0\0");
        std::thread::sleep(Duration::from_millis(400));
    }
}

#[test]
fn the_total_timeout_of_the_cluster_ends_with_the_switch() {
    let origin = echo(SWITCH);
    let gateway =
        Setup::before(origin.address()).cluster("timeouts: {total: 500ms, idle: 300ms, head: 300ms}").start();
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    assert_eq!(wire.read_head().status, 101);
    std::thread::sleep(Duration::from_millis(1_500));
    wire.send(b"\x82\x01x");
    assert_eq!(wire.take(3), b"\x82\x01x");
}

#[test]
fn another_protocol_is_just_closed() {
    let origin = echo("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
    let gateway = Setup::before(origin.address())
        .route("upgrades: [chat]")
        .top("limits: {tunnel_idle_timeout: 700ms}")
        .start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
    assert_eq!(wire.read_head().status, 101);
    wire.expect_close_within(Duration::from_secs(3));
    origin.loses(1);
}
