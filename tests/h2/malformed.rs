//! What RFC 9113 does not allow a client: refused where it comes in, and never told an origin.

use super::Logged;
use crate::harness::FaultOrigin;
use crate::harness::h2::{END_HEADERS, END_STREAM, H2, block, frame, kind, reason};

/// Fields of a good request, which `wrong` replaces or follows.
fn but(wrong: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/")];
    let kept = good.into_iter().filter(|(name, _)| !wrong.iter().any(|(other, _)| name == other));
    let (pseudo, fields): (Vec<_>, Vec<_>) = wrong.iter().partition(|(name, _)| name.starts_with(':'));
    kept.chain(pseudo).chain(fields).collect()
}

/// Refused: by a reset, by the end of the connection, or by an answer of 400 or 501.
#[track_caller]
fn is_refused(client: &mut H2, id: u32, what: &str) {
    client.until(what, |client| {
        let answer = client.so_far(id);
        client.is_closed || answer.has_ended || answer.reset.is_some()
    });
    let answer = client.so_far(id);
    let is_malformed = Some(reason::PROTOCOL_ERROR);
    let is_cut = answer.reset == is_malformed || client.goaways.last().map(|(_, why)| *why) == is_malformed;
    assert!(
        (is_cut && answer.fields.is_empty()) || matches!(answer.status(), 400 | 501),
        "{what}: {client:?}"
    );
}

#[test]
fn malformed_requests_end_with_their_stream() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    for wrong in [
        &[("X-Upper", "1")][..],
        &[("connection", "close")],
        &[("connection", "x-a"), ("x-a", "1")],
        &[("keep-alive", "timeout=5")],
        &[("proxy-connection", "close")],
        &[("transfer-encoding", "chunked")],
        &[("upgrade", "websocket")],
        &[("te", "gzip")],
        &[("host", "other")],
        &[("host", "test"), ("host", "test")],
        &[(":authority", "user@test")],
        &[(":authority", "test/other")],
        &[(":authority", "te st")],
        &[(":path", "/a b")],
        &[(":path", "/ HTTP/1.1\r\nX-Evil: 1")],
        &[(":path", "")],
        &[(":path", "http://other/")],
        &[(":path", "other")],
        &[(":path", "*")],
        &[(":path", "/\u{e9}")],
        &[(":method", "GE T")],
        &[(":method", "")],
        &[(":method", "CONNECT")],
        &[(":unknown", "1")],
        &[(":status", "200")],
        &[("x-a", "1\r\nx-b: 2")],
        &[("x-a", "1\nx-b: 2")],
        &[("x-a", "1\rx-b")],
        &[("x-a", "1\0")],
        &[("x a", "1")],
        &[("x:a", "1")],
        &[("", "1")],
        &[("x-a\r\n", "1")],
        &[("content-length", "-1")],
        &[("content-length", "+0")],
        &[("content-length", "1")],
        &[("content-length", "0"), ("content-length", "7")],
    ] {
        let mut client = logged.client();
        let id = client.open(&but(wrong), true);
        is_refused(&mut client, id, &format!("{wrong:?}"));
    }
    let mut client = logged.client();
    let id = client.get("/");
    assert_eq!(client.answer(id).status(), 200);
    assert_eq!(origin.only_request().target, "/");
}

#[test]
fn pseudo_fields_are_complete_unique_and_first() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let [method, scheme, authority, path] =
        [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/")];
    for fields in [
        &[scheme, authority, path][..],
        &[method, authority, path],
        &[method, scheme, authority],
        &[method, scheme, path],
        &[method, scheme, authority, path, path],
        &[method, method, scheme, authority, path],
        &[method, scheme, authority, authority, path],
        &[method, scheme, authority, ("x-a", "1"), path],
        &[],
    ] {
        let mut client = logged.client();
        let id = client.open(fields, true);
        is_refused(&mut client, id, &format!("{fields:?}"));
    }
    // A Host will do instead of :authority, and may say the same.
    let mut client = logged.client();
    for fields in
        [&[method, scheme, path, ("host", "one")][..], &[method, scheme, authority, path, ("host", "test")]]
    {
        let id = client.open(fields, true);
        assert_eq!(client.answer(id).status(), 200, "{fields:?}");
    }
    let hosts: Vec<_> =
        origin.requests().iter().map(|request| request.field("host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["one", "test"]);
}

#[test]
fn a_body_is_as_long_as_was_said() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            assert_ne!(request.target, "/wrong", "it was complete: {request:?}");
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let logged = Logged::before(&origin, "");
    for (length, body) in [("5", "four"), ("3", "four"), ("100", "")] {
        let mut client = logged.client();
        let id = client.request("POST", "/wrong", &[("content-length", length)], false);
        client.data(id, body.as_bytes(), true);
        is_refused(&mut client, id, length);
        let id = client.get("/");
        assert_eq!(client.answer(id).text(), "ok", "the connection goes on");
    }
}

#[test]
fn trailers_are_fields_and_nothing_else() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            assert_eq!(request.trailers, [], "{request:?}");
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let logged = Logged::before(&origin, "");
    for fields in [&[("X-Upper", "1")][..], &[("x-a", "1\r\n\r\nGET / HTTP/1.1")], &[("x-a", "\0")]] {
        let mut client = logged.client();
        let id = client.request("POST", "/", &[], false);
        client.data(id, b"body", false);
        client.trailers(id, fields);
        is_refused(&mut client, id, &format!("{fields:?}"));
    }
}

