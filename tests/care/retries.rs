//! Attempts that are made again: which, how often, and never more than the budget has.

use std::time::Duration;

use super::{failing_first, nobody, reset, silent, unavailable};
use crate::harness::{FaultOrigin, Gateway, Setup};

const RETRIES: &str = "retries: {attempts: 3, per_try_timeout: 200ms, backoff: {base: 1ms, max: 5ms}}";

fn before(origin: &FaultOrigin) -> Gateway {
    Setup::before(origin.address()).route(RETRIES).one_worker().start()
}

#[test]
fn a_status_is_asked_for_again_on_the_same_connection() {
    let origin = failing_first(2, unavailable);
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
    assert_eq!(
        (origin.requests().len(), origin.accepted()),
        (3, 1),
        "a whole answer leaves its connection clean"
    );
    assert_eq!(gateway.metric("ringgate_cluster_retries_total{reason=\"status\"}"), 2.0);
}

#[test]
fn a_reset_is_tried_again() {
    let origin = failing_first(2, reset);
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
    assert_eq!(gateway.metric("ringgate_cluster_retries_total{reason=\"reset\"}"), 2.0);
}

#[test]
fn a_head_that_does_not_come_in_time_is_tried_again() {
    let origin = failing_first(1, silent);
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
    assert_eq!(gateway.metric("ringgate_cluster_retries_total{reason=\"timeout\"}"), 1.0);
}

#[test]
fn half_a_head_is_tried_again() {
    let origin = failing_first(1, |dialogue, _| {
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Le");
        false
    });
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
}

