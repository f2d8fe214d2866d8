//! A second endpoint asked beside the first: the sooner answer is taken, and no answer is mixed up.

use std::time::Duration;

use super::{failing_first, silent};
use crate::harness::{FaultOrigin, Gateway, Setup};

/// Answers what was asked, late.
fn slow(after: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            std::thread::sleep(after);
            let target = request.target;
            if !dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()))
            {
                return;
            }
        }
    })
}

const BUDGET: &str = "hedge_budget: {share: 100%, per_second: 100}";

fn between(first: &FaultOrigin, second: &FaultOrigin) -> Gateway {
    after("40ms", first, second)
}

fn after(wait: &str, first: &FaultOrigin, second: &FaultOrigin) -> Gateway {
    Setup::before(first.address())
        .endpoint(second.address())
        .route(&format!("hedge: {{after: {wait}}}"))
        .cluster(BUDGET)
        .one_worker()
        .start()
}

#[test]
fn the_sooner_answer_is_taken_and_belongs_to_its_request() {
    let (tardy, prompt) = (slow(Duration::from_millis(400)), FaultOrigin::echo());
    let gateway = between(&tardy, &prompt);
    let mut wire = gateway.wire();
    for number in 0..10 {
        let target = format!("/{number}");
        assert_eq!(wire.get(&target).has_status(200).text(), target);
    }
    let won = gateway.metric("ringgate_cluster_hedges_won_total");
    assert!(won >= 4.0, "{won} of those that went to the tardy one first");
    assert_eq!(prompt.requests().len(), 10, "all were answered there");
}

#[test]
fn a_longer_time_is_waited_for_as_well() {
    let (tardy, prompt) = (slow(Duration::from_millis(800)), FaultOrigin::echo());
    let gateway = after("120ms", &tardy, &prompt);
    let mut wire = gateway.wire();
    for number in 0..4 {
        let target = format!("/{number}");
        assert_eq!(wire.get(&target).has_status(200).text(), target);
    }
    assert_eq!(prompt.requests().len(), 4, "all were answered there");
    assert!(gateway.metric("ringgate_cluster_hedges_won_total") >= 2.0);
}

#[test]
fn a_head_that_has_begun_has_its_usual_time() {
    let halting = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            let first = dialogue.send("HTTP/1.1 200 OK\r\nContent-");
            std::thread::sleep(Duration::from_millis(400));
            if !(first && dialogue.send("Length: 2\r\n\r\nok")) {
                return;
            }
        }
    });
    let other = FaultOrigin::ok();
    let gateway = after("120ms", &halting, &other);
    let mut wire = gateway.wire();
    for _ in 0..6 {
        wire.get("/").has_status(200);
    }
    assert_eq!((halting.requests().len(), other.requests().len()), (3, 3));
}

#[test]
fn who_answers_in_time_is_asked_alone() {
    let (first, second) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway = between(&first, &second);
    for _ in 0..10 {
        gateway.get("/").has_status(200);
    }
    assert_eq!(first.requests().len() + second.requests().len(), 10);
    assert_eq!(gateway.metric("ringgate_cluster_hedges_total"), 0.0);
}

#[test]
fn what_may_not_be_done_twice_is_asked_once() {
    let (tardy, other) = (slow(Duration::from_millis(150)), slow(Duration::from_millis(150)));
    let gateway = between(&tardy, &other);
    for _ in 0..4 {
        gateway.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
        gateway.send("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
    }
    assert_eq!(tardy.requests().len() + other.requests().len(), 8);
}

#[test]
fn where_one_fails_the_other_is_waited_for() {
    let breaking = failing_first(usize::MAX, |dialogue, _| {
        std::thread::sleep(Duration::from_millis(80));
        dialogue.reset();
        false
    });
    let tardy = slow(Duration::from_millis(200));
    let gateway = between(&breaking, &tardy);
    for _ in 0..4 {
        gateway.get("/").has_status(200);
    }
}

#[test]
fn the_budget_bounds_it() {
    let (tardy, other) = (slow(Duration::from_millis(90)), slow(Duration::from_millis(90)));
    let gateway = Setup::before(tardy.address())
        .endpoint(other.address())
        .route("hedge: {after: 20ms}")
        .cluster("hedge_budget: {share: 5%, per_second: 0}")
        .one_worker()
        .start();
    for _ in 0..20 {
        gateway.get("/").has_status(200);
    }
    let asked = tardy.requests().len() + other.requests().len();
    assert!((20..=22).contains(&asked), "{asked} asked for 20 requests");
    assert!(gateway.metric("ringgate_cluster_hedges_denied_total") >= 17.0);
}

#[test]
fn a_silent_endpoint_is_hedged_and_its_connection_is_given_up() {
    let quiet = failing_first(usize::MAX, silent);
    let prompt = FaultOrigin::echo();
    let gateway = between(&quiet, &prompt);
    for _ in 0..4 {
        gateway.get("/").has_status(200);
    }
    quiet.loses(quiet.accepted());
}

#[test]
fn a_second_endpoint_is_asked_over_http2_as_well() {
    let (tardy, prompt) = (slow(Duration::from_millis(400)), FaultOrigin::echo());
    let gateway = between(&tardy, &prompt);
    let curl = || {
        let url = format!("http://{}/two", gateway.public());
        let output = std::process::Command::new("curl")
            .args(["-s", "--http2-prior-knowledge", "--max-time", "10", &url])
            .output()
            .expect("curl is installed");
        String::from_utf8(output.stdout).expect("text")
    };
    for _ in 0..4 {
        assert_eq!(curl(), "/two");
    }
}
