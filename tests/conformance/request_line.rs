//! The request line: RFC 9112 3.

use super::Edge;

#[test]
fn refuses_malformed_request_lines() {
    // RFC 9112 3: method SP request-target SP HTTP-version, one space each.
    let edge = Edge::start();
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /",
        "GET",
        "G@T / HTTP/1.1",
    ] {
        edge.refuses(format!("{line}\r\nHost: test\r\n\r\n"), 400, "bad_request_line");
    }
}

#[test]
fn refuses_white_space_within_the_target() {
    // RFC 9112 3.2: no white space is allowed in the request-target; 3: do not guess.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let response = wire.ask("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(response.status, 400);
    wire.expect_close();
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn refuses_malformed_versions() {
    // RFC 9112 2.3: HTTP-name is case-sensitive, one digit each.
    let edge = Edge::start();
    for version in ["http/1.1", "HTTP/1", "HTTP/1.1.1", "HTTP/1,1", "HTTP/a.b", "HTTPS/1.1", "HTTP/01.1"] {
        edge.refuses(format!("GET / {version}\r\nHost: test\r\n\r\n"), 400, "bad_version");
    }
}

#[test]
fn refuses_other_major_versions() {
    // RFC 9110 15.6.6.
    let edge = Edge::start();
    edge.refuses("GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505, "version_not_supported");
    edge.refuses("GET / HTTP/3.0\r\nHost: test\r\n\r\n", 505, "version_not_supported");
}

#[test]
fn refuses_a_bare_line_feed() {
    // RFC 9112 2.2 lets a recipient take a bare LF; peers that differ on it are how requests get smuggled.
    let edge = Edge::start();
    edge.refuses("GET / HTTP/1.1\nHost: test\n\n", 400, "bare_cr_or_lf");
    edge.refuses("GET / HTTP/1.1\r\nHost: test\n\r\n", 400, "bare_cr_or_lf");
    edge.refuses("GET / HTTP/1.1\r\nHost: test\r\nA: b\n\r\n", 400, "bare_cr_or_lf");
}

#[test]
fn refuses_a_bare_carriage_return() {
    // RFC 9112 2.2: invalid or replaced; we do not repair.
    let edge = Edge::start();
    edge.refuses("GET / HTTP/1.1\r\nHost: test\r\nA: b\rc\r\n\r\n", 400, "bare_cr_or_lf");
    edge.refuses("GET /\r HTTP/1.1\r\nHost: test\r\n\r\n", 400, "bare_cr_or_lf");
}

#[test]
fn refuses_a_nul_byte_anywhere_in_the_head() {
    // RFC 9110 5.5.
    let edge = Edge::start();
    edge.refuses("GET / HTTP/1.1\r\nHost: test\r\nA: b\0c\r\n\r\n", 400, "nul_byte");
    edge.refuses("GET /\0 HTTP/1.1\r\nHost: test\r\n\r\n", 400, "nul_byte");
}

#[test]
fn ignores_an_empty_line_before_the_request_line() {
    // RFC 9112 2.2: a server SHOULD ignore at least one CRLF received prior to the request-line.
    let edge = Edge::start();
    edge.accepts("\r\nGET /after HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(edge.origin.only_request().target, "/after");
}

#[test]
fn takes_the_absolute_form_and_its_authority_over_host() {
    // RFC 9112 3.2.2: the Host field is ignored, the target's authority goes upstream instead.
    let edge = Edge::start();
    edge.accepts("GET http://real.example/path?q=1 HTTP/1.1\r\nHost: ignored.example\r\n\r\n");
    let request = edge.origin.only_request();
    assert_eq!(request.target, "/path?q=1");
    assert_eq!(request.field("host"), Some("real.example"));
}

#[test]
fn takes_the_absolute_form_with_an_empty_path() {
    // RFC 9112 3.2.1: an empty path is sent as "/".
    let edge = Edge::start();
    edge.accepts("GET http://real.example HTTP/1.1\r\nHost: real.example\r\n\r\n");
    assert_eq!(edge.origin.only_request().target, "/");
}

#[test]
fn refuses_user_information_in_the_target() {
    // RFC 9110 4.2.4.
    let edge = Edge::start();
    edge.refuses("GET http://user@test/ HTTP/1.1\r\nHost: test\r\n\r\n", 400, "target_userinfo");
}

#[test]
fn takes_the_asterisk_form_for_options_alone() {
    // RFC 9112 3.2.4.
    let edge = Edge::start();
    edge.refuses("GET * HTTP/1.1\r\nHost: test\r\n\r\n", 400, "bad_target");
    let response = edge.gateway.send("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(response.status < 500, "{response:#?}");
}

#[test]
fn refuses_targets_that_are_no_target() {
    // RFC 9112 3.2: origin-form begins with a slash, and a target has no fragment.
    let edge = Edge::start();
    for target in ["path", "?q", "/a#fragment", "/a\\b\x7f", "ftp://test/"] {
        edge.refuses(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"), 400, "bad_target");
    }
}

#[test]
fn refuses_percents_that_encode_nothing() {
    // RFC 3986 2.1: "%" begins two hexadecimal digits. The target's end is known, so the connection may stay.
    let edge = Edge::start();
    for target in ["/a%zz", "/a%2", "/%"] {
        edge.gateway.get(target).has_problem(400, "bad_path");
    }
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn refuses_connect() {
    // RFC 9110 9.3.6: a gateway that is no tunnel may refuse; 501 says that it never will. It closes, because a
    // client may have sent the tunnel's first bytes already, and they must not be read as a request.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let response = wire.ask("CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n").has_status(501);
    assert!(response.says_close());
    wire.expect_close();
    assert!(edge.origin.requests().is_empty());
}

#[test]
fn passes_methods_it_does_not_know() {
    // RFC 9110 9.1: methods are an open set and case-sensitive.
    let edge = Edge::start();
    edge.accepts("PROPFIND /dav HTTP/1.1\r\nHost: test\r\n\r\n");
    edge.accepts("get /lower HTTP/1.1\r\nHost: test\r\n\r\n");
    let methods: Vec<String> = edge.origin.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PROPFIND", "get"]);
}

#[test]
fn a_head_may_arrive_byte_by_byte() {
    // RFC 9112 2.2: a message is an octet stream; where a segment ends means nothing.
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let request = b"POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc";
    wire.send_slowly(request.chunks(1), std::time::Duration::from_millis(1));
    assert_eq!(wire.read().has_status(200).text(), "/slow");
    assert_eq!(edge.origin.only_request().body, b"abc");
}
