//! TLS clients by the name they ask for, without ending their TLS.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{FaultOrigin, Gateway, Server};

/// A gateway with two TLS services by name, and perhaps one for everything else.
fn gateway(one: &Server, other: &Server, default: Option<&FaultOrigin>) -> Gateway {
    let named = |name: &str, server: &Server| format!("  {name}: {{endpoints: ['{}']}}\n", server.address());
    let sni = "[{names: [one.example], cluster: one}, {names: ['*.other.example'], cluster: other}]";
    let origin = default.map_or(one.address(), FaultOrigin::address);
    let cluster = if default.is_some() { "cluster: origin, " } else { "" };
    let listener =
        format!("listeners: [{{name: public, address: '127.0.0.1:0', tcp: {{{cluster}sni: {sni}}}}}]\n");
    let clusters = format!(
        "clusters:\n{}{}{}",
        named("one", one),
        named("other", other),
        if default.is_some() { format!("  origin: {{endpoints: ['{origin}']}}\n") } else { String::new() }
    );
    Gateway::start(&format!(
        "{listener}admin: {{address: '127.0.0.1:0'}}\nlimits: {{head_timeout: 500ms}}\n{clusters}"
    ))
}

/// The subject of the certificate that a client who asks for `name` gets; empty if there was none.
fn subject(gateway: &Gateway, name: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &gateway.public().to_string()])
        .args(name)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("subject=")).unwrap_or_default().replace(' ', "")
}

#[test]
fn the_name_decides_which_service_ends_tls() {
    let (one, other) = (Server::tls("one"), Server::tls("other"));
    let gateway = gateway(&one, &other, None);
    for (name, expected) in [
        (&["-servername", "one.example"][..], "CN=one"),
        (&["-servername", "ONE.example", "-tls1_2"], "CN=one"),
        (&["-servername", "a.b.other.example"], "CN=other"),
        (&["-servername", "other.example"], ""),
        (&["-servername", "unknown.example"], ""),
        (&["-noservername"], ""),
    ] {
        assert_eq!(subject(&gateway, name), expected, "{name:?}");
    }
    gateway.metric_becomes("ringgate_tcp_failures_total{cluster=\"(none)\",reason=\"no_cluster\"}", 3.0);
    gateway.metric_becomes("ringgate_tcp_connections_total{cluster=\"one\"}", 2.0);
}

#[test]
fn requests_go_through_with_the_very_hello() {
    let (one, other) = (Server::tls("one.example"), Server::tls("other"));
    let gateway = gateway(&one, &other, None);
    let address = format!("one.example:443:127.0.0.1:{}", gateway.public().port());
    let url = ["--connect-to", &address, "-k", "https://one.example/"];
    assert!(crate::harness::curl(&url).contains("s_server -www"), "what s_server says of itself");
}

#[test]
fn what_asks_for_nothing_goes_to_the_default_with_all_its_bytes() {
    let (one, other) = (Server::tls("one"), Server::tls("other"));
    let origin = FaultOrigin::echo();
    let gateway = gateway(&one, &other, Some(&origin));
    assert_eq!(gateway.get("/plain").has_status(200).text(), "/plain");
    assert_eq!(subject(&gateway, &["-servername", "one.example"]), "CN=one");
}

#[test]
fn a_hello_may_come_byte_by_byte_and_never_too_late() {
    let (one, other) = (Server::tls("one"), Server::tls("other"));
    let gateway = gateway(&one, &other, None);
    let mut silent = gateway.wire();
    let mut half = gateway.wire();
    half.send(b"\x16\x03\x01\x02\x00\x01");
    silent.expect_close();
    half.expect_close();
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"hello_timeout\"}", 2.0);
    // A real hello, recorded, then cut into single bytes.
    let hello = recorded_hello("one.example");
    let mut slow = gateway.wire();
    slow.send_slowly(hello.chunks(hello.len() / 20 + 1), Duration::from_millis(5));
    assert_eq!(slow.take(1), b"\x16", "the service answers with a handshake record");
    let mut bad = gateway.wire();
    bad.send(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00");
    bad.expect_close();
    gateway.metric_becomes("ringgate_tcp_failures_total{reason=\"bad_hello\"}", 1.0);
}

/// What openssl begins with when it asks for this name.
fn recorded_hello(name: &str) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Command::new("openssl")
        .args(["s_client", "-servername", name, "-connect", &listener.local_addr().unwrap().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut hello = vec![0; 16_384];
    let mut len = 0;
    while len < 5 || len < 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])) {
        len += std::io::Read::read(&mut stream, &mut hello[len..]).unwrap();
    }
    hello.truncate(len);
    drop(stream);
    client.wait().unwrap();
    hello
}
