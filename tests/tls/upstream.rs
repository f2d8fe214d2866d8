//! Endpoints that speak TLS: a real nginx, and origins that end badly.

use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::harness::{Authority, FaultOrigin, Gateway, Nginx, Pattern, first_cpu, free_address};

/// A folder with an authority, and certificates for localhost and for another name.
fn folder() -> (tempfile::TempDir, Authority) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new(directory.path(), "ca");
    authority.issue("site", &["localhost", "127.0.0.1"]);
    authority.issue("other", &["other.test"]);
    authority.issue_expired("old", &["localhost", "127.0.0.1"]);
    authority.issue_client("gateway", "gateway", 7);
    (directory, authority)
}

fn nginx(folder: &Path, pair: &str, more: &str) -> (Nginx, SocketAddr) {
    let address = free_address();
    let protocols = if more.contains("ssl_protocols") { "" } else { "ssl_protocols TLSv1.2 TLSv1.3;" };
    let at = |name: &str| folder.join(name).display().to_string();
    let nginx = Nginx::start(&format!(
        "listen {address} ssl; ssl_certificate {}; ssl_certificate_key {}; {protocols} {more}\n\
         location / {{ return 200 \"$ssl_protocol $ssl_server_name $ssl_session_reused $ssl_client_s_dn\\n\"; }}\n\
         location /files/ {{ }}\n\
         location /put {{ dav_methods PUT; create_full_put_path on; }}",
        at(&format!("{pair}.pem")),
        at(&format!("{pair}.key")),
    ));
    (nginx, address)
}

/// A gateway of one worker that speaks TLS with `endpoint`.
fn gateway(folder: tempfile::TempDir, endpoint: impl Display, tls: &str) -> Gateway {
    let yaml = format!(
        "listeners: [{{name: public, address: \"127.0.0.1:0\"}}]\nadmin: {{address: \"127.0.0.1:0\"}}\n\
         workers: {{cpus: [{}]}}\n\
         clusters: {{origin: {{endpoints: [\"{endpoint}\"], tls: {{{tls}}}, timeouts: {{connect: 2s}}}}}}\n\
         routes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n",
        first_cpu()
    );
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("the folder is ours");
    Gateway::start_file(&file, folder, &[])
}

#[test]
fn nginx_is_spoken_to_and_connections_are_kept() {
    let (folder, _authority) = folder();
    let (nginx, address) = nginx(folder.path(), "site", "");
    let gateway = gateway(folder, format!("localhost:{}", address.port()), "ca: ca.pem");
    let mut wire = gateway.wire();
    for _ in 0..20 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((answer.status, answer.text().as_str()), (200, "TLSv1.3 localhost . \n"));
    }
    assert_eq!(gateway.metric("ringgate_endpoint_tls_handshakes_total"), 1.0);
    let body = Pattern::new(3).bytes(5_000_000);
    nginx.write("files/large", &body);
    let answer = wire.ask("GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.body == body, "{} bytes", answer.body.len());
    wire.send(format!("PUT /put/large HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()));
    wire.send(&body);
    assert_eq!(wire.read().status, 201);
    let stored = std::fs::read(nginx.path("put/large")).expect("it was put there");
    assert!(stored == body, "{} bytes", stored.len());
}

#[test]
fn sessions_go_on_and_the_gateway_shows_its_certificate() {
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let (folder, _authority) = folder();
        let ca = folder.path().join("ca.pem").display().to_string();
        let rules = format!(
            "ssl_protocols {protocol}; ssl_session_cache shared:s:1m; keepalive_timeout 0;\
             ssl_verify_client on; ssl_client_certificate {ca};"
        );
        let (_nginx, address) = nginx(folder.path(), "site", &rules);
        let tls = "ca: ca.pem, certificate: {cert: gateway.pem, key: gateway.key}";
        let gateway = gateway(folder, address, tls);
        assert_eq!(gateway.get("/").text(), format!("{protocol}  . CN=gateway\n"));
        assert_eq!(gateway.get("/").text(), format!("{protocol}  r CN=gateway\n"));
        gateway.metric_becomes("ringgate_endpoint_tls_resumed_total", 1.0);
    }
}

#[test]
fn who_cannot_prove_to_be_the_service_gets_nothing() {
    for (pair, tls, code) in [
        ("other", "ca: ca.pem", "upstream_certificate_name"),
        ("old", "ca: ca.pem", "upstream_certificate_invalid"),
        // The system's authorities do not know the test's.
        ("site", "", "upstream_certificate_invalid"),
    ] {
        let (folder, _authority) = folder();
        let (_nginx, address) = nginx(folder.path(), pair, "");
        let gateway = gateway(folder, address, tls);
        let answer = gateway.get("/");
        assert_eq!(answer.status, 502, "{pair}");
        assert!(answer.text().contains(&format!("\"code\":\"{code}\"")), "{pair}: {}", answer.text());
        assert_eq!(gateway.metric("ringgate_endpoint_tls_failures_total"), 1.0);
    }
}

#[test]
fn another_name_can_be_asked_for_and_verification_switched_off() {
    for (pair, tls, wanted) in [
        ("other", "ca: ca.pem, name: other.test", "TLSv1.3 other.test . \n"),
        ("old", "verify: false", "TLSv1.3  . \n"),
    ] {
        let (folder, _authority) = folder();
        let (_nginx, address) = nginx(folder.path(), pair, "");
        let gateway = gateway(folder, address, tls);
        assert_eq!(gateway.get("/").text(), wanted);
    }
}

#[test]
fn an_endpoint_without_tls_is_told_apart() {
    let (folder, _authority) = folder();
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        // Its other end goes first.
        dialogue.closes_within(crate::harness::PATIENCE);
    });
    let gateway = gateway(folder, origin.address(), "ca: ca.pem");
    let answer = gateway.get("/");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("upstream_tls_failed"), "{}", answer.text());
}

#[test]
fn an_answer_that_ends_without_a_goodbye_is_not_whole() {
    for is_clean in [true, false] {
        let (folder, _authority) = folder();
        let address = until_close(folder.path(), is_clean);
        let gateway = gateway(folder, address, "ca: ca.pem");
        let mut wire = gateway.wire();
        wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut all = Vec::new();
        let outcome = wire.stream().read_to_end(&mut all);
        let text = String::from_utf8_lossy(&all);
        if is_clean {
            outcome.expect("a clean end");
            assert!(text.contains("half of it") && text.ends_with("0\r\n\r\n"), "{text}");
        } else {
            assert!(!text.ends_with("0\r\n\r\n"), "{text}");
            gateway.metric_becomes("ringgate_errors_total{code=\"upstream_truncated_body\"}", 1.0);
        }
    }
}

/// An origin whose answer ends with its connection, with or without a close_notify.
fn until_close(folder: &Path, is_clean: bool) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(folder.join("site.pem")).expect("PEM")];
    let key = PrivateKeyDer::from_pem_file(folder.join("site.key")).expect("PEM");
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let config = std::sync::Arc::new(config);
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().expect("one connection");
        let server = rustls::ServerConnection::new(config).expect("a server");
        let mut stream = rustls::StreamOwned::new(server, socket);
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it").expect("it reads");
        stream.flush().expect("it reads");
        if is_clean {
            stream.conn.send_close_notify();
            stream.flush().expect("it reads");
        }
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        std::thread::sleep(std::time::Duration::from_millis(300));
    });
    address
}
