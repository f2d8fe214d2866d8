//! The chunked coding, both ways: RFC 9112 7.1.

use std::time::Duration;

use super::Edge;
use crate::harness::{FaultOrigin, Framing, Setup};

fn post(chunks: &str) -> String {
    format!("POST /chunked HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

#[test]
fn joins_chunks_of_any_size() {
    let edge = Edge::start();
    edge.accepts(post("1\r\na\r\n00002\r\nbc\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"));
    assert_eq!(edge.origin.only_request().body, b"abc01234567890123456789");
}

#[test]
fn ignores_chunk_extensions_and_does_not_pass_them_on() {
    // RFC 9112 7.1.1: a recipient MUST ignore unrecognized chunk extensions; they are hop by hop.
    let edge = Edge::start();
    edge.accepts(post("3;name=value;flag;q=\"quoted\"\r\nabc\r\n0;last\r\n\r\n"));
    assert_eq!(edge.origin.only_request().body, b"abc");
}

#[test]
fn passes_request_trailers_on() {
    // RFC 9110 6.5: a proxy may keep them when it keeps the chunked coding.
    let edge = Edge::start();
    edge.accepts(post("3\r\nabc\r\n0\r\nX-Checksum: 900150983cd2\r\nX-Second: 2\r\n\r\n"));
    let trailers = edge.origin.only_request().trailers;
    assert_eq!(
        trailers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["X-Checksum", "X-Second"]
    );
}

#[test]
fn framing_and_identity_fields_never_pass_as_trailers() {
    // RFC 9110 6.5.1: fields for framing, routing or authentication must not be in a trailer section.
    let edge = Edge::start();
    for field in ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other", "X-User-Id: admin"] {
        let response = edge.gateway.send(post(&format!("3\r\nabc\r\n0\r\n{field}\r\n\r\n")));
        assert!(matches!(response.status, 200 | 400), "{field}: {response:#?}");
    }
    let trailers: Vec<_> = edge.origin.requests().into_iter().flat_map(|request| request.trailers).collect();
    assert!(trailers.is_empty(), "{trailers:?}");
}

#[test]
fn refuses_malformed_chunks() {
    // A reader that is lenient here and one that is not disagree on where the next request begins.
    for chunks in [
        "g\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
    ] {
        // The origin never answers: so the answer can only be the gateway's.
        let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
        let gateway = Setup::before(origin.address()).start();
        let mut wire = gateway.wire();
        let response = wire.ask(post(chunks)).has_problem(400, "bad_chunk");
        assert!(response.says_close(), "{chunks:?}");
        wire.expect_close();
        origin.loses(origin.accepted());
    }
}

#[test]
fn refuses_malformed_trailers() {
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway = Setup::before(origin.address()).start();
    for trailer in ["Name : v", "no colon", " folded: v", "N: a\x01b"] {
        let mut wire = gateway.wire();
        wire.ask(post(&format!("3\r\nabc\r\n0\r\n{trailer}\r\n\r\n"))).has_problem(400, "bad_trailer");
        wire.expect_close();
    }
}

#[test]
fn refuses_extensions_without_end() {
    // A chunk header has a bound, else one byte of body costs any amount of reading.
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let response = wire.ask(post(&format!("3;{}", "x".repeat(100_000))));
    assert!(matches!(response.status, 400 | 431), "{response:#?}");
    wire.expect_close();
}

#[test]
fn refuses_trailers_without_end() {
    let origin = FaultOrigin::start(|dialogue| while dialogue.request().is_some() {});
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let response = wire.ask(post(&format!("3\r\nabc\r\n0\r\n{}", "T: trailer\r\n".repeat(10_000))));
    assert_eq!(response.has_problem(431, "trailer_too_large").status, 431);
    wire.expect_close();
}

#[test]
fn chunks_may_be_split_anywhere() {
    let edge = Edge::start();
    let mut wire = edge.gateway.wire();
    let request = post("3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n");
    wire.send_slowly(request.as_bytes().chunks(1), Duration::from_millis(1));
    wire.read().has_status(200);
    assert_eq!(edge.origin.only_request().body, b"abc0123456789abcdef");
}

#[test]
fn a_chunked_answer_keeps_its_trailers() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let response = wire.get("/").has_status(200);
        assert_eq!(response.framing, Framing::Chunked);
        assert_eq!(response.text(), "hello!");
        assert_eq!(response.trailers, [("X-Sum".to_owned(), "42".to_owned())]);
    }
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_chunk_is_passed_on_before_the_next_one_comes() {
    // Streaming: an event must not wait for a full buffer.
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
            // The second is sent only after the client has told, by a request on another connection.
            std::thread::sleep(Duration::from_millis(500));
            dialogue.send("6\r\nsecond\r\n0\r\n\r\n");
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    let begun = std::time::Instant::now();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    assert_eq!(wire.take(10), b"5\r\nfirst\r\n");
    assert!(begun.elapsed() < Duration::from_millis(400), "the first chunk waited {:?}", begun.elapsed());
}
