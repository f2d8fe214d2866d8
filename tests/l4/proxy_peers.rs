//! PROXY headers to and from those who invented and spread them.

use super::behind_proxy;
use crate::harness::{FaultOrigin, Nginx, Server, Setup, Wire};

#[track_caller]
fn through(server: &Server) {
    let mut wire = Wire::connect(server.address());
    wire.get("/").has_status(200);
}

#[test]
fn haproxy_sends_both_versions() {
    for version in
        ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"]
    {
        let origin = FaultOrigin::echo();
        let gateway = behind_proxy(origin.address()).start();
        let haproxy = Server::haproxy(&format!(
            "listen l\n  mode http\n  unique-id-format %[rand]\n  bind {{listen}}\n  source 127.0.0.9\n  server s {} {version}",
            gateway.public()
        ));
        through(&haproxy);
        assert_eq!(origin.only_request().field("x-forwarded-for"), Some("127.0.0.1"), "{version}");
        let label = if version == "send-proxy" { "v1" } else { "v2" };
        gateway.metric_becomes(
            &format!("ringgate_proxy_protocol_connections_total{{version=\"{label}\"}}"),
            1.0,
        );
    }
}

#[test]
fn haproxy_checks_health_with_local() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    let _haproxy = Server::haproxy(&format!(
        "listen l\n  mode http\n  bind {{listen}}\n  option httpchk GET /\n  server s {} send-proxy-v2 check-send-proxy check inter 100ms",
        gateway.public()
    ));
    origin.receives(2);
    assert_eq!(gateway.metric("ringgate_proxy_protocol_refused_total"), 0.0);
}

#[test]
fn nginx_sends_its_header_before_a_stream() {
    let origin = FaultOrigin::echo();
    let gateway = behind_proxy(origin.address()).start();
    let nginx = Server::nginx_stream(&format!(
        "proxy_protocol on; proxy_bind 127.0.0.9; proxy_pass {};",
        gateway.public()
    ));
    through(&nginx);
    assert_eq!(origin.only_request().field("x-forwarded-for"), Some("127.0.0.1"));
    // Whoever asked whether nginx listens went through too.
    assert!(gateway.metric("ringgate_proxy_protocol_connections_total{version=\"v1\"}") >= 1.0);
}

#[test]
fn haproxy_and_nginx_take_ours() {
    let haproxy = Server::haproxy(
        "frontend f\n  mode http\n  bind {listen} accept-proxy\n  http-request return status 200 content-type text/plain lf-string %[src]:%[dst_port]",
    );
    for version in ["v1", "v2"] {
        let nginx_address = crate::harness::free_address();
        let _nginx = Nginx::start(&format!(
            "}} server {{ listen {nginx_address} proxy_protocol; location / {{ return 200 $proxy_protocol_addr:$proxy_protocol_server_port; }}"
        ));
        for origin in [haproxy.address(), nginx_address] {
            let gateway = behind_proxy(origin).cluster(&format!("proxy_protocol: {version}")).start();
            let mut wire = gateway.wire();
            wire.send(super::v1("192.0.2.44"));
            let text = wire.get("/").has_status(200).text();
            assert_eq!(text, format!("192.0.2.44:{}", gateway.public().port()), "{version}");
            let raw = Setup::before(origin)
                .listener("tcp: {cluster: origin}")
                .cluster(&format!("proxy_protocol: {version}"))
                .start();
            let text = raw.get("/").has_status(200).text();
            assert_eq!(text, format!("127.0.0.1:{}", raw.public().port()), "{version}");
        }
    }
}
