//! What is found outlives the configuration, and so do connections.

use std::time::Duration;

use super::zone::Zone;
use super::{Traffic, fleet, uses};
use crate::harness::{FaultOrigin, eventually};
use crate::reload::Reloadable;

fn serving(cluster: &str) -> String {
    format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nclusters:\n  origin:\n{cluster}\n\
         routes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n"
    )
}

fn asking(zone: &Zone, port: u16, more: &str) -> String {
    let server = zone.address();
    serving(&format!(
        "    allow_addresses: [127.0.0.0/8]\n    discover: {{dns: {{name: orders.test, port: {port}, \
         resolvers: ['{server}'], min_refresh: 200ms}}}}\n{more}"
    ))
}

#[test]
fn a_reload_keeps_what_was_found_also_while_the_name_server_is_away() {
    let (origins, port) = fleet(2);
    let mut zone = Zone::start(&[("orders.test", "127.0.0.2")]);
    let mut running = Reloadable::start(&asking(&zone, port, ""));
    uses(&running.gateway, &[2]);
    let traffic = Traffic::start(&running.gateway);
    zone.go_away();
    let accepted = origins[0].accepted();
    for seconds in 5..10 {
        running.install(&asking(&zone, port, &format!("    timeouts: {{head: {seconds}s}}")));
        uses(&running.gateway, &[2]);
    }
    // Each of four clients at once may need one more, none is lost to a reload.
    assert!(origins[0].accepted() <= accepted.max(10), "{} after {accepted}", origins[0].accepted());
    zone.write(&[("orders.test", "127.0.0.3")]);
    zone.come_back();
    uses(&running.gateway, &[3]);
    traffic.loses_nothing();
}

#[test]
fn former_generations_follow_too() {
    let (_origins, port) = fleet(2);
    let zone = Zone::start(&[("orders.test", "127.0.0.2")]);
    let mut running = Reloadable::start(&asking(&zone, port, ""));
    uses(&running.gateway, &[2]);
    let first = asking(&zone, port, "");
    running.install(&asking(&zone, port, "    balance: random"));
    zone.write(&[("orders.test", "127.0.0.3")]);
    uses(&running.gateway, &[3]);
    // Back to the form before: as it was found meanwhile, at once.
    running.install(&first);
    assert_eq!(super::used(&running.gateway), [3]);
}

#[test]
fn a_connection_serves_one_generation_after_another() {
    let origin = FaultOrigin::ok();
    let cluster = |more: &str| serving(&format!("    endpoints: ['{}']\n{more}", origin.address()));
    let mut running = Reloadable::start(&cluster(""));
    let mut wire = running.gateway.wire();
    wire.get("/").has_status(200);
    for seconds in 5..10 {
        running.install(&cluster(&format!("    timeouts: {{head: {seconds}s}}")));
        wire.get("/").has_status(200);
    }
    assert_eq!(origin.accepted(), 1);
    // Another way of connecting: what is open is of no use, and closes.
    running.install(&cluster("    pool: {idle: 1}"));
    eventually("it is closed", || origin.closed() == 1);
    wire.get("/").has_status(200);
    assert_eq!(origin.accepted(), 2);
}

#[test]
fn a_cap_on_connections_holds_across_generations_and_can_be_changed() {
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(Duration::from_secs(3));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let cluster = |cap: u32, seconds: u32| {
        serving(&format!(
            "    endpoints: ['{}']\n    pool: {{connections: {cap}}}\n    timeouts: {{connect: 300ms, head: {seconds}s}}",
            origin.address()
        ))
    };
    let mut running = Reloadable::start(&cluster(1, 10));
    let mut busy = running.gateway.wire();
    busy.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    origin.receives(1);
    running.install(&cluster(1, 11));
    running.gateway.get("/").has_status(503);
    running.install(&cluster(2, 11));
    let mut second = running.gateway.wire();
    second.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    origin.receives(2);
    busy.read().has_status(200);
    second.read().has_status(200);
}
