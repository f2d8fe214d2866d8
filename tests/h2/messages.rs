//! One request and its answer, whatever they look like.

use super::Logged;
use crate::harness::{FaultOrigin, Setup};

#[test]
fn a_get_and_its_answer_are_told_in_full() {
    let origin =
        FaultOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Two: a\r\nX-Two: b\r\n\r\nok");
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.request("GET", "/a/b?q=1", &[("user-agent", "tester"), ("x-up", "1")], true);
    let answer = client.answer(id);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.field("content-length"), Some("2"));
    let two: Vec<_> =
        answer.fields.iter().filter(|(name, _)| name == "x-two").map(|(_, value)| value).collect();
    assert_eq!(two, ["a", "b"]);
    assert!(answer.field("date").is_some() && answer.field("via") == Some("1.1 ringgate"), "{answer:?}");

    let request = origin.only_request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a/b?q=1"));
    for (name, value) in [
        ("host", "test"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "test"),
        ("via", "2.0 ringgate"),
        ("x-up", "1"),
    ] {
        assert_eq!(request.field(name), Some(value), "{name}: {:#?}", request.fields);
    }
    assert_eq!(request.field("x-request-id"), answer.field("x-request-id"));

    let line = &logged.lines(1)[0];
    for (name, value) in [("protocol", "HTTP/2"), ("method", "GET"), ("path", "/a/b"), ("host", "test")] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert_eq!((&line["status"], &line["response_bytes"]), (&200.into(), &2.into()));
    let gateway = &logged.gateway;
    gateway.metric_becomes("ringgate_http2_streams_total", 1.0);
    gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
    gateway.metric_becomes("ringgate_http2_connections_active", 1.0);
    gateway.metric_becomes("ringgate_requests_total{status_class=\"2xx\"}", 1.0);
    drop(client);
    gateway.metric_becomes("ringgate_http2_connections_active", 0.0);
    logged.ended("client", 1);
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let head = match request.target.as_str() {
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 7\r\n\r\n",
                "/302" => "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
            };
            dialogue.send(head);
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    for (method, path, status, field) in [
        ("GET", "/204", 204, ("x-none", None)),
        ("GET", "/304", 304, ("etag", Some("\"x\""))),
        ("GET", "/302", 302, ("location", Some("/there"))),
        ("HEAD", "/", 200, ("content-length", Some("5000"))),
    ] {
        let id = client.request(method, path, &[], true);
        let answer = client.answer(id);
        assert_eq!((answer.status(), answer.body.len(), answer.reset), (status, 0, None), "{path}");
        assert_eq!(answer.field(field.0), field.1, "{path}");
    }
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn our_own_answers_are_problem_details() {
    let origin = FaultOrigin::ok();
    let routes = "  - {name: ping, match: {path: /ping}, respond: {status: 200, body: pong}}\n  - {name: away, \
                  match: {path: /away}, redirect: {to: 'https://{host}/x'}}\n  - {name: up, match: {path: /up}, \
                  cluster: origin, policies: {request_limits: {body_bytes: 10B}}}";
    let logged = Logged::with(Setup::before(origin.address()).routes(routes));
    let mut client = logged.client();
    let answers = ["/ping", "/away", "/nothing"].map(|path| {
        let id = client.get(path);
        client.answer(id)
    });
    assert_eq!((answers[0].status(), answers[0].text().as_str()), (200, "pong"));
    assert_eq!((answers[1].status(), answers[1].field("location")), (308, Some("https://test/x")));
    assert_eq!(answers[2].status(), 404);
    assert_eq!(answers[2].field("content-type"), Some("application/problem+json"));
    assert!(answers[2].text().contains("\"no_route\""), "{}", answers[2].text());
    let id = client.request("POST", "/up", &[("content-length", "11")], false);
    client.data(id, b"hello world", true);
    assert_eq!(client.answer(id).status(), 413);
    let id = client.request("TRACE", "/ping", &[], true);
    assert_eq!(client.answer(id).status(), 405);
    let id = client.request("OPTIONS", "*", &[], true);
    assert_eq!(client.answer(id).status(), 204);
    let id = client.get("/ping");
    assert_eq!(client.answer(id).status(), 200, "the connection goes on");
    assert!(origin.requests().is_empty());
}

