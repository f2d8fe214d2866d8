//! Origins that end streams and connections early, or let them wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::before;
use crate::harness::frames::{END, Frames, kind};
use crate::harness::{Dialogue, FaultOrigin, eventually};

const REFUSED_STREAM: u32 = 7;
const INTERNAL_ERROR: u32 = 2;
const MAX_STREAMS: u16 = 3;
const WINDOW: u16 = 4;
const POST: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";

/// Answers every request on every connection.
fn answer_all(dialogue: &mut Dialogue, body: &[u8]) {
    let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
    while let Some(stream) = frames.request() {
        frames.answer(stream, body);
    }
}

#[test]
fn exchanges_share_one_connection() {
    let origin = FaultOrigin::start(|dialogue| answer_all(dialogue, b"hello"));
    let gateway = before(origin.address()).start();
    let mut wires: Vec<_> = (0..20).map(|_| gateway.wire()).collect();
    for _ in 0..5 {
        for wire in &mut wires {
            wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        for wire in &mut wires {
            let answer = wire.read();
            assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        }
    }
    assert_eq!(origin.accepted(), 1);
    assert_eq!(gateway.metric("ringgate_endpoint_http2_streams_total"), 100.0);
    gateway.metric_becomes("ringgate_endpoint_http2_streams_active", 0.0);
    gateway.drain();
}

#[test]
fn a_request_that_was_not_looked_at_is_sent_again_whatever_it_asks_for() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let origin = FaultOrigin::start(move |dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        while let Some(stream) = frames.request() {
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => frames.reset(stream, REFUSED_STREAM),
                _ => frames.answer(stream, b"at last"),
            }
        }
    });
    let gateway = before(origin.address()).start();
    assert_eq!(gateway.send(POST).text(), "at last");
    assert_eq!(gateway.metric("ringgate_endpoint_http2_resets_total{code=\"refused_stream\"}"), 1.0);
    assert_eq!(refused.load(Ordering::SeqCst), 2);
}

#[test]
fn a_stream_behind_the_last_one_goes_to_another_connection_and_running_ones_end() {
    let origin = FaultOrigin::start(|dialogue| {
        let is_first = dialogue.number() == 0;
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        if !is_first {
            while let Some(stream) = frames.request() {
                frames.answer(stream, b"second");
            }
            return;
        }
        let Some(running) = frames.request() else { return };
        frames.head(running);
        let Some(_) = frames.request() else { return };
        frames.go_away(running);
        std::thread::sleep(Duration::from_millis(300));
        frames.send(kind::DATA, END, running, b"first");
        while frames.next().is_some() {}
    });
    let gateway = before(origin.address()).start();
    let mut running = gateway.wire();
    running.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(running.read_to_head().status, 200);
    assert_eq!(gateway.send(POST).text(), "second");
    assert_eq!(running.take(10), b"5\r\nfirst\r\n");
    assert_eq!(gateway.metric("ringgate_endpoint_http2_goaways_total"), 1.0);
    assert_eq!(gateway.get("/").text(), "second");
    origin.loses(1);
    assert_eq!(origin.accepted(), 2);
}

#[test]
fn a_request_that_was_given_up_is_not_sent_again() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        while let Some(stream) = frames.request() {
            frames.reset(stream, INTERNAL_ERROR);
        }
    });
    let gateway = before(origin.address()).start();
    for _ in 0..3 {
        gateway.get("/").has_problem(502, "upstream_reset");
    }
    assert_eq!(gateway.metric("ringgate_endpoint_http2_resets_total{code=\"internal_error\"}"), 3.0);
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        while let Some(stream) = frames.request() {
            frames.head(stream);
            frames.send(kind::DATA, 0, stream, b"half");
            std::thread::sleep(Duration::from_millis(100));
            frames.reset(stream, INTERNAL_ERROR);
        }
    });
    let gateway = before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.read_to_head().status, 200);
    assert_eq!(wire.take(9), b"4\r\nhalf\r\n");
    wire.expect_close();
}

#[test]
fn an_endpoint_that_takes_one_stream_gets_one_a_connection() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[(MAX_STREAMS, 1)]) else { return };
        while let Some(stream) = frames.request() {
            std::thread::sleep(Duration::from_millis(300));
            frames.answer(stream, b"alone");
        }
    });
    let gateway = before(origin.address()).start();
    let mut wires: Vec<_> = (0..4).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    for wire in &mut wires {
        assert_eq!(wire.read().text(), "alone");
    }
    assert!((2..=4).contains(&origin.accepted()), "{}", origin.accepted());
    assert_eq!(gateway.metric("ringgate_endpoint_http2_resets_total"), 0.0);
}

