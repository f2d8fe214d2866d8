//! The status line of an origin: RFC 9112 4.

use super::breaks;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn garbage_is_a_broken_origin() {
    for line in [
        "garbage",
        "HTTP/1.1",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.1 2000 OK",
        "HTTP/2.0 200 OK",
        "ICY 200 OK",
    ] {
        breaks(&format!("{line}\r\nContent-Length: 0\r\n\r\n"), "bad_status_line");
    }
}

#[test]
fn a_status_out_of_range_is_a_broken_origin() {
    // RFC 9110 15: 100 to 599; a recipient of another treats it as 5xx, a gateway may say 502.
    breaks("HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n", "bad_status_line");
    breaks("HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n", "bad_status_line");
}

#[test]
fn bare_line_ends_are_a_broken_origin() {
    breaks("HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare_cr_or_lf");
    breaks("HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n", "bare_cr_or_lf");
}

#[test]
fn an_empty_reason_is_well_formed() {
    // RFC 9112 4: reason-phrase may be absent; the space stays.
    let origin = FaultOrigin::answering("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::before(origin.address()).start();
    assert_eq!(gateway.get("/").has_status(200).text(), "ok");
}

#[test]
fn passes_unknown_statuses_on() {
    // RFC 9110 15: codes are extensible.
    for status in [299, 418, 499, 599] {
        let origin =
            FaultOrigin::answering(format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\nok"));
        let gateway = Setup::before(origin.address()).start();
        assert_eq!(gateway.get("/").has_status(status).text(), "ok");
    }
}

#[test]
fn an_answer_may_arrive_byte_by_byte() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
        dialogue.drip(answer, std::time::Duration::from_millis(1));
        dialogue.closes_within(std::time::Duration::from_secs(1));
    });
    let gateway = Setup::before(origin.address()).start();
    assert_eq!(gateway.get("/").has_status(200).text(), "abc");
}