#[test]
fn an_answer_that_has_begun_is_not() {
    let origin = failing_first(1, |dialogue, _| {
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        false
    });
    let gateway = before(&origin);
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(wire.read_head().status, 200);
    wire.expect_close();
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn the_last_answer_is_passed_on_when_attempts_run_out() {
    let origin = failing_first(100, unavailable);
    let gateway = before(&origin);
    let answer = gateway.get("/").has_status(503);
    assert_eq!((answer.text().as_str(), origin.requests().len()), ("busy", 3));
}

#[test]
fn a_post_is_tried_again_only_with_a_key_or_with_permission() {
    let post = |extra: &str| format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n{extra}\r\nabc");
    let origin = failing_first(1, unavailable);
    let gateway = before(&origin);
    gateway.send(post("")).has_status(503);
    assert_eq!(gateway.send(post("")).has_status(200).text(), "POST abc");
    let origin = failing_first(1, unavailable);
    let gateway = before(&origin);
    assert_eq!(gateway.send(post("Idempotency-Key: 7\r\n")).has_status(200).text(), "POST abc");
    let origin = failing_first(1, unavailable);
    let permitted = Setup::before(origin.address()).route("retries: {methods: [POST]}").start();
    assert_eq!(permitted.send(post("")).has_status(200).text(), "POST abc");
    let origin = failing_first(1, unavailable);
    let permitted = Setup::before(origin.address()).route("retries: {methods: [POST]}").start();
    permitted.get("/").has_status(503);
}

#[test]
fn a_body_that_comes_in_pieces_is_kept_and_sent_again_up_to_its_bound() {
    let body = "x".repeat(20_000);
    let slowly = |gateway: &Gateway| {
        let mut wire = gateway.wire();
        wire.send(format!("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", body.len()));
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(5_000).collect();
        wire.send_slowly(pieces, Duration::from_millis(20));
        wire.read()
    };
    let origin = failing_first(1, reset);
    let gateway = before(&origin);
    assert_eq!(slowly(&gateway).has_status(200).text(), format!("PUT {body}"));
    let origin = failing_first(1, reset);
    let strict = "retries: {body_bytes: 10KiB}";
    let gateway = Setup::before(origin.address()).route(strict).one_worker().start();
    slowly(&gateway).has_problem(502, "upstream_reset");
    assert_eq!(slowly(&gateway).has_status(200).text(), format!("PUT {body}"), "larger ones are sent once");
}

#[test]
fn a_chunked_body_is_kept_too() {
    let origin = failing_first(1, unavailable);
    let gateway = before(&origin);
    let mut wire = gateway.wire();
    wire.send("PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.send_slowly([&b"3\r\nabc\r\n"[..], b"2\r\nd", b"e\r\n", b"0\r\n\r\n"], Duration::from_millis(20));
    assert_eq!(wire.read().has_status(200).text(), "PUT abcde");
}

#[test]
fn another_endpoint_comes_first() {
    let bad = failing_first(usize::MAX, unavailable);
    let good = FaultOrigin::ok();
    let setup = Setup::before(bad.address()).endpoint(good.address()).route(RETRIES).one_worker();
    let gateway = setup.start();
    for _ in 0..10 {
        gateway.get("/").has_status(200);
    }
    assert_eq!(good.requests().len(), 10);
    assert!(bad.requests().len() <= 10, "none of them twice");
}

#[test]
fn a_dead_cluster_sees_no_storm() {
    let origin = failing_first(usize::MAX, unavailable);
    let setup = Setup::before(origin.address())
        .route("retries: {attempts: 10, backoff: {base: 1ms, max: 1ms}}")
        .cluster("retry_budget: {share: 20%, per_second: 5}");
    let gateway = setup.start();
    let begun = std::time::Instant::now();
    let asked: usize = std::thread::scope(|scope| {
        let client = || {
            let mut wire = gateway.wire();
            (0..250).map(|_| wire.get("/").has_status(503)).count()
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    let retries = origin.requests().len() - asked;
    let in_any_case = 5 * (2 + begun.elapsed().as_secs() as usize);
    assert!(retries <= asked / 5 + in_any_case, "{retries} retries of {asked} requests");
    assert!(retries > asked / 20, "{retries} retries of {asked} requests");
    assert!(gateway.metric("ringgate_cluster_retries_denied_total") > 0.0);
}

#[test]
fn endpoints_that_refuse_are_left_for_others_whatever_the_method() {
    let good = FaultOrigin::ok();
    let gateway = Setup::before(nobody()).endpoint(good.address()).one_worker().start();
    for _ in 0..6 {
        gateway.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
    }
}

#[test]
fn an_endpoint_that_has_refused_is_passed_over_while_there_are_others() {
    let good = FaultOrigin::ok();
    let gateway = Setup::before(nobody()).endpoint(good.address()).one_worker().start();
    let begun = std::time::Instant::now();
    let mut wire = gateway.wire();
    for _ in 0..200 {
        wire.get("/").has_status(200);
    }
    let refused = gateway.metric("ringgate_cluster_retries_total{reason=\"connect\"}");
    let seconds = begun.elapsed().as_secs_f64();
    assert!((1.0..=2.0 + seconds).contains(&refused), "{refused} refusals in {seconds} s");
}

#[test]
fn the_time_that_is_left_goes_upstream() {
    let origin = failing_first(1, silent);
    let gateway = Setup::before(origin.address())
        .cluster("timeouts: {total: 5s, deadline_header: X-Left-Ms}")
        .route(RETRIES)
        .one_worker()
        .start();
    gateway.get("/").has_status(200);
    let told: Vec<u64> =
        origin.requests().iter().map(|it| it.field("x-left-ms").expect("told").parse().unwrap()).collect();
    assert!(told[0] <= 5_000 && told[0] > 4_000, "{told:?}");
    assert!(told[1] < told[0] && told[1] > 3_000, "{told:?}");
}

#[test]
fn what_was_tried_again_stands_in_the_log() {
    let origin = failing_first(1, unavailable);
    let mut gateway =
        Setup::before(origin.address()).route(RETRIES).top("access_log: {to: stderr}").one_worker().start();
    gateway.get("/").has_status(200);
    crate::harness::eventually("the line is written", || {
        gateway.process().stderr().contains("\"retried\":\"status\"")
    });
    assert!(gateway.process().stderr().contains("\"attempts\":2"));
}

#[test]
fn explain_tells_what_would_be_done() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/retries.yaml");
    let explain = |method: &str, path: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ringgate"))
            .args(["explain", method, &format!("http://a{path}"), "-c", file])
            .output()
            .expect("the binary runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let told = explain("GET", "/orders");
    assert!(told.contains("retries     3 attempts in all; for: connect, reset, timeout, status"), "{told}");
    let told = explain("POST", "/orders");
    assert!(told.contains("it may not be done twice"), "{told}");
    let told = explain("GET", "/reports");
    assert!(told.contains("fallback    cluster spare"), "{told}");
    let told = explain("GET", "/banners");
    assert!(
        told.contains("retries     up to 3 endpoints") && told.contains("200 of the gateway's own"),
        "{told}"
    );
}
