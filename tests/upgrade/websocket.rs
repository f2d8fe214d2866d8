//! Whole conversations of real WebSocket peers.

use super::{origin, staying};
use crate::harness::{Setup, eventually, python};

#[test]
fn websockets_talk_through_the_gateway() {
    let (origin, address) = origin();
    let gateway =
        Setup::before(address).route("policies: {headers: {response: {set: {X-Added: 'yes'}}}}").start();
    let said = python("ws_client.py", gateway.public(), &["talk"]);
    println!("{said}");
    gateway.metric_becomes("ringgate_upgraded_connections_open{route=\"all\"}", 0.0);
    for code in ["/echo/code 3000", "/close/4321 4321"] {
        eventually(&format!("the origin saw {code}"), || {
            origin.stdout().iter().any(|line| line.starts_with(&format!("closed {code}")))
        });
    }
    assert!(gateway.metric("ringgate_upgraded_connections_total{route=\"all\"}") > 100.0);
    assert!(gateway.metric("ringgate_upgraded_ends_total{reason=\"client\"}") > 100.0);
    assert_eq!(gateway.metric("ringgate_upgraded_ends_total{reason=\"upstream\"}"), 5.0);
    assert_eq!(gateway.metric("ringgate_upgraded_ends_total{reason=\"upstream_gone\"}"), 2.0);
    assert!(gateway.metric("ringgate_upgraded_bytes_total{direction=\"read\"}") > 8e6);
    assert!(gateway.metric("ringgate_upgraded_bytes_total{direction=\"written\"}") > 8e6);
    assert!(gateway.metric("ringgate_requests_total{status_class=\"1xx\"}") > 100.0);
}

#[test]
fn nothing_is_left_of_a_crowd_that_leaves_in_every_way() {
    let (_origin, address) = origin();
    let gateway = Setup::before(address).start();
    gateway.admin_get("/metrics");
    let before = gateway.descriptors().len();
    python("ws_client.py", gateway.public(), &["unruly"]);
    gateway.metric_becomes("ringgate_upgraded_connections_open", 0.0);
    gateway.metric_becomes("ringgate_worker_upgraded_connections", 0.0);
    gateway.metric_becomes("ringgate_connections_active", 0.0);
    gateway.metric_becomes("ringgate_connections_parked", 0.0);
    gateway.metric_becomes("ringgate_pool_connections", 0.0);
    gateway.metric_becomes("ringgate_buffers_leased", 0.0);
    gateway.descriptors_fall_to(before);
    assert_eq!(gateway.metric("ringgate_upgraded_connections_total"), 300.0);
    assert_eq!(gateway.metric("ringgate_upgraded_ends_total"), 300.0);
    println!("{}", ends(&gateway.admin_get("/metrics").text()));
}

fn ends(page: &str) -> String {
    page.lines()
        .filter(|line| line.starts_with("ringgate_upgraded_ends_total{"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_origin_hears_of_a_client_that_vanishes() {
    let (origin, address) = origin();
    let gateway = Setup::before(address).start();
    python("ws_client.py", gateway.public(), &["vanish"]);
    origin.line("closed /echo/left 1006");
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"client_gone\"}", 1.0);
    gateway.metric_becomes("ringgate_pool_connections{state=\"active\"}", 0.0);
}

#[test]
fn clients_hear_of_an_origin_that_is_killed() {
    let (origin, address) = origin();
    let gateway = Setup::before(address).start();
    let client = staying(&gateway, "/echo", 20);
    origin.signal(libc::SIGKILL);
    client.line("closed abnormally");
    client.line("codes [1006]");
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"upstream_gone\"}", 20.0);
}
