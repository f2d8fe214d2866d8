//! The limits of a head: RFC 9112 3, RFC 9110 15.5.15, RFC 6585 5. Each bound has a test on both its sides.

use std::time::Duration;

use super::Edge;

#[test]
fn refuses_a_target_longer_than_the_limit() {
    let edge = Edge::with("limits: {target_bytes: 100B}");
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    edge.accepts(format!("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", target(100)));
    let edge = Edge::with("limits: {target_bytes: 100B}");
    edge.refuses(format!("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", target(101)), 414, "target_too_long");
}

#[test]
fn refuses_a_target_that_never_ends_before_the_head_is_complete() {
    let edge = Edge::start();
    edge.refuses(format!("GET /{}", "a".repeat(20_000)), 414, "target_too_long");
}

#[test]
fn refuses_a_head_larger_than_the_limit() {
    let edge = Edge::with("limits: {head_bytes: 1KiB, target_bytes: 512B}");
    let head = |length: usize| {
        let bare = "GET / HTTP/1.1\r\nHost: test\r\nA: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: test\r\nA: {}\r\n\r\n", "a".repeat(length - bare))
    };
    edge.accepts(head(1024));
    edge.refuses(head(1025), 431, "head_too_large");
}

#[test]
fn refuses_a_field_that_never_ends_before_the_head_is_complete() {
    let edge = Edge::start();
    edge.refuses(format!("GET / HTTP/1.1\r\nHost: test\r\nA: {}", "a".repeat(40_000)), 431, "head_too_large");
}

#[test]
fn refuses_more_fields_than_the_limit() {
    let edge = Edge::with("limits: {header_count: 10}");
    let head = |count: usize| format!("GET / HTTP/1.1\r\nHost: test\r\n{}\r\n", "A: b\r\n".repeat(count - 1));
    edge.accepts(head(10));
    edge.refuses(head(11), 431, "too_many_fields");
}

#[test]
fn refuses_a_method_longer_than_any() {
    let edge = Edge::start();
    let request = format!("{} / HTTP/1.1\r\nHost: test\r\n\r\n", "M".repeat(200));
    edge.refuses(request, 501, "method_not_implemented");
}

#[test]
fn answers_408_when_a_head_takes_too_long() {
    // RFC 9110 15.5.9. From its first byte, however steadily the rest drips.
    let edge = Edge::with("limits: {head_timeout: 400ms}");
    let mut wire = edge.gateway.wire();
    let head = b"GET / HTTP/1.1\r\nHost: test\r\n";
    for byte in head.chunks(1) {
        if !wire.try_send(byte) {
            break;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    let response = wire.read().has_problem(408, "head_timeout");
    assert!(response.says_close());
    wire.expect_close();
}

#[test]
fn closes_a_connection_that_never_sends_anything() {
    let edge = Edge::with("limits: {head_timeout: 300ms}");
    let mut wire = edge.gateway.wire();
    let got = wire.body_piece();
    // Nothing was asked, so silence or a 408 are both right; what matters is the end.
    assert!(got.is_empty() || got.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&got));
    if !got.is_empty() {
        wire.expect_close();
    }
}
