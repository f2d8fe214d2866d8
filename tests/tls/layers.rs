//! TLS together with what comes before it and instead of HTTP: PROXY headers, raw TCP, both on both sides.

use std::net::SocketAddr;
use std::path::Path;

use super::peer::Peer;
use super::{ONE_REQUEST, s_client};
use crate::harness::{
    Authority, FaultOrigin, Nginx, Pattern, Server, Setup, curl, eventually, free_address, tool,
};

/// A folder with an authority, `site` for localhost and `alice` for a client.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new(folder.path(), "ca");
    authority.issue("site", &["localhost", "127.0.0.1"]);
    authority.issue_client("alice", "alice", 4711);
    folder
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// A gateway whose listener ends TLS.
fn secure(folder: &Path, origin: SocketAddr, more: &str) -> Setup {
    let at = |name| path(folder, name);
    let pair = format!("{{cert: {}, key: {}}}", at("site.pem"), at("site.key"));
    Setup::before(origin).listener(&format!("tls: {{certificates: [{pair}]{more}}}"))
}

const BEHIND_PROXY: &str = "proxy_protocol: {from: [127.0.0.0/8]}";
const V1: &[u8] = b"PROXY TCP4 192.0.2.9 203.0.113.1 40000 443\r\n";
/// The same client in version 2.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\xcb\0\x71\x01\x9c\x40\x01\xbb";

/// Gives back what it gets, and finishes when the other side has.
fn mirror() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(piece) = dialogue.piece() {
            dialogue.send(piece);
        }
    })
}

#[test]
fn a_proxy_header_before_the_handshake_names_the_client() {
    let folder = folder();
    let origin = FaultOrigin::echo();
    let clients = format!(", client_certificates: {{ca: {}, mode: optional}}", path(folder.path(), "ca.pem"));
    let gateway = secure(folder.path(), origin.address(), &clients).listener(BEHIND_PROXY).start();
    for (header, piece, identity) in
        [(V1, usize::MAX, Some("alice")), (V2, usize::MAX, None), (V1, 1, None), (V2, 1, Some("alice"))]
    {
        let mut peer = Peer::connect(gateway.public(), folder.path(), identity);
        peer.send_before(header, piece);
        let answer = peer.ask(ONE_REQUEST);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let seen = origin.requests().pop().expect("the origin got it");
        assert_eq!(seen.field("x-forwarded-for"), Some("192.0.2.9"), "{header:?}");
        assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
        let certificate = seen.field("client-cert");
        assert_eq!(certificate.is_some_and(|field| field.starts_with(":MII")), identity.is_some());
    }
    for version in ["v1", "v2"] {
        let selector = format!("ringgate_proxy_protocol_connections_total{{version=\"{version}\"}}");
        gateway.metric_becomes(&selector, 2.0);
    }
}

#[test]
fn haproxy_may_speak_for_a_tls_client() {
    let folder = folder();
    let origin = FaultOrigin::echo();
    let gateway = secure(folder.path(), origin.address(), "").listener(BEHIND_PROXY).start();
    for version in ["send-proxy", "send-proxy-v2"] {
        let haproxy = Server::haproxy(&format!(
            "listen l\n  mode tcp\n  bind {{listen}}\n  server s {} {version}",
            gateway.public()
        ));
        let url = format!("https://localhost:{}/", haproxy.address().port());
        let ca = path(folder.path(), "ca.pem");
        curl(&["--ipv4", "--interface", "127.0.0.7", "--cacert", &ca, &url]);
        let seen = origin.requests().pop().expect("the origin got it");
        assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.7"), "{version}");
    }
}

#[test]
fn a_handshake_without_the_header_is_refused_where_one_is_due() {
    let folder = folder();
    let origin = FaultOrigin::echo();
    let gateway = secure(folder.path(), origin.address(), "").listener(BEHIND_PROXY).start();
    let said = s_client(gateway.public(), folder.path(), &[], ONE_REQUEST);
    assert!(!said.contains("HTTP/1.1") && !said.contains("BEGIN CERTIFICATE"), "{said}");
    assert_eq!(origin.accepted(), 0);
    eventually("it is counted", || gateway.metric("ringgate_proxy_protocol_refused_total") == 1.0);
}

/// A raw listener that ends TLS.
fn raw(folder: &Path, origin: SocketAddr, more: &str) -> Setup {
    secure(folder, origin, more).listener("tcp: {cluster: origin}")
}

#[test]
fn raw_tcp_behind_tls_keeps_bytes_and_ends() {
    let folder = folder();
    let origin = mirror();
    let gateway = raw(folder.path(), origin.address(), "").start();
    let mut peer = Peer::connect(gateway.public(), folder.path(), None);
    peer.send(b"first");
    assert_eq!(peer.take(5), b"first");
    let body = Pattern::new(11).bytes(3_000_001);
    for piece in body.chunks(60_000) {
        peer.send(piece);
        assert!(peer.take(piece.len()) == piece, "a piece differs");
    }
    peer.send(b"last");
    peer.finish_sending();
    assert_eq!(peer.rest(), b"last");
    gateway.metric_becomes("ringgate_tcp_connections_active", 0.0);
    gateway.metric_becomes("ringgate_tcp_bytes_total{direction=\"upstream\"}", 3_000_010.0);
    gateway.metric_becomes("ringgate_tcp_bytes_total{direction=\"downstream\"}", 3_000_010.0);
    gateway.metric_becomes("ringgate_buffers_leased", 0.0);
}

