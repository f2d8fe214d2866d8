//! What the gateway adds to an answer and what it leaves alone.

use crate::harness::{FaultOrigin, Setup};

#[test]
fn keeps_the_origins_server_and_date() {
    // RFC 9110 10.2.4 and 6.6.1.
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let origin = FaultOrigin::answering(format!(
        "HTTP/1.1 200 OK\r\nServer: origin/1\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
    ));
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/").has_status(200);
    assert_eq!(response.field("server"), Some("origin/1"));
    assert_eq!(response.field("date"), Some(date));
}

#[test]
fn adds_a_date_where_there_is_none() {
    // RFC 9110 6.6.1: a recipient with a clock that gets a message without Date MUST record when it came.
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/").has_status(200);
    let date = httpdate::parse_http_date(response.field("date").expect("a Date")).expect("an HTTP date");
    let off = date.elapsed().unwrap_or_default();
    assert!(off.as_secs() < 5, "off by {off:?}");
    assert_eq!(response.field("server"), None);
}

#[test]
fn its_own_answers_have_server_and_date() {
    let gateway = Setup::before("127.0.0.1:9")
        .routes("  - name: a\n    match: {path: /a}\n    respond: {status: 200}")
        .start();
    for target in ["/a", "/404"] {
        let response = gateway.get(target);
        assert_eq!(response.field("server"), Some("ringgate"));
        assert!(response.field("date").is_some());
    }
}

#[test]
fn passes_everything_else_byte_for_byte() {
    let fields = "Content-Type: text/html; charset=x\r\nETag: W/\"a\"\r\nCache-Control: no-store\r\n\
                  X-Odd:   padded   \r\nVary: *\r\nContent-Encoding: gzip\r\nAccept-Ranges: bytes\r\nX-Latin: \u{e9}\r\n";
    let origin =
        FaultOrigin::answering(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 3\r\n\r\n\x1f\x01\x08"));
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/").has_status(200);
    for line in fields.lines() {
        let (name, value) = line.split_once(':').unwrap();
        assert_eq!(response.field(name), Some(value.trim()), "{name}");
    }
    assert_eq!(response.body, b"\x1f\x01\x08");
}
