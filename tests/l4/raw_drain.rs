//! The end of a gateway with TCP connections: they may end by themselves for a while, then they are reset.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Setup, eventually};

fn mirror() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(piece) = dialogue.piece() {
            dialogue.send(piece);
        }
    })
}

#[test]
fn a_connection_goes_on_while_the_gateway_drains() {
    let origin = mirror();
    let mut gateway = Setup::before(origin.address()).listener("tcp: {cluster: origin}").start();
    let mut wire = gateway.wire();
    wire.send("a");
    wire.take(1);
    gateway.signal(libc::SIGTERM);
    eventually("new connections are refused", || TcpStream::connect(gateway.public()).is_err());
    wire.send("b");
    assert_eq!(wire.take(1), b"b");
    wire.finish_sending();
    wire.expect_close();
    gateway.ends_with(0);
}

#[test]
fn what_does_not_end_is_reset_when_the_time_is_up_and_logged() {
    let origin = mirror();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let gateway = Setup::before(origin.address())
        .listener("tcp: {cluster: origin}")
        .top("limits: {drain_timeout: 700ms}")
        .top(&format!("access_log: {{to: {}}}", log.display()))
        .start();
    let mut stream = TcpStream::connect(gateway.public()).unwrap();
    gateway.metric_becomes("ringgate_tcp_connections_active", 1.0);
    origin_has_it(&origin);
    let begun = Instant::now();
    gateway.drain();
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(4), "{took:?}");
    let error = stream.read(&mut [0; 1]).expect_err("a close would look like an end that was meant");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains(r#""error":"drain_timeout""#), "{text:?}");
}

fn origin_has_it(origin: &FaultOrigin) {
    eventually("the origin has the connection", || origin.accepted() == 1);
}
