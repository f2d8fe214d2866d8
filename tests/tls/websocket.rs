//! WebSocket over TLS on both sides.

use std::net::SocketAddr;

use crate::harness::{Authority, Gateway, Process, Setup, eventually, python, python_beside};

/// Everything that belongs together.
struct Wss {
    gateway: Gateway,
    origin: Process,
    ca: String,
    _folder: tempfile::TempDir,
}

impl Wss {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new(folder.path(), "ca");
        authority.issue("site", &["localhost", "127.0.0.1"]);
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (ca, cert, key) = (at("ca.pem"), at("site.pem"), at("site.key"));
        let origin = python_beside("ws_origin.py", &[&cert, &key]);
        let port = origin.line("listening ").trim_start_matches("listening ").parse().expect("a port");
        let gateway = Setup::before(SocketAddr::from(([127, 0, 0, 1], port)))
            .listener(&format!("tls: {{certificates: [{{cert: {cert}, key: {key}}}]}}"))
            .cluster(&format!("tls: {{ca: {ca}}}"))
            .route("policies: {headers: {response: {set: {X-Added: 'yes'}}}}")
            .start();
        Self { gateway, origin, ca: format!("ca={ca}"), _folder: folder }
    }

    /// A client that opens connections and waits for their end.
    fn staying(&self, count: usize) -> Process {
        let address = self.gateway.public();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let count = count.to_string();
        let client = python_beside("ws_client.py", &[&host, &port, "stay", "/echo", &count, &self.ca]);
        client.line("open");
        client
    }
}

#[test]
fn whole_conversations_go_through_both() {
    let wss = Wss::start();
    println!("{}", python("ws_client.py", wss.gateway.public(), &["talk", &wss.ca]));
    let gateway = &wss.gateway;
    gateway.metric_becomes("ringgate_upgraded_connections_open{route=\"all\"}", 0.0);
    assert!(gateway.metric("ringgate_tls_handshakes_total") > 100.0);
    assert!(gateway.metric("ringgate_endpoint_tls_handshakes_total") > 100.0);
    assert!(gateway.metric("ringgate_upgraded_bytes_total{direction=\"read\"}") > 8e6);
}

#[test]
fn the_end_of_the_gateway_is_told_to_both() {
    let mut wss = Wss::start();
    let client = wss.staying(20);
    wss.gateway.signal(libc::SIGTERM);
    client.line("closed 1001 the gateway is shutting down");
    client.line("codes [1001]");
    wss.gateway.ends_with(0);
    eventually("the origin saw every close", || {
        let said = "closed /echo 1001 the gateway is shutting down";
        wss.origin.stdout().iter().filter(|line| *line == said).count() == 20
    });
}

#[test]
fn connections_that_rest_are_told_too() {
    let mut wss = Wss::start();
    let client = wss.staying(20);
    wss.gateway.metric_becomes("ringgate_connections_parked", 20.0);
    wss.gateway.signal(libc::SIGTERM);
    client.line("codes [1001]");
    wss.gateway.ends_with(0);
}

#[test]
fn a_crowd_that_leaves_in_every_way_leaves_nothing_behind() {
    let wss = Wss::start();
    python("ws_client.py", wss.gateway.public(), &["unruly", &wss.ca]);
    for selector in [
        "ringgate_upgraded_connections_open",
        "ringgate_connections_active",
        "ringgate_connections_parked",
        "ringgate_pool_connections",
        "ringgate_buffers_leased",
    ] {
        wss.gateway.metric_becomes(selector, 0.0);
    }
}