#[test]
fn redis_is_spoken_to_over_tls() {
    let folder = folder();
    let redis = Server::redis();
    let gateway = raw(folder.path(), redis.address(), "").start();
    let said = s_client(gateway.public(), folder.path(), &["-quiet"], "PING\r\nQUIT\r\n");
    assert!(said.contains("+PONG") && said.contains("+OK"), "{said}");
    let (port, ca) = (gateway.public().port().to_string(), path(folder.path(), "ca.pem"));
    let cli = |arguments: &[&str]| {
        tool("redis-cli", &[&["-p", &port, "--tls", "--cacert", &ca], arguments].concat())
    };
    assert_eq!(cli(&["set", "key", &"x".repeat(100_000)]).trim(), "OK");
    assert_eq!(cli(&["get", "key"]).trim().len(), 100_000);
}

#[test]
fn raw_tcp_may_ask_for_a_certificate_and_tell_who_the_client_is() {
    let folder = folder();
    let origin = FaultOrigin::start(|dialogue| {
        let header = dialogue.take(V2.len()).expect("a header");
        dialogue.send(header);
        dialogue.piece();
    });
    let clients = format!(", client_certificates: {{ca: {}}}", path(folder.path(), "ca.pem"));
    let gateway = raw(folder.path(), origin.address(), &clients)
        .listener(BEHIND_PROXY)
        .cluster("proxy_protocol: v2")
        .start();
    let mut peer = Peer::connect(gateway.public(), folder.path(), Some("alice"));
    peer.send_before(V1, usize::MAX);
    assert_eq!(peer.take(V2.len()), V2);
    let mut stranger = Peer::connect(gateway.public(), folder.path(), None);
    stranger.send_before(V1, usize::MAX);
    assert!(std::io::Read::read(&mut stranger.stream, &mut [0; 1]).is_err(), "an alert");
    gateway.metric_becomes("ringgate_tls_handshake_failures_total{reason=\"no_certificate\"}", 1.0);
    assert_eq!(origin.accepted(), 1);
}

/// An nginx that wants a PROXY header before its TLS, and tells what was in it.
fn proxied_nginx(folder: &Path) -> (Nginx, SocketAddr) {
    let address = free_address();
    let nginx = Nginx::start(&format!(
        "}} server {{ listen {address} ssl proxy_protocol; ssl_protocols TLSv1.3;\n\
         ssl_certificate {}; ssl_certificate_key {};\n\
         location / {{ return 200 \"$proxy_protocol_addr $proxy_protocol_server_port $ssl_protocol\"; }}",
        path(folder, "site.pem"),
        path(folder, "site.key"),
    ));
    (nginx, address)
}

fn to_nginx(address: SocketAddr, folder: &Path, version: &str) -> Setup {
    Setup::before(address)
        .cluster(&format!("proxy_protocol: {version}"))
        .cluster(&format!("tls: {{ca: {}}}", path(folder, "ca.pem")))
}

#[test]
fn nginx_takes_a_proxy_header_before_our_handshake() {
    let folder = folder();
    let (_nginx, address) = proxied_nginx(folder.path());
    for version in ["v1", "v2"] {
        let gateway = to_nginx(address, folder.path(), version).listener(BEHIND_PROXY).start();
        let mut wire = gateway.wire();
        wire.send(V1);
        for _ in 0..3 {
            let expected = format!("192.0.2.9 {} TLSv1.3", gateway.public().port());
            assert_eq!(wire.get("/").has_status(200).text(), expected, "{version}");
        }
        // No connection is kept, as the next client is somebody else.
        assert_eq!(gateway.metric("ringgate_endpoint_tls_handshakes_total"), 3.0, "{version}");
        assert_eq!(gateway.metric("ringgate_pool_connections{state=\"idle\"}"), 0.0);
    }
}

#[test]
fn clear_raw_tcp_is_encrypted_to_the_service() {
    let folder = folder();
    let (_nginx, address) = proxied_nginx(folder.path());
    let gateway = to_nginx(address, folder.path(), "v2").listener("tcp: {cluster: origin}").start();
    let text = gateway.get("/").has_status(200).text();
    assert_eq!(text, format!("127.0.0.1 {} TLSv1.3", gateway.public().port()));
}

#[test]
fn names_are_not_chosen_by_behind_tls() {
    let folder = folder();
    let file = folder.path().join("gateway.yaml");
    for (tls, is_fine) in [("", true), (", tls: {certificates: [{cert: site.pem, key: site.key}]}", false)] {
        let yaml = format!(
            "listeners: [{{name: public, address: \"127.0.0.1:8443\", \
             tcp: {{sni: [{{names: [a.test], cluster: origin}}]}}{tls}}}]\n\
             clusters: {{origin: {{endpoints: [\"localhost:9443\"]}}}}\n"
        );
        std::fs::write(&file, yaml).expect("the folder is ours");
        let output = crate::harness::ringgate(&["check", file.to_str().expect("UTF-8")]);
        assert_eq!(output.code == 0, is_fine, "{}", output.said());
        assert_eq!(output.said().contains("names-behind-tls"), !is_fine, "{}", output.said());
    }
}