#[test]
fn connect_is_refused() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    for fields in [
        &[(":method", "CONNECT"), (":authority", "10.0.0.1:22")][..],
        &[
            (":method", "CONNECT"),
            (":protocol", "connect-udp"),
            (":scheme", "http"),
            (":authority", "test"),
            (":path", "/"),
        ],
        &[
            (":method", "GET"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":authority", "test"),
            (":path", "/"),
        ],
    ] {
        let id = client.open(fields, false);
        is_refused(&mut client, id, &format!("{fields:?}"));
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn frames_that_break_the_rules_end_the_connection() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let head = block(&but(&[]));
    let whole = END_HEADERS | END_STREAM;
    let cases: &[(&str, Vec<u8>)] = &[
        ("too large", frame(kind::DATA, 0, 1, &[0; 16_385])),
        ("DATA on stream 0", frame(kind::DATA, 0, 0, b"x")),
        ("DATA on an idle stream", frame(kind::DATA, 0, 1, b"x")),
        ("HEADERS on stream 0", frame(kind::HEADERS, whole, 0, &head)),
        ("HEADERS on an even stream", frame(kind::HEADERS, whole, 2, &head)),
        (
            "a stream that goes back",
            [frame(kind::HEADERS, whole, 9, &head), frame(kind::HEADERS, whole, 3, &head)].concat(),
        ),
        ("CONTINUATION alone", frame(kind::CONTINUATION, END_HEADERS, 1, &head)),
        (
            "something within a head",
            [frame(kind::HEADERS, END_STREAM, 1, &head), frame(kind::PING, 0, 0, &[0; 8])].concat(),
        ),
        (
            "another stream within a head",
            [frame(kind::HEADERS, END_STREAM, 1, &head), frame(kind::CONTINUATION, END_HEADERS, 3, b"")]
                .concat(),
        ),
        ("SETTINGS on a stream", frame(kind::SETTINGS, 0, 1, b"")),
        ("SETTINGS of 5 bytes", frame(kind::SETTINGS, 0, 0, &[0; 5])),
        ("a window beyond all", frame(kind::SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("frames smaller than allowed", frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("PING of 7 bytes", frame(kind::PING, 0, 0, &[0; 7])),
        ("PING on a stream", frame(kind::PING, 0, 1, &[0; 8])),
        ("RST_STREAM of an idle stream", frame(kind::RST_STREAM, 0, 1, &[0; 4])),
        ("RST_STREAM of 3 bytes", frame(kind::RST_STREAM, 0, 1, &[0; 3])),
        ("WINDOW_UPDATE of nothing", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("WINDOW_UPDATE beyond all", frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("PUSH_PROMISE", frame(5, END_HEADERS, 1, &[0, 0, 0, 2])),
        (
            "padding longer than its frame",
            [frame(kind::HEADERS, END_HEADERS, 1, &head), frame(kind::DATA, 8, 1, &[9, 1, 2])].concat(),
        ),
        ("an index of no field", frame(kind::HEADERS, whole, 1, &[0xff, 0xff, 0x7f])),
        ("Huffman padding of a byte", frame(kind::HEADERS, whole, 1, &[0, 0x81, 0xff, 0x81, 0xff])),
        (
            "a stream that depends on itself",
            frame(kind::HEADERS, whole | 32, 1, &[&[0, 0, 0, 1, 9][..], &head].concat()),
        ),
    ];
    for (what, bytes) in cases {
        let mut client = logged.client();
        client.fresh();
        client.send(bytes);
        client.until(what, |client| client.is_closed || client.so_far(1).reset.is_some());
        let is_told = client.goaways.iter().any(|(_, why)| *why != reason::NO_ERROR);
        assert!(is_told || client.so_far(1).reset.is_some(), "{what}: {client:?}");
    }
    eventually_alive(&logged);
}

#[track_caller]
fn eventually_alive(logged: &Logged) {
    let mut client: H2 = logged.client();
    let id = client.get("/");
    assert_eq!(client.answer(id).status(), 200);
    drop(client);
    logged.gateway.metric_becomes("ringgate_http2_connections_active", 0.0);
    logged.gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
}

#[test]
fn what_comes_behind_the_end_of_a_stream_is_an_error_of_that_stream_at_most() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.get("/1");
    assert_eq!(client.answer(id).status(), 200);
    // Late frames of a stream that is over may have been on their way.
    client.frame(kind::WINDOW_UPDATE, 0, id, &[0, 0, 0, 9]);
    client.frame(kind::RST_STREAM, 0, id, &reason::CANCEL.to_be_bytes());
    let id = client.get("/2");
    assert_eq!(client.answer(id).status(), 200);
    assert!(client.goaways.is_empty(), "{client:?}");
}
