//! Clients that speak TLS are served as others are.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{ONE_REQUEST, Secure, body_echo};
use crate::harness::{FaultOrigin, Pattern, python};

#[test]
fn curl_is_served_and_the_origin_learns_of_https() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let answer = secure.curl(&["--include", &secure.url("/hello")]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let request = &origin.requests()[0];
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    secure.gateway.metric_becomes("ringgate_tls_handshakes_total{version=\"1.3\",resumed=\"false\"}", 1.0);
}

#[test]
fn redirects_and_the_log_know_the_scheme() {
    let origin = FaultOrigin::echo();
    let log = tempfile::NamedTempFile::new().expect("a file");
    let top = format!("access_log: {{to: {}}}", log.path().display());
    let secure = Secure::prepared(origin.address(), "", &top, |_| {});
    secure.curl(&[&secure.url("/")]);
    crate::harness::eventually("the line is written", || {
        std::fs::read_to_string(log.path()).is_ok_and(|text| text.contains("\"tls\":\"TLSv1.3\""))
    });
}

#[test]
fn both_versions_are_spoken_and_the_oldest_can_be_chosen() {
    let origin = FaultOrigin::echo();
    let both = Secure::before(origin.address(), "");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = both.s_client(&[version, "-alpn", "http/1.1"], ONE_REQUEST);
        assert!(said.contains("HTTP/1.1 200"), "{version}: {said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    }
    let new = Secure::before(origin.address(), "min_version: \"1.3\"");
    let said = new.s_client(&["-tls1_2"], ONE_REQUEST);
    assert!(said.contains("alert protocol version"), "{said}");
    new.gateway.metric_becomes("ringgate_tls_handshake_failures_total{reason=\"incompatible\"}", 1.0);
}

#[test]
fn the_certificate_is_that_of_the_name_asked_for() {
    let origin = FaultOrigin::echo();
    let certificates = "certificates: [{cert: site.pem, key: site.key}, {cert: wild.pem, key: wild.key}, \
                        {cert: exact.pem, key: exact.key}, {cert: named.pem, key: named.key, names: [other.test]}]";
    let secure = Secure::prepared(origin.address(), certificates, "", |authority| {
        authority.issue("wild", &["*.shop.test"]);
        authority.issue("exact", &["pay.shop.test"]);
        authority.issue("named", &["ignored.test"]);
    });
    for (asked, shown) in [
        ("localhost", "localhost"),
        ("www.shop.test", "*.shop.test"),
        ("pay.shop.test", "pay.shop.test"),
        ("a.b.shop.test", "localhost"),
        ("other.test", "ignored.test"),
        ("unknown.test", "localhost"),
    ] {
        let text = names_shown(&secure, &["-servername", asked]);
        assert!(text.contains(&format!("DNS:{shown}")), "{asked}: {text}");
    }
    assert!(names_shown(&secure, &["-noservername"]).contains("DNS:localhost"));
}

/// The names in the certificate that the gateway shows.
fn names_shown(secure: &Secure, arguments: &[&str]) -> String {
    let said = secure.s_client(&[arguments, &["-showcerts"]].concat(), ONE_REQUEST);
    let start = said.find("-----BEGIN CERTIFICATE-----").expect("a certificate is shown");
    let end = said.find("-----END CERTIFICATE-----").expect("whole");
    std::fs::write(
        secure.folder.join("shown.pem"),
        format!("{}-----END CERTIFICATE-----\n", &said[start..end]),
    )
    .expect("the folder is ours");
    let path = secure.path("shown.pem");
    crate::harness::tool("openssl", &["x509", "-in", &path, "-noout", "-ext", "subjectAltName"])
}

#[test]
fn ecdsa_and_rsa_live_side_by_side() {
    let origin = FaultOrigin::echo();
    let certificates = "certificates: [{cert: rsa.pem, key: rsa.key}, {cert: site.pem, key: site.key}]";
    let secure = Secure::prepared(origin.address(), certificates, "", |authority| {
        authority.issue_rsa("rsa", &["localhost", "127.0.0.1"]);
    });
    let said = secure.s_client(&["-tls1_2"], ONE_REQUEST);
    assert!(said.contains("ECDHE-ECDSA"), "{said}");
    let said = secure.s_client(&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], ONE_REQUEST);
    assert!(said.contains("ECDHE-RSA-AES128-GCM-SHA256") && said.contains("HTTP/1.1 200"), "{said}");
    let only_rsa = secure.s_client(&["-sigalgs", "rsa_pss_rsae_sha256"], ONE_REQUEST);
    assert!(only_rsa.contains("Peer signature type: RSA-PSS"), "{only_rsa}");
}

