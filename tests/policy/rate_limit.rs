//! `rate_limit`: how often, one number for all workers.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Gateway, Setup, tool};

/// A gateway with these limits, whose only route has these policies.
fn limited(limits: &str, policies: &str) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top(&format!("rate_limits: {{{limits}}}"))
        .route(&format!("policies: {{{policies}}}"))
        .start();
    (origin, gateway)
}

/// How many of so many requests, each on a connection of its own, are admitted.
fn admitted(gateway: &Gateway, fields: &str, requests: usize) -> usize {
    (0..requests).filter(|_| gateway.get_with("/", fields).status == 200).count()
}

#[test]
fn five_a_minute_are_five_whichever_worker_they_come_to() {
    for algorithm in ["token_bucket", "fixed_window", "sliding_window", "sliding_log"] {
        let (origin, gateway) = limited(
            &format!("low: {{algorithm: {algorithm}, rate: 5/h, key: []}}"),
            "rate_limit: {limits: [low]}",
        );
        assert_eq!(admitted(&gateway, "", 40), 5, "{algorithm}");
        assert_eq!(origin.requests().len(), 5, "what is refused goes nowhere");
        gateway.metric_becomes("ringgate_rate_limit_requests_total{limit=\"low\",outcome=\"refused\"}", 35.0);
    }
}

#[test]
fn curl_on_many_connections_at_once_gets_five() {
    let (origin, gateway) = limited("low: {rate: 5/h, key: []}", "rate_limit: {limits: [low]}");
    let url = format!("http://{}/[1-60]", gateway.public());
    let arguments = ["-s", "--parallel", "--parallel-immediate", "--parallel-max", "60"];
    let said = tool("curl", &[&arguments[..], &["-o", "/dev/null", "-w", "%{http_code}\n", &url]].concat());
    assert_eq!(said.lines().filter(|line| *line == "200").count(), 5, "{said}");
    assert_eq!(origin.requests().len(), 5);
}

#[test]
fn a_refusal_says_when_to_come_again_and_how_things_stand() {
    let (_origin, gateway) = limited(
        "per_minute: {rate: 2/m, key: []}",
        "rate_limit: {limits: [per_minute], headers: {legacy: true}}",
    );
    let first = gateway.get("/").has_status(200);
    assert_eq!(first.field("ratelimit-policy"), Some("\"per_minute\";q=2;w=60"));
    // Rounded up: a moment may have gone by, or not.
    let stands = first.field("ratelimit");
    assert!(matches!(stands, Some("\"per_minute\";r=1;t=30" | "\"per_minute\";r=1;t=31")), "{stands:?}");
    assert_eq!(first.field("x-ratelimit-remaining"), Some("1"));
    assert_eq!(first.field("retry-after"), None);
    gateway.get("/").has_status(200);
    let refused = gateway.get("/").has_problem(429, "rate_limited");
    assert_eq!(refused.field("x-ratelimit-limit"), Some("2"));
    assert_eq!(refused.field("x-ratelimit-remaining"), Some("0"));
    let seconds: u64 = refused.field("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=30).contains(&seconds), "{seconds}");
}

#[test]
fn keys_are_counted_apart() {
    let (_origin, gateway) = limited(
        "team: {rate: 3/h, key: [\"header:x-team\", client.address]}",
        "rate_limit: {limits: [team]}",
    );
    assert_eq!(admitted(&gateway, "X-Team: red\r\n", 10), 3);
    assert_eq!(admitted(&gateway, "X-Team: blue\r\n", 10), 3);
    assert_eq!(admitted(&gateway, "", 10), 3, "those without a team share one account");
}

#[test]
fn what_lacks_the_key_is_let_through_or_refused_as_it_is_told() {
    let (_origin, gateway) = limited(
        "team: {rate: 1/h, key: [\"header:x-team\"], when_key_missing: skip}",
        "rate_limit: {limits: [team]}",
    );
    assert_eq!(admitted(&gateway, "", 5), 5);
    let (_origin, gateway) = limited(
        "team: {rate: 1/h, key: [\"header:x-team\"], when_key_missing: refuse}",
        "rate_limit: {limits: [team]}",
    );
    gateway.get("/").has_problem(403, "rate_key_missing");
}

#[test]
fn a_request_that_one_limit_refuses_costs_nothing_at_the_others() {
    let (_origin, gateway) = limited(
        "wide: {rate: 20/h, key: []}, narrow: {rate: 2/h, key: [\"header:x-team\"]}",
        "rate_limit: {limits: [wide, narrow]}",
    );
    assert_eq!(admitted(&gateway, "X-Team: red\r\n", 30), 2);
    // Of 20 in all, 28 refused ones have taken none.
    let teams = (0..12).map(|team| admitted(&gateway, &format!("X-Team: {team}\r\n"), 3)).sum::<usize>();
    assert_eq!(teams, 18);
}

#[test]
fn dear_requests_count_for_more() {
    let (_origin, gateway) = limited(
        "costly: {rate: 10/h, key: [], cost_field: x-cost, cost_max: 5}",
        "rate_limit: {limits: [costly]}",
    );
    assert_eq!(admitted(&gateway, "X-Cost: 4\r\n", 5), 2);
    assert_eq!(admitted(&gateway, "X-Cost: nonsense\r\n", 5), 2, "counts as one");
}

#[test]
fn requests_wait_for_their_turn() {
    let (_origin, gateway) = limited(
        "evenly: {algorithm: leaky_bucket, rate: 10/s, key: [], max_wait: 10s}",
        "rate_limit: {limits: [evenly]}",
    );
    let begin = Instant::now();
    assert_eq!(admitted(&gateway, "", 4), 4);
    // The first at once, the others 100 ms after each other: a lower bound holds on any machine.
    assert!(begin.elapsed() >= Duration::from_millis(295), "{:?}", begin.elapsed());
    assert!(gateway.metric("ringgate_rate_limit_waited_total{limit=\"evenly\"}") >= 2.0);
}

#[test]
fn all_workers_together_keep_a_limit_under_load_and_use_it() {
    let (_origin, gateway) =
        limited("busy: {rate: 500/s, burst: 100, key: []}", "rate_limit: {limits: [busy]}");
    let begin = Instant::now();
    let url = format!("http://{}/", gateway.public());
    let said = tool("wrk", &["-t1", "-c16", "-d3s", "--timeout", "10s", &url]);
    let most = 500.0 * begin.elapsed().as_secs_f64() + 100.0;
    let got = gateway.metric("ringgate_rate_limit_requests_total{limit=\"busy\",outcome=\"admitted\"}");
    println!("{got} admitted, {most} at most\n{said}");
    assert!(got <= most, "{got} of {most}\n{said}");
    assert!(got >= 0.98 * (500.0 * 3.0 + 100.0), "{got}\n{said}");
}

#[test]
fn a_client_that_goes_while_it_waits_takes_nothing_along() {
    let (_origin, gateway) = limited(
        "slow: {algorithm: leaky_bucket, rate: 1/s, key: [], burst: 1, max_wait: 3s}",
        "rate_limit: {limits: [slow]}",
    );
    gateway.get("/").has_status(200);
    for _ in 0..2 {
        use std::io::Write;
        let mut gone = TcpStream::connect(gateway.public()).expect("connects");
        gone.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    }
    gateway.metric_becomes("ringgate_connections_active", 0.0);
}
