//! nginx as an origin that speaks HTTP/2: over TLS, agreed on in the handshake, and without.

use std::net::SocketAddr;
use std::path::Path;

use crate::harness::{Authority, Gateway, Nginx, Pattern, Setup, first_cpu, free_address};

const LOCATIONS: &str = "location / { return 200 \"$server_protocol $request_method $http_x_a\\n\"; }\n\
    location /files/ { }\n\
    location /gone { return 410; }\n\
    location /put { dav_methods PUT DELETE; create_full_put_path on; }";

fn nginx(folder: &Path, flags: &str) -> (Nginx, SocketAddr) {
    let address = free_address();
    let at = |name: &str| folder.join(name).display().to_string();
    let nginx = Nginx::start(&format!(
        "listen {address} {flags}; ssl_certificate {}; ssl_certificate_key {};\n\
         http2_max_concurrent_streams 8; http2_body_preread_size 64k;\n{LOCATIONS}",
        at("site.pem"),
        at("site.key"),
    ));
    (nginx, address)
}

fn folder() -> (tempfile::TempDir, Authority) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new(directory.path(), "ca");
    authority.issue("site", &["localhost", "127.0.0.1"]);
    (directory, authority)
}

fn gateway(folder: tempfile::TempDir, endpoint: SocketAddr, cluster: &str) -> Gateway {
    let yaml = format!(
        "listeners: [{{name: public, address: \"127.0.0.1:0\"}}]\nadmin: {{address: \"127.0.0.1:0\"}}\n\
         workers: {{cpus: [{}]}}\n\
         clusters: {{origin: {{endpoints: [\"localhost:{}\"], {cluster}}}}}\n\
         routes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n",
        first_cpu(),
        endpoint.port()
    );
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("the folder is ours");
    Gateway::start_file(&file, folder, &[])
}

/// What every pairing has to do, byte by byte.
fn exercise(nginx: &Nginx, gateway: &Gateway, protocol: &str) {
    let mut wire = gateway.wire();
    for _ in 0..20 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n");
        assert_eq!((answer.status, answer.text()), (200, format!("{protocol} GET 1\n")));
    }
    let body = Pattern::new(3).bytes(5_000_000);
    nginx.write("files/large", &body);
    let answer = wire.ask("GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.body == body, "{} bytes", answer.body.len());
    let tag = answer.field("etag").expect("nginx gives one").to_owned();
    wire.send("HEAD /files/large HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = wire.read_head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("5000000")));
    let same = wire.ask(format!("GET /files/large HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(wire.ask("GET /gone HTTP/1.1\r\nHost: x\r\n\r\n").status, 410);
    let part = wire.ask("GET /files/large HTTP/1.1\r\nHost: x\r\nRange: bytes=100-199\r\n\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &body[100..200]));
    wire.send(format!("PUT /put/large HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()));
    wire.send(&body);
    assert_eq!(wire.read().status, 201);
    let stored = std::fs::read(nginx.path("put/large")).expect("it was put there");
    assert!(stored == body, "{} bytes", stored.len());
    wire.send("PUT /put/chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in body[..1_000_000].chunks(40_000) {
        wire.send(format!("{:x}\r\n", piece.len()));
        wire.send(piece);
        wire.send("\r\n");
    }
    wire.send("0\r\n\r\n");
    assert_eq!(wire.read().status, 201);
    let stored = std::fs::read(nginx.path("put/chunks")).expect("it was put there");
    assert!(stored == body[..1_000_000], "{} bytes", stored.len());
    let gone = wire.ask("DELETE /put/chunks HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
}

#[test]
fn http2_is_agreed_on_with_nginx() {
    let (folder, _authority) = folder();
    let (nginx, address) = nginx(folder.path(), "ssl http2");
    let gateway = gateway(folder, address, "protocol: auto, tls: {ca: ca.pem}");
    exercise(&nginx, &gateway, "HTTP/2.0");
    assert_eq!(gateway.metric("ringgate_endpoint_tls_handshakes_total"), 1.0);
    assert_eq!(gateway.metric("ringgate_endpoint_http2_connections"), 1.0);
    gateway.drain();
}

#[test]
fn nginx_without_http2_is_spoken_to_in_http1() {
    let (folder, _authority) = folder();
    let (nginx, address) = nginx(folder.path(), "ssl");
    let gateway = gateway(folder, address, "protocol: auto, tls: {ca: ca.pem}");
    exercise(&nginx, &gateway, "HTTP/1.1");
    assert_eq!(gateway.metric("ringgate_endpoint_http2_streams_total"), 0.0);
}

#[test]
fn nginx_without_http2_is_refused_where_nothing_else_will_do() {
    let (folder, _authority) = folder();
    let (_nginx, address) = nginx(folder.path(), "ssl");
    let gateway = gateway(folder, address, "protocol: h2, tls: {ca: ca.pem}");
    gateway.get("/").has_problem(502, "upstream_tls_failed");
}

#[test]
fn nginx_is_spoken_to_in_http2_without_tls() {
    let (folder, _authority) = folder();
    let (nginx, address) = nginx(folder.path(), "http2");
    let gateway = gateway(folder, address, "protocol: h2");
    exercise(&nginx, &gateway, "HTTP/2.0");
}

#[test]
fn connections_that_nginx_ends_are_replaced_without_a_request_lost() {
    let (folder, _authority) = folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let address = free_address();
    let nginx = Nginx::start(&format!(
        "listen {address} http2; ssl_certificate {}; ssl_certificate_key {}; keepalive_requests 50;\n{LOCATIONS}",
        at("site.pem"),
        at("site.key"),
    ));
    let gateway = Setup::before(address).one_worker().cluster("protocol: h2").start();
    let mut wires: Vec<_> = (0..4).map(|_| gateway.wire()).collect();
    for _ in 0..100 {
        for wire in &mut wires {
            wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        for wire in &mut wires {
            assert_eq!(wire.read().status, 200);
        }
    }
    assert!(gateway.metric("ringgate_endpoint_http2_goaways_total") >= 7.0);
    drop(nginx);
}
