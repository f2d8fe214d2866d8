//! Where an answer's body ends: RFC 9112 6. A broken origin must not choose what the client reads next.

use super::breaks;
use crate::harness::{FaultOrigin, Framing, Setup};

#[test]
fn two_framings_are_a_broken_origin() {
    // RFC 9112 6.3 rule 3.
    breaks(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "two_framings",
    );
}

#[test]
fn wrong_lengths_are_a_broken_origin() {
    // RFC 9112 6.3 rule 5: a gateway must close and answer 502.
    for length in ["-1", "+2", "two", "2,3", "0x2", ""] {
        breaks(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nok"), "bad_content_length");
    }
    breaks("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "repeated_content_length");
}

#[test]
fn unknown_codings_are_a_broken_origin() {
    // RFC 9112 6.1: nobody sent TE, so nothing but chunked may come.
    for coding in ["gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", ""] {
        breaks(
            &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"),
            "bad_transfer_encoding",
        );
    }
}

#[test]
fn chunks_in_http10_are_a_broken_origin() {
    breaks("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer_encoding_in_http10");
}

#[test]
fn a_204_with_framing_does_not_reach_the_client_as_it_is() {
    // RFC 9112 6.1, 6.3 rule 1. "Content-Length: 0" is common and harmless, a body is not.
    breaks("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "body_not_allowed");
    let origin = FaultOrigin::answering("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
    let gateway = Setup::before(origin.address()).start();
    let response = gateway.get("/");
    assert!(matches!(response.status, 204 | 502), "{response:#?}");
}

#[test]
fn a_close_within_the_head_is_a_broken_origin() {
    // RFC 9112 8.
    let origin = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\nContent-Le");
    let gateway = Setup::before(origin.address()).start();
    gateway.get("/").has_problem(502, "upstream_truncated_head");
}

#[test]
fn a_body_that_ends_early_is_cut_visibly() {
    // RFC 9112 8: the client must not take a part for the whole.
    let origin = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = wire.read_head();
    if head.status == 200 {
        let mut body = Vec::new();
        loop {
            let piece = wire.body_piece();
            if piece.is_empty() {
                break;
            }
            body.extend(piece);
        }
        assert_eq!(head.field("content-length"), Some("10"));
        assert_eq!(body, b"half");
    } else {
        assert_eq!(head.status, 502);
    }
}

#[test]
fn chunks_that_end_early_are_cut_visibly() {
    let origin = FaultOrigin::answering_and_closing(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    );
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    let mut body = Vec::new();
    loop {
        let piece = wire.body_piece();
        if piece.is_empty() {
            break;
        }
        body.extend(piece);
    }
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("half"), "{body:?}");
    assert!(!body.ends_with("0\r\n\r\n"), "the gateway made a whole body of a part: {body:?}");
}

#[test]
fn malformed_chunks_are_cut_visibly() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\nXYZ\r\nbad",
    );
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = wire.read_head();
    if head.status == 502 {
        // Nothing had gone out yet, so the gateway could still say so.
        return origin.loses(1);
    }
    let mut body = Vec::new();
    while !body.ends_with(b"0\r\n\r\n") {
        let piece = wire.body_piece();
        if piece.is_empty() {
            break;
        }
        body.extend(piece);
    }
    assert!(!body.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&body));
    origin.loses(1);
}

#[test]
fn bytes_after_the_answer_spoil_the_connection() {
    // RFC 9112 9.2: what follows belongs to no request; reading it as the next answer mixes up clients.
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let target = request.target;
            dialogue.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
                target.len()
            ));
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    for number in 0..5 {
        let response = wire.get(&format!("/{number}")).has_status(200);
        assert_eq!(response.text(), format!("/{number}"));
    }
    assert_eq!(origin.accepted(), 5, "a spoiled connection was used again");
}

#[test]
fn late_bytes_on_an_idle_connection_spoil_it() {
    // The same a moment later, when the connection lies in the pool.
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let target = request.target;
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
            std::thread::sleep(std::time::Duration::from_millis(50));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    for number in 0..3 {
        let response = wire.get(&format!("/{number}")).has_status(200);
        assert_eq!(response.text(), format!("/{number}"));
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
}

#[test]
fn an_answer_without_framing_ends_with_its_connection() {
    let origin = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let response = wire.get("/").has_status(200);
        assert_eq!(response.framing, Framing::Chunked);
        assert_eq!(response.text(), "until the end");
    }
}