#[test]
fn a_closed_window_stops_its_stream_and_no_other() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[(WINDOW, 0)]) else { return };
        let mut is_first = true;
        while let Some(stream) = frames.request() {
            if !std::mem::take(&mut is_first) {
                frames.answer(stream, b"through");
            }
        }
    });
    let gateway = before(origin.address()).cluster("timeouts: {idle: 1s}").start();
    let mut stuck = gateway.wire();
    stuck.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n");
    stuck.send(vec![b'x'; 300_000]);
    eventually("the stream is open", || gateway.metric("ringgate_endpoint_http2_streams_active") == 1.0);
    assert_eq!(gateway.get("/").text(), "through");
    stuck.read().has_problem(504, "upstream_idle_timeout");
    gateway.metric_becomes("ringgate_endpoint_http2_streams_active", 0.0);
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn an_endpoint_without_a_sign_of_life_is_given_up() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        frames.is_alive = false;
        while frames.next().is_some() {}
    });
    let gateway = before(origin.address()).cluster("http2: {ping_after: 1s, ping_timeout: 1s}").start();
    gateway.get("/").has_problem(502, "upstream_reset");
    assert_eq!(gateway.metric("ringgate_endpoint_http2_dead_total"), 1.0);
    origin.loses(1);
}

#[test]
fn a_client_that_leaves_takes_its_stream_along_and_nothing_else() {
    let cancelled = Arc::new(AtomicUsize::new(0));
    let count = cancelled.clone();
    let origin = FaultOrigin::start(move |dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        while let Some(frame) = frames.next() {
            match frame.kind {
                kind::RST_STREAM => {
                    assert_eq!(frame.payload, [0, 0, 0, 8]);
                    count.fetch_add(1, Ordering::SeqCst);
                }
                kind::HEADERS if frame.stream > 1 => frames.answer(frame.stream, b"still here"),
                _ => {}
            }
        }
    });
    let gateway = before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("the stream is open", || gateway.metric("ringgate_endpoint_http2_streams_active") == 1.0);
    wire.reset();
    eventually("the origin is told", || cancelled.load(Ordering::SeqCst) == 1);
    assert_eq!(gateway.get("/").text(), "still here");
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_crowd_that_leaves_in_the_middle_does_not_end_the_connection() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        let piece = [b'x'; 16_384];
        while let Some(frame) = frames.next() {
            match frame.kind {
                kind::HEADERS => {
                    frames.head(frame.stream);
                    frames.send(kind::DATA, 0, frame.stream, &piece);
                }
                // What was on its way when the client left.
                kind::RST_STREAM => (0..2).for_each(|_| frames.send(kind::DATA, 0, frame.stream, &piece)),
                _ => {}
            }
        }
    });
    let gateway = before(origin.address()).start();
    let mut staying = gateway.wire();
    staying.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(staying.read_to_head().status, 200);
    for _ in 0..400 {
        let mut wire = gateway.wire();
        wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(wire.read_to_head().status, 200);
        wire.reset();
    }
    gateway.metric_becomes("ringgate_endpoint_http2_streams_active", 1.0);
    assert_eq!((origin.accepted(), origin.closed()), (1, 0));
}

#[test]
fn idle_and_old_connections_are_closed() {
    for cluster in ["pool: {idle_timeout: 1s}", "http2: {max_age: 1s}"] {
        let origin = FaultOrigin::start(|dialogue| answer_all(dialogue, b"hello"));
        let gateway = before(origin.address()).cluster(cluster).start();
        assert_eq!(gateway.get("/").text(), "hello");
        origin.loses(1);
        gateway.metric_becomes("ringgate_endpoint_http2_connections", 0.0);
        assert_eq!(gateway.get("/").text(), "hello");
        assert_eq!(origin.accepted(), 2, "{cluster}");
    }
}

#[test]
fn an_origin_that_speaks_http1_is_told_apart() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        while dialogue.piece().is_some() {}
    });
    let gateway = before(origin.address()).start();
    gateway.get("/").has_problem(502, "upstream_reset");
}
