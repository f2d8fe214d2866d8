//! A zone that changes, a name server that goes away, and what a name must not lead to.

use std::time::Duration;

use super::zone::Zone;
use super::{Traffic, discovering, fleet, uses};
use crate::harness::{FaultOrigin, Gateway, Setup, eventually};

const FIRST: (&str, &str) = ("orders.test", "127.0.0.2");
const SECOND: (&str, &str) = ("orders.test", "127.0.0.3");
const THIRD: (&str, &str) = ("orders.test", "127.0.0.4");
const FOURTH: (&str, &str) = ("orders.test", "127.0.0.5");

fn asking(zone: &Zone, port: u16) -> Setup {
    let server = zone.address();
    discovering(&format!(
        "{{dns: {{name: orders.test, port: {port}, resolvers: ['{server}'], min_refresh: 200ms}}}}"
    ))
}

fn age(gateway: &Gateway) -> f64 {
    gateway.metric("ringgate_discovery_age_seconds")
}

#[test]
fn endpoints_come_and_go_with_the_zone_and_no_request_is_lost() {
    let (origins, port) = fleet(3);
    let zone = Zone::start(&[FIRST, SECOND]);
    let gateway = asking(&zone, port).cluster("membership: {damp: 0s}").start();
    uses(&gateway, &[2, 3]);
    let traffic = Traffic::start(&gateway);
    for _ in 0..2 {
        zone.write(&[FIRST, SECOND, THIRD]);
        uses(&gateway, &[2, 3, 4]);
        zone.write(&[SECOND, THIRD]);
        uses(&gateway, &[3, 4]);
        zone.write(&[FIRST, SECOND]);
        uses(&gateway, &[2, 3]);
    }
    zone.write(&[THIRD]);
    uses(&gateway, &[4]);
    let before = origins[0].requests().len() + origins[1].requests().len();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(origins[0].requests().len() + origins[1].requests().len(), before, "they are gone");
    assert!(traffic.loses_nothing() > 200);
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"active\"}", 1.0);
    assert!(gateway.metric("ringgate_discovery_updates_total") >= 7.0);
}

#[test]
fn what_stays_keeps_its_connections() {
    let (origins, port) = fleet(2);
    let zone = Zone::start(&[FIRST]);
    let gateway = asking(&zone, port).one_worker().cluster("membership: {damp: 1s}").start();
    uses(&gateway, &[2]);
    for turn in 0..3 {
        zone.write(&[FIRST, SECOND]);
        if turn == 2 {
            // It comes and goes, and has to stay before it is used.
            gateway.metric_becomes("ringgate_cluster_endpoints{state=\"damped\"}", 1.0);
        }
        uses(&gateway, &[2, 3]);
        zone.write(&[FIRST]);
        uses(&gateway, &[2]);
    }
    assert_eq!(origins[0].accepted(), 1);
    // The idle connection of what has gone is closed.
    eventually("its connection is closed", || origins[1].closed() == origins[1].accepted());
}

#[test]
fn services_have_ports_and_weights() {
    let (origins, port) = fleet(2);
    let other = FaultOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n9");
    let mut zone = Zone::start(&[("a.test", "127.0.0.2"), ("b.test", "127.0.0.3"), ("c.test", "127.0.0.1")]);
    let name = "_http._tcp.orders.test";
    let last = other.address().port();
    zone.serve(&[(name, "a.test", port, 1, 30), (name, "b.test", port, 1, 10), (name, "c.test", last, 2, 0)]);
    let server = zone.address();
    let form = format!("{{dns: {{name: {name}, type: srv, resolvers: ['{server}'], min_refresh: 200ms}}}}");
    let gateway = discovering(&form).cluster("membership: {hold_back: 100%}").one_worker().start();
    uses(&gateway, &[2, 3]);
    let before = origins.iter().map(|origin| origin.requests().len()).collect::<Vec<_>>();
    let mut wire = gateway.wire();
    for _ in 0..40 {
        wire.get("/").has_status(200);
    }
    let counts: Vec<usize> =
        origins.iter().zip(before).map(|(it, before)| it.requests().len() - before).collect();
    assert_eq!(counts, [30, 10]);
    gateway.metric_becomes(&format!("ringgate_endpoint_connects_total{{endpoint=\"a.test:{port}\"}}"), 1.0);
    // A higher number is for when those of the lower one are gone.
    gateway.metric_becomes("ringgate_cluster_tier_share{tier=\"1\"}", 0.0);
    zone.serve(&[(name, "c.test", last, 2, 0)]);
    uses(&gateway, &[9]);
}