#[test]
fn large_bodies_come_through_both_ways() {
    let origin = body_echo();
    let secure = Secure::before(origin.address(), "");
    let body = Pattern::new(7).bytes(9_000_001);
    std::fs::write(secure.folder.join("body"), &body).expect("the folder is ours");
    let source = format!("@{}", secure.path("body"));
    for (number, options) in
        [&["--tls-max", "1.2"][..], &["--tlsv1.3"], &["-H", "Transfer-Encoding: chunked"]].iter().enumerate()
    {
        let target = secure.path("back");
        let url = secure.url("/");
        secure.curl(&[options, &["--data-binary", &source, "--output", &target, &url][..]].concat());
        let request = &origin.requests()[number];
        assert!(request.body == body, "{options:?}: the upload differs");
        let back = std::fs::read(&target).expect("written");
        assert!(back == body, "{options:?}: the answer differs: {} bytes", back.len());
    }
}

#[test]
fn python_keeps_alive_pipelines_and_closes_cleanly() {
    let origin = body_echo();
    let secure = Secure::before(origin.address(), "");
    let ca = secure.path("ca.pem");
    let said = python("tls_client.py", secure.address(), &[&ca]);
    assert!(said.contains("all good"), "{said}");
}

#[test]
fn a_handshake_in_single_bytes_succeeds() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let mut client = rustls_client(&secure);
    let mut socket = TcpStream::connect(secure.address()).expect("accepts");
    socket.set_nodelay(true).expect("a socket");
    let mut hello = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut hello).expect("into memory");
    }
    for byte in &hello {
        socket.write_all(&[*byte]).expect("reads");
    }
    let mut stream = rustls::StreamOwned::new(client, socket);
    stream.write_all(ONE_REQUEST.as_bytes()).expect("reads");
    let mut answer = String::new();
    // Ok only if the gateway has said goodbye.
    stream.read_to_string(&mut answer).expect("a close_notify at the end");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn rustls_client(secure: &Secure) -> rustls::ClientConnection {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(secure.path("ca.pem")).expect("PEM");
    roots.add(ca).expect("an authority");
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    rustls::ClientConnection::new(config.into(), name).expect("a client")
}

#[test]
fn the_group_against_quantum_computers_is_spoken() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let socket = TcpStream::connect(secure.address()).expect("accepts");
    let mut stream = rustls::StreamOwned::new(rustls_client(&secure), socket);
    stream.write_all(ONE_REQUEST.as_bytes()).expect("reads");
    stream.read_to_string(&mut String::new()).expect("an answer");
    let group = stream.conn.negotiated_key_exchange_group().expect("one").name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn an_ocsp_response_goes_along() {
    let origin = FaultOrigin::echo();
    let certificates = "certificates: [{cert: site.pem, key: site.key, ocsp: site.ocsp}]";
    // The shortest there is (RFC 6960 4.2.1): the responder says `tryLater`. What is in it is the client's matter.
    let secure = Secure::prepared(origin.address(), certificates, "", |authority| {
        authority.put("site.ocsp", [0x30, 0x03, 0x0a, 0x01, 0x03]);
    });
    let said = secure.s_client(&["-status"], ONE_REQUEST);
    assert!(said.contains("OCSP response:") && !said.contains("no response sent"), "{said}");
}
