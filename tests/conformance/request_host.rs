//! The Host field: RFC 9112 3.2.

use super::Edge;

#[test]
fn refuses_a_missing_host() {
    let edge = Edge::start();
    edge.refuses("GET / HTTP/1.1\r\n\r\n", 400, "missing_host");
    edge.refuses("GET http://test/ HTTP/1.1\r\n\r\n", 400, "missing_host");
}

#[test]
fn refuses_a_repeated_host() {
    let edge = Edge::start();
    edge.refuses("GET / HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n", 400, "repeated_host");
    edge.refuses("GET / HTTP/1.1\r\nHost: test\r\nhost: other\r\n\r\n", 400, "repeated_host");
}

#[test]
fn refuses_a_malformed_host() {
    let edge = Edge::start();
    for host in ["a b", "user@test", "test:port", "test:99999", "http://test", "test/path", "[::1", "a\\b"] {
        edge.refuses(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400, "bad_host");
    }
}

#[test]
fn passes_well_formed_hosts_as_they_are() {
    // RFC 9110 7.2: uri-host with an optional port.
    let edge = Edge::start();
    for host in
        ["test", "TEST.example", "test:8080", "127.0.0.1", "[::1]:80", "a_b.example", "xn--bcher-kva.example"]
    {
        edge.accepts(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(edge.origin.requests().last().unwrap().field("host"), Some(host));
    }
}
