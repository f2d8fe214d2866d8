//! Streams that are cut: by the client, by the origin, by time. Others of the connection never notice.

use std::time::Duration;

use super::Logged;
use crate::harness::h2::{H2, reason};
use crate::harness::{FaultOrigin, Setup};

/// Sends on and on until the gateway goes; anything else than `/endless` gets `ok`.
fn endless() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.head() {
            if request.target != "/endless" {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
            while dialogue.send([b'x'; 10_000]) {}
            return;
        }
    })
}

#[track_caller]
fn goes_on(client: &mut H2) {
    let id = client.get("/other");
    assert_eq!(client.answer(id).text(), "ok");
    assert!(client.goaways.is_empty(), "{client:?}");
}

#[test]
fn a_client_that_takes_a_download_back_ends_it_upstream() {
    let origin = endless();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.get("/endless");
    client.until("some of the body", |client| client.so_far(id).body.len() > 100_000);
    client.reset(id, reason::CANCEL);
    origin.loses(1);
    let line = &logged.lines(1)[0];
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &"client_gone".into()), "{line}");
    goes_on(&mut client);
    logged.gateway.metric_becomes("ringgate_http2_streams_reset_total{by=\"client\"}", 1.0);
    logged.gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
}

#[test]
fn a_client_that_takes_an_upload_back_ends_it_upstream() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.head() {
            if request.target == "/upload" {
                while dialogue.piece().is_some() {}
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    for fields in [&[("content-length", "1000000")][..], &[]] {
        let logged = Logged::before(&origin, "");
        let mut client = logged.client();
        let lost = origin.closed();
        let id = client.request("POST", "/upload", fields, false);
        client.data(id, &[b'x'; 100_000], false);
        origin.receives(1);
        client.reset(id, reason::CANCEL);
        origin.loses(lost + 1);
        let line = &logged.lines(1)[0];
        assert_eq!((&line["status"], &line["error"]), (&499.into(), &"client_gone".into()), "{line}");
        goes_on(&mut client);
        logged.gateway.metric_becomes("ringgate_http2_streams_reset_total{by=\"client\"}", 1.0);
    }
}

#[test]
fn a_client_that_takes_a_request_back_before_its_answer_ends_it_upstream() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target == "/slow" && dialogue.closes_within(Duration::from_secs(10)) {
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.get("/slow");
    origin.receives(1);
    client.reset(id, reason::CANCEL);
    origin.loses(1);
    assert_eq!(logged.lines(1)[0]["error"], "client_gone");
    goes_on(&mut client);
    logged.gateway.metric_becomes("ringgate_http2_streams_reset_total{by=\"client\"}", 1.0);
}

#[test]
fn a_client_that_goes_ends_all_it_had_asked_for() {
    let origin = endless();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    client.gives_windows = false;
    for _ in 0..10 {
        client.get("/endless");
    }
    origin.receives(10);
    drop(client);
    origin.loses(10);
    let lines = logged.lines(10);
    assert!(lines.iter().all(|line| line["error"] == "client_gone"), "{lines:?}");
    logged.gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
    logged.gateway.metric_becomes("ringgate_http2_connections_active", 0.0);
    logged.gateway.metric_becomes("ringgate_buffers_leased", 0.0);
}

#[test]
fn an_answer_that_the_origin_cuts_never_looks_whole() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            match request.target.as_str() {
                "/length" => dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
                "/chunked" => {
                    dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                }
                "/broken" => {
                    dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
                    std::thread::sleep(Duration::from_millis(200));
                    dialogue.send("x\r\n")
                }
                _ => {
                    dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    continue;
                }
            };
            return;
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    for (count, path) in ["/length", "/chunked", "/broken"].into_iter().enumerate() {
        let id = client.get(path);
        let answer = client.answer(id);
        // The reset may overtake what has not been sent yet, the head too.
        assert!(matches!(answer.status(), 0 | 200), "{path}: {answer:?}");
        assert_eq!(answer.reset, Some(reason::INTERNAL_ERROR), "{path}");
        assert!(!answer.has_ended, "{path}");
        goes_on(&mut client);
        let selector = "ringgate_http2_streams_reset_total{by=\"gateway\"}";
        logged.gateway.metric_becomes(selector, count as f64 + 1.0);
    }
}

#[test]
fn an_origin_that_never_answers_is_a_bad_gateway_for_its_stream() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            match request.target.as_str() {
                "/reset" => return dialogue.reset(),
                "/late" => drop(dialogue.closes_within(Duration::from_secs(10))),
                _ => drop(dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
            }
        }
    });
    let logged = Logged::with(Setup::before(origin.address()).cluster("timeouts: {head: 400ms}"));
    let mut client = logged.client();
    for (path, status, code) in [("/reset", 502, "upstream_reset"), ("/late", 504, "upstream_head_timeout")] {
        let id = client.request("POST", path, &[], true);
        let answer = client.answer(id);
        assert_eq!(answer.status(), status);
        assert!(answer.text().contains(code), "{}", answer.text());
        goes_on(&mut client);
    }
}

#[test]
fn an_upload_that_stops_is_refused_in_time() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "limits: {body_timeout: 400ms}");
    let mut client = logged.client();
    let id = client.request("POST", "/", &[("content-length", "10")], false);
    client.data(id, b"hello", false);
    let answer = client.answer(id);
    assert_eq!(answer.status(), 408, "{answer:?}");
    let id = client.get("/");
    assert_eq!(client.answer(id).text(), "ok");
}
