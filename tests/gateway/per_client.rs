//! Caps on each client of a listener: one number for all workers.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Gateway, Setup, Wire};

const GET: &str = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const REFUSED: &str = "ringgate_per_client_refused_total";

/// A connection with an exchange behind it, or none if it was closed instead.
fn connection(gateway: &Gateway, first: &str) -> Option<Wire> {
    let mut wire = Wire::over(TcpStream::connect(gateway.public()).ok()?);
    wire.try_send([first, GET].concat()).then_some(())?;
    // What was refused has been reset; asking for an answer would fail the test.
    let mut byte = [0];
    wire.stream().peek(&mut byte).ok().filter(|count| *count > 0)?;
    wire.read().has_status(200);
    Some(wire)
}

#[test]
fn a_client_has_as_many_connections_as_it_may_on_all_workers_together() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).listener("per_client: {connections: 5}").start();
    let mut held: Vec<_> = (0..20).filter_map(|_| connection(&gateway, "")).collect();
    assert_eq!(held.len(), 5);
    gateway.metric_becomes(&format!("{REFUSED}{{reason=\"connections\"}}"), 15.0);
    held.truncate(3);
    // The gateway has to see that they have gone.
    let by = Instant::now() + Duration::from_secs(20);
    while held.len() < 5 {
        assert!(Instant::now() < by, "what has gone counts still");
        held.extend(connection(&gateway, ""));
    }
    assert!(connection(&gateway, "").is_none());
}

#[test]
fn a_client_opens_connections_as_fast_as_it_may() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).listener("per_client: {new_connections: 4/h}").start();
    let taken = (0..20).filter_map(|_| connection(&gateway, "")).count();
    assert_eq!(taken, 4);
    gateway.metric_becomes(&format!("{REFUSED}{{reason=\"new_connections\"}}"), 16.0);
}

#[test]
fn a_load_balancer_s_clients_are_counted_and_it_is_not() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .listener("per_client: {connections: 2}")
        .listener("proxy_protocol: {from: [127.0.0.1]}")
        .start();
    let of = |client: &str| format!("PROXY TCP4 {client} 192.0.2.200 1 2\r\n");
    let held: Vec<_> = (0..4).filter_map(|_| connection(&gateway, &of("192.0.2.1"))).collect();
    let other: Vec<_> = (0..4).filter_map(|_| connection(&gateway, &of("192.0.2.2"))).collect();
    assert_eq!((held.len(), other.len()), (2, 2));
    gateway.metric_becomes(&format!("{REFUSED}{{reason=\"connections\"}}"), 4.0);
}

#[test]
fn trusted_proxies_and_exempt_addresses_are_not_counted() {
    for setup in [
        Setup::default().top("trusted_proxies: [127.0.0.1]").listener("per_client: {connections: 1}"),
        Setup::default().listener("per_client: {connections: 1, exempt: [127.0.0.0/8]}"),
    ] {
        let origin = FaultOrigin::echo();
        let gateway = setup.endpoint(origin.address()).start();
        let held: Vec<_> = (0..4).filter_map(|_| connection(&gateway, "")).collect();
        assert_eq!(held.len(), 4);
    }
}

#[test]
fn connections_count_on_when_the_configuration_changes() {
    let origin = FaultOrigin::echo();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gateway.yaml");
    let write = |cap: u32| {
        let setup = Setup::before(origin.address()).listener(&format!("per_client: {{connections: {cap}}}"));
        std::fs::write(&config, setup.yaml()).unwrap();
    };
    write(3);
    let gateway = Gateway::start_file(&config, directory, &[]);
    let held: Vec<_> = (0..3).filter_map(|_| connection(&gateway, "")).collect();
    assert_eq!(held.len(), 3);
    write(4);
    gateway.metric_becomes("ringgate_generation", 2.0);
    assert_eq!(
        (0..3)
            .filter_map(|_| connection(&gateway, ""))
            .map(|wire| (wire, held.len()))
            .collect::<Vec<_>>()
            .len(),
        1
    );
}
