//! A connection from its preface to its end: how many streams, how long, and how it is told to go.

use std::time::{Duration, Instant};

use super::Logged;
use crate::harness::h2::{H2, PREFACE, kind, reason};
use crate::harness::{FaultOrigin, Setup, Wire, curl, eventually};

/// Answers `/slow` after the first of two halves has been taken for this long.
fn slow(pause: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target != "/slow" {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            std::thread::sleep(pause);
            dialogue.send("other");
        }
    })
}

#[test]
fn streams_beyond_the_limit_are_refused_and_others_go_on() {
    let origin = slow(Duration::from_millis(700));
    let logged = Logged::before(&origin, "limits: {http2_streams: 4}");
    let mut client = logged.client();
    assert_eq!(client.settings[&3], 4, "SETTINGS_MAX_CONCURRENT_STREAMS");
    let ids: Vec<u32> = (0..6).map(|_| client.get("/slow")).collect();
    let answers: Vec<_> = ids.iter().map(|id| client.answer(*id)).collect();
    for answer in &answers[..4] {
        assert_eq!((answer.text().as_str(), answer.reset), ("firstother", None));
    }
    for answer in &answers[4..] {
        assert_eq!((answer.status(), answer.reset), (0, Some(reason::REFUSED_STREAM)));
    }
    assert_eq!(origin.requests().len(), 4);
    let id = client.get("/");
    assert_eq!(client.answer(id).text(), "ok");
}

#[test]
fn a_connection_that_has_served_enough_is_told_to_go() {
    let origin = FaultOrigin::echo();
    let logged = Logged::before(&origin, "limits: {keepalive_requests: 3}");
    let mut client = logged.client();
    for path in ["/1", "/2", "/3"] {
        let id = client.get(path);
        assert_eq!(client.answer(id).text(), path);
    }
    client.until_closed();
    // First that it is over, then how far it came (RFC 9113 6.8).
    assert_eq!(client.goaways, [(0x7fff_ffff, reason::NO_ERROR), (5, reason::NO_ERROR)]);
    logged.ended("requests", 1);
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "limits: {keepalive_timeout: 2s}");
    let mut client = logged.client();
    let id = client.get("/");
    assert_eq!(client.answer(id).text(), "ok");
    let begun = Instant::now();
    client.until_closed();
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(6), "{took:?}");
    assert_eq!(client.goaways.last(), Some(&(id, reason::NO_ERROR)));
    logged.ended("idle", 1);
}

#[test]
fn one_that_does_not_listen_is_closed_all_the_same() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "limits: {keepalive_timeout: 1s}");
    let mut client = logged.client();
    client.answers_pings = false;
    client.until_closed();
    // And one that never ends the head it has begun.
    let mut client = logged.client();
    client.answers_pings = false;
    client.frame(kind::HEADERS, 0, 1, &crate::harness::h2::block(&[(":method", "GET")]));
    client.until_closed();
    logged.ended("idle", 2);
}

#[test]
fn a_busy_connection_is_not_idle() {
    let origin = slow(Duration::from_secs(3));
    let logged = Logged::before(&origin, "limits: {keepalive_timeout: 1s}");
    let mut client = logged.client();
    let id = client.get("/slow");
    assert_eq!(client.answer(id).text(), "firstother");
    assert!(client.goaways.is_empty());
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let origin = FaultOrigin::echo();
    let logged = Logged::before(&origin, "");
    let mut clients: Vec<H2> = (0..20).map(|_| logged.client()).collect();
    for round in 0..2 {
        for (at, client) in clients.iter_mut().enumerate() {
            let ids: Vec<u32> = (0..5).map(|_| client.get(&format!("/{at}"))).collect();
            for id in ids {
                assert_eq!(client.answer(id).text(), format!("/{at}"), "{round}");
            }
        }
        eventually("no buffers are held", || logged.gateway.metric("ringgate_buffers_leased") == 0.0);
    }
    assert_eq!(logged.gateway.metric("ringgate_http2_connections_total"), 20.0);
}

#[test]
fn streams_end_before_the_gateway_does() {
    let origin = slow(Duration::from_millis(1_500));
    let mut logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let mut idle = logged.client();
    let id = client.get("/slow");
    client.until("the first half", |client| client.so_far(id).body == b"first");
    logged.gateway.signal(libc::SIGTERM);
    client.until("GOAWAY", |client| !client.goaways.is_empty());
    assert_eq!(client.goaways[0].1, reason::NO_ERROR);
    assert!(!client.so_far(id).has_ended, "told only at the end");
    assert_eq!(client.answer(id).text(), "firstother");
    client.until_closed();
    assert_eq!(client.goaways.last(), Some(&(id, reason::NO_ERROR)));
    idle.until_closed();
    assert_eq!(idle.goaways.last(), Some(&(0, reason::NO_ERROR)));
    logged.gateway.ends_with(0);
}

#[test]
fn a_stream_that_does_not_end_is_cut_when_the_time_is_up() {
    let origin = slow(Duration::from_secs(10));
    let mut logged = Logged::before(&origin, "limits: {drain_timeout: 1s}");
    let mut client = logged.client();
    let id = client.get("/slow");
    client.until("the first half", |client| client.so_far(id).body == b"first");
    let begun = Instant::now();
    logged.gateway.signal(libc::SIGTERM);
    client.until_closed();
    assert!(!client.so_far(id).has_ended);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    logged.gateway.ends_with(0);
}

#[test]
fn a_listener_may_speak_http1_alone() {
    let origin = FaultOrigin::ok();
    let logged = Logged::with(Setup::before(origin.address()).listener("http2: false"));
    let mut wire = logged.gateway.wire();
    wire.send(PREFACE);
    assert_eq!(wire.read().status, 505);
    let url = format!("http://{}/", logged.gateway.public());
    assert_eq!(curl(&["--http1.1", &url]), "ok");
    assert_eq!(logged.gateway.metric("ringgate_http2_connections_total"), 0.0);
}

#[test]
fn whatever_does_not_begin_as_http2_begins_is_closed() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "limits: {head_timeout: 1s}");
    let mut wrong = PREFACE.to_vec();
    wrong[20] = b'x';
    for opening in [&wrong[..], &PREFACE[..20]] {
        let mut client = H2::raw(logged.gateway.public());
        client.send(opening);
        client.until_closed();
    }
    logged.ended("preface", 2);
    // The preface is none behind a request.
    let mut wire: Wire = logged.gateway.wire();
    assert_eq!(wire.get("/").status, 200);
    wire.send(PREFACE);
    assert_eq!(wire.read().status, 505);
    // In pieces it is as good as in one.
    let mut client = H2::raw(logged.gateway.public());
    for piece in PREFACE.chunks(5) {
        client.send(piece);
        std::thread::sleep(Duration::from_millis(20));
    }
    client.frame(kind::SETTINGS, 0, 0, b"");
    let id = client.get("/");
    assert_eq!(client.answer(id).text(), "ok");
}
