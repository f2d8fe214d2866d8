//! Request fields: RFC 9112 5 and RFC 9110 5.

use super::Edge;

#[test]
fn refuses_white_space_before_the_colon() {
    // RFC 9112 5.1: a server MUST reject it with 400.
    let edge = Edge::start();
    edge.refuses_fields("Name : value", 400, "bad_field");
    edge.refuses_fields("Name\t: value", 400, "bad_field");
}

#[test]
fn refuses_a_line_that_goes_on() {
    // RFC 9112 5.2: obs-fold is rejected with 400 or replaced; we reject.
    let edge = Edge::start();
    edge.refuses_fields("Name: value\r\n goes on", 400, "obsolete_fold");
    edge.refuses_fields("Name: value\r\n\tgoes on", 400, "obsolete_fold");
}

#[test]
fn refuses_white_space_before_the_first_field() {
    // RFC 9112 2.2: reject, or ignore each such line; we reject.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let response = wire.ask("GET / HTTP/1.1\r\n Host: test\r\nHost: test\r\n\r\n");
    assert_eq!(response.status, 400);
    wire.expect_close();
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn refuses_names_that_are_no_token() {
    // RFC 9110 5.1.
    let edge = Edge::start();
    for field in ["Na me: v", "N(a): v", ": v", "no colon", "N\u{e9}: v", "\"N\": v", "N@: v"] {
        edge.refuses_fields(field, 400, "bad_field");
    }
}

#[test]
fn refuses_control_characters_in_values() {
    // RFC 9110 5.5: invalid and dangerous.
    let edge = Edge::start();
    for value in ["a\x01b", "a\x0bb", "a\x7fb", "a\x1bb"] {
        edge.refuses_fields(&format!("Name: {value}"), 400, "bad_field");
    }
}

#[test]
fn passes_values_byte_for_byte_without_their_padding() {
    // RFC 9110 5.5: optional white space around the value is no part of it.
    let edge = Edge::start();
    edge.accepts(
        "GET / HTTP/1.1\r\nHost: test\r\nA:x\r\nB:  \tx y\tz \t\r\nC:\r\nD: \u{fc}, \"q\\\"\"\r\n\r\n",
    );
    let request = edge.origin.only_request();
    assert_eq!(request.field("a"), Some("x"));
    assert_eq!(request.field("b"), Some("x y\tz"));
    assert_eq!(request.field("c"), Some(""));
    assert_eq!(request.field("d"), Some("\u{fc}, \"q\\\"\""));
}

#[test]
fn keeps_the_order_of_repeated_fields() {
    // RFC 9110 5.3: a proxy must not change the order of values of one name.
    let edge = Edge::start();
    edge.accepts("GET / HTTP/1.1\r\nHost: test\r\nA: 1\r\nB: x\r\na: 2\r\nA: 3\r\n\r\n");
    assert_eq!(edge.origin.only_request().fields_named("a"), ["1", "2", "3"]);
}

#[test]
fn keeps_the_spelling_of_names() {
    // RFC 9110 5.1 makes names case-insensitive; some origins disagree, so what came is what goes.
    let edge = Edge::start();
    edge.accepts("GET / HTTP/1.1\r\nHost: test\r\nX-CamelCase: 1\r\n\r\n");
    assert!(edge.origin.only_request().fields.iter().any(|(name, _)| name == "X-CamelCase"));
}

#[test]
fn a_refusal_never_quotes_what_was_sent() {
    // A reply that echoes bytes of a malformed request can be made to attack whoever reads it.
    let edge = Edge::start();
    let response = edge.refuses_fields("<script>: v", 400, "bad_field");
    assert!(!response.text().contains("script"), "{}", response.text());
}