#[test]
fn a_name_server_that_is_away_changes_nothing_and_its_age_shows() {
    let (_origins, port) = fleet(2);
    let mut zone = Zone::start(&[FIRST, SECOND]);
    let gateway = asking(&zone, port).start();
    uses(&gateway, &[2, 3]);
    let traffic = Traffic::start(&gateway);
    zone.go_away();
    eventually("it is missed", || gateway.metric("ringgate_discovery_failures_total") >= 1.0);
    eventually("its age grows", || age(&gateway) > 2.0);
    uses(&gateway, &[2, 3]);
    assert!(gateway.stderr().contains("what was known stays in use"), "{}", gateway.stderr());
    zone.write(&[FIRST]);
    zone.come_back();
    uses(&gateway, &[2]);
    eventually("it is young again", || age(&gateway) < 2.0);
    assert!(gateway.stderr().contains("dns orders.test answers again"), "{}", gateway.stderr());
    traffic.loses_nothing();
}

#[test]
fn a_loss_of_most_endpoints_is_held_back_until_it_has_stood() {
    let (_origins, port) = fleet(4);
    let zone = Zone::start(&[FIRST, SECOND, THIRD, FOURTH]);
    let gateway = asking(&zone, port).cluster("membership: {hold_time: 2s}").start();
    uses(&gateway, &[2, 3, 4, 5]);
    let traffic = Traffic::start(&gateway);
    zone.write(&[FIRST]);
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"leaving\"}", 3.0);
    uses(&gateway, &[2, 3, 4, 5]);
    assert!(gateway.stderr().contains("held back for 2s"), "{}", gateway.stderr());
    uses(&gateway, &[2]);
    assert_eq!(gateway.metric("ringgate_discovery_held_back_total"), 1.0);
    // A name that is gone altogether is no different.
    zone.write(&[]);
    gateway.metric_becomes("ringgate_discovery_held_back_total", 2.0);
    uses(&gateway, &[2]);
    zone.write(&[FIRST]);
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"leaving\"}", 0.0);
    traffic.loses_nothing();
}

#[test]
fn a_cluster_may_begin_without_endpoints() {
    let (_origins, port) = fleet(1);
    let zone = Zone::start(&[]);
    let gateway = asking(&zone, port).start();
    let said = gateway.get("/").has_status(503).text();
    assert!(said.contains("no_endpoint"), "{said}");
    zone.write(&[FIRST]);
    eventually("there is one", || gateway.get("/").status == 200);
}

#[test]
fn what_is_written_is_used_until_there_is_an_answer() {
    let (origins, port) = fleet(2);
    let mut zone = Zone::start(&[SECOND]);
    zone.go_away();
    let gateway = asking(&zone, port).endpoint(origins[0].address()).start();
    uses(&gateway, &[2]);
    zone.come_back();
    uses(&gateway, &[3]);
}

#[test]
fn the_next_name_server_is_asked_where_one_does_not_answer() {
    let (_origins, port) = fleet(1);
    let zone = Zone::start(&[FIRST]);
    let nobody = crate::harness::free_address();
    let form = format!(
        "{{dns: {{name: orders.test, port: {port}, resolvers: ['{nobody}', '{}'], timeout: 300ms}}}}",
        zone.address()
    );
    let gateway = discovering(&form).start();
    eventually("it is found", || gateway.get("/").status == 200);
}

#[test]
fn a_name_does_not_lead_to_this_host() {
    let (origins, port) = fleet(1);
    let zone = Zone::start(&[FIRST, ("orders.test", "169.254.169.254")]);
    let form = format!("{{dns: {{name: orders.test, port: {port}, resolvers: ['{}']}}}}", zone.address());
    let gateway = Setup::default().cluster(&format!("discover: {form}")).start();
    gateway.metric_becomes("ringgate_discovery_refused_addresses_total", 2.0);
    gateway.get("/").has_status(503);
    let said = gateway.stderr();
    assert!(said.contains("127.0.0.2 is loopback"), "{said}");
    assert!(said.contains("169.254.169.254 is a metadata service"), "{said}");
    assert_eq!(origins[0].accepted(), 0);
}

#[test]
fn raw_tcp_goes_to_what_is_found() {
    let (_origins, port) = fleet(2);
    let zone = Zone::start(&[FIRST]);
    let gateway = asking(&zone, port).listener("tcp: {cluster: origin}").start();
    let ask = || {
        let mut wire = gateway.wire();
        wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        wire.read().text()
    };
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"active\"}", 1.0);
    eventually("it is taken up", || ask() == "2");
    zone.write(&[SECOND]);
    eventually("the other is taken up", || ask() == "3");
}
