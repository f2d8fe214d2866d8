//! Where a request's body ends: RFC 9112 6. Whatever two readers could read differently is refused.

use super::Edge;

#[test]
fn refuses_two_framings() {
    // RFC 9112 6.1: a request with both may be smuggling; the server may reject it and must close.
    let edge = Edge::start();
    edge.refuses_fields("Content-Length: 3\r\nTransfer-Encoding: chunked", 400, "two_framings");
    edge.refuses_fields("Transfer-Encoding: chunked\r\nContent-Length: 0", 400, "two_framings");
}

#[test]
fn refuses_two_content_lengths() {
    // RFC 9112 6.3 rule 5; equal ones too, there is no reason to send them.
    let edge = Edge::start();
    edge.refuses_fields("Content-Length: 3\r\nContent-Length: 4", 400, "repeated_content_length");
    edge.refuses_fields("Content-Length: 3\r\nContent-Length: 3", 400, "repeated_content_length");
}

#[test]
fn refuses_malformed_content_lengths() {
    // RFC 9110 8.6: one or more digits.
    let edge = Edge::start();
    for length in ["", "+3", "-3", "0x3", "3.0", "3 3", "3, 3", "three", "99999999999999999999999"] {
        edge.refuses_fields(&format!("Content-Length: {length}"), 400, "bad_content_length");
    }
}

#[test]
fn refuses_transfer_codings_other_than_one_final_chunked() {
    // RFC 9112 6.3 rule 4: chunked must be last, else the length cannot be known.
    let edge = Edge::start();
    for coding in
        ["chunked, identity", "chunked, chunked", "", "\"chunked\"", "chunked;q=1", "xchunked chunked"]
    {
        let fields = format!("Transfer-Encoding: {coding}");
        let mut wire = edge.gateway.wire();
        let response = wire.ask(format!("POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n0\r\n\r\n"));
        assert!(matches!(response.status, 400 | 501), "{coding:?}: {response:#?}");
        assert!(response.says_close());
        wire.expect_close();
    }
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn refuses_chunked_in_two_field_lines() {
    // RFC 9110 5.3: two lines are one list, so this is "chunked, chunked".
    let edge = Edge::start();
    edge.refuses_fields(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        400,
        "bad_transfer_encoding",
    );
}

#[test]
fn says_that_other_transfer_codings_are_not_implemented() {
    // RFC 9112 6.1: a server that does not understand a coding SHOULD respond with 501.
    let edge = Edge::start();
    edge.refuses_fields("Transfer-Encoding: gzip, chunked", 501, "unknown_transfer_coding");
}

#[test]
fn refuses_transfer_encoding_in_http10() {
    // RFC 9112 6.1: HTTP/1.0 with Transfer-Encoding has a faulty framing.
    let edge = Edge::start();
    let request = "POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    edge.refuses(request, 400, "transfer_encoding_in_http10");
}

#[test]
fn takes_chunked_in_any_case() {
    // RFC 9112 7: transfer coding names are case-insensitive.
    let edge = Edge::start();
    edge.accepts("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: ChUnKeD\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(edge.origin.only_request().body, b"abc");
}

#[test]
fn a_get_may_carry_a_body() {
    // RFC 9112 6.3: the framing alone tells whether there is one, not the method.
    let edge = Edge::start();
    edge.accepts("GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(edge.origin.only_request().body, b"abc");
}

#[test]
fn a_request_without_framing_has_no_body() {
    // RFC 9112 6.3 rule 7: what follows is the next request.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    wire.send("POST /one HTTP/1.1\r\nHost: test\r\n\r\nGET /two HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read().has_status(200).text(), "/one");
    assert_eq!(wire.read().has_status(200).text(), "/two");
    assert!(edge.origin.requests().iter().all(|request| request.body.is_empty()));
}

#[test]
fn the_length_that_goes_upstream_is_the_one_that_came() {
    // RFC 9110 8.6: a recipient must not forward a length it knows to be wrong; a right one stays.
    let edge = Edge::start();
    edge.accepts("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 005\r\n\r\nhello");
    let request = edge.origin.only_request();
    assert_eq!(request.body, b"hello");
    assert!(!request.is_chunked());
}

#[test]
fn a_content_length_of_zero_stays() {
    // RFC 9110 8.6: a user agent SHOULD send Content-Length when the method defines a meaning for a body.
    let edge = Edge::start();
    edge.accepts("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(edge.origin.only_request().field("content-length"), Some("0"));
}

#[test]
fn framing_hidden_from_the_edge_does_not_go_upstream() {
    // The classic ways to write a Transfer-Encoding that one reader sees and the other does not. RFC 9112 5.1, 5.2.
    let edge = Edge::start();
    for field in [
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked\x00",
        "Transfer\rEncoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
    ] {
        let mut wire = edge.gateway.wire();
        let response = wire
            .ask(format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n{field}\r\n\r\n0\r\n\r\n"));
        assert!(matches!(response.status, 400 | 501), "{field:?}: {response:#?}");
        wire.expect_close();
    }
    assert!(edge.origin.requests().is_empty());
}