#[test]
fn uploads_come_with_a_length_or_in_chunks() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    for (fields, pieces) in [
        (&[("content-length", "10")][..], &[&b"01234"[..], b"56789"][..]),
        (&[], &[b"01234", b"", b"56789"]),
        (&[], &[b"0123456789"]),
        (&[("content-length", "0")], &[b""]),
        (&[], &[b""]),
    ] {
        let id = client.request("PUT", "/", fields, false);
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            client.frame(0, 0, id, piece);
        }
        client.data(id, last, true);
        assert_eq!(client.answer(id).status(), 200);
        let request = origin.requests().pop().unwrap();
        assert_eq!(request.body, pieces.concat(), "{fields:?} {pieces:?}");
        assert_eq!(request.is_chunked(), fields.is_empty(), "{request:?}");
    }
    let id = client.request("POST", "/", &[], true);
    assert_eq!(client.answer(id).status(), 200);
    let request = origin.requests().pop().unwrap();
    assert_eq!((request.field("content-length"), request.is_chunked()), (Some("0"), false));
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn padding_and_priority_are_no_part_of_a_message() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    // PADDED (8) and PRIORITY (32) with END_HEADERS; the block between them and the padding.
    let fields = [(":method", "PUT"), (":scheme", "http"), (":authority", "test"), (":path", "/")];
    let id = client.open(&fields, false);
    client.frame(0, 8, id, b"\x04abcd\0\0\0\0");
    client.frame(0, 8 | 1, id, b"\x02ef\0\0");
    assert_eq!(client.answer(id).status(), 200);
    let mut block = vec![3, 0, 0, 0, 0, 15];
    block.extend(crate::harness::h2::block(&fields));
    block.extend([0; 3]);
    let id = client.fresh();
    client.frame(1, 4 | 1 | 8 | 32, id, &block);
    assert_eq!(client.answer(id).status(), 200);
    assert_eq!(origin.requests()[0].body, b"abcdef");
}

#[test]
fn trailers_go_both_ways() {
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            dialogue.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 4\r\nbody\r\n0\r\nX-Sum: 7\r\nX-More: yes\r\n\r\n",
            );
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.request("POST", "/", &[("trailer", "x-check"), ("te", "trailers")], false);
    client.data(id, b"hello", false);
    client.trailers(id, &[("x-check", "1"), ("x-user-id", "root")]);
    let answer = client.answer(id);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "body"));
    let trailers = answer.trailers.expect("there are trailers");
    assert_eq!(trailers, [("x-sum".to_owned(), "7".to_owned()), ("x-more".to_owned(), "yes".to_owned())]);
    let request = origin.only_request();
    assert_eq!(request.body, b"hello");
    assert_eq!(request.trailers, [("x-check".to_owned(), "1".to_owned())]);
    // Without a byte of a body.
    let id = client.request("POST", "/", &[], false);
    client.trailers(id, &[("x-check", "2")]);
    assert_eq!(client.answer(id).status(), 200);
    assert_eq!(origin.requests()[1].trailers[0].1, "2");
}

#[test]
fn a_client_that_asks_first_is_told_to_continue() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(dialogue.take(5).unwrap(), b"hello");
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let fields = [("expect", "100-continue"), ("content-length", "5")];
    let id = client.request("POST", "/", &fields, false);
    client.until("100 Continue", |client| !client.so_far(id).interim.is_empty());
    client.data(id, b"hello", true);
    let answer = client.answer(id);
    assert_eq!((answer.status(), answer.interim.len()), (200, 1));
    assert_eq!(answer.interim[0][0].1, "100");
}

#[test]
fn early_hints_come_early() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        std::thread::sleep(std::time::Duration::from_millis(200));
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.get("/");
    client.until("103", |client| !client.so_far(id).interim.is_empty());
    assert!(client.so_far(id).fields.is_empty(), "the answer was not early");
    let answer = client.answer(id);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    let link = ("link".to_owned(), "</a.css>; rel=preload".to_owned());
    assert!(answer.interim[0].contains(&link), "{:?}", answer.interim);
}

#[test]
fn cookies_are_one_field_upstream() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let cookies: Vec<String> = (0..40).map(|number| format!("name{number}=value{number}")).collect();
    let fields: Vec<_> = cookies.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
    let id = client.request("GET", "/", &fields, true);
    assert_eq!(client.answer(id).status(), 200);
    assert_eq!(origin.only_request().field("cookie"), Some(cookies.join("; ").as_str()));
}

#[test]
fn a_head_in_many_pieces_is_one_head_and_one_that_is_too_large_is_refused() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let value = "v".repeat(20_000);
    let block = crate::harness::h2::block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", "/"),
        ("x-long", &value),
    ]);
    for size in [16_384, 4_000, 5_000] {
        let id = client.open_pieces(&block, size, true);
        assert_eq!(client.answer(id).status(), 200, "{size}");
    }
    assert_eq!(origin.requests()[1].field("x-long"), Some(value.as_str()));
    let value = "v".repeat(12_000);
    let fields = [("x-1", value.as_str()), ("x-2", &value), ("x-3", &value)];
    let id = client.request("GET", "/", &fields, true);
    assert_eq!(client.answer(id).status(), 431);
    let fields: Vec<_> = (0..101).map(|_| ("x-many", "1")).collect();
    let id = client.request("GET", "/", &fields, true);
    assert_eq!(client.answer(id).status(), 431);
    let id = client.get("/");
    assert_eq!(client.answer(id).status(), 200, "the connection goes on");
    assert_eq!(origin.requests().len(), 4);
}
