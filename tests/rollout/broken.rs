//! Configurations that break a route touch one worker's share of it, for a few seconds, and are taken back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Got, Load, Staged, orders};
use crate::harness::{FaultOrigin, free_address};

/// Until the source is seen to have changed, and a judgement after it.
const SOON: Duration = Duration::from_secs(30);
const CHANGES: &str = "rollout: {hold: 10s}";

/// Changes the configuration under load, and waits until it is taken back. Gives all answers and the reason.
#[track_caller]
fn taken_back(running: &Staged, bad: &str) -> (Vec<Got>, Instant, String) {
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(3));
    let written = Instant::now();
    running.write(bad);
    let reason = running.says("TAKEN BACK", SOON);
    let back = Instant::now();
    // From here on everybody is served as before.
    std::thread::sleep(Duration::from_secs(1));
    println!("{reason}\n{:.1} s after it was written", (back - written).as_secs_f64());
    (load.stop(), back, reason)
}

/// What was touched: orders that failed, on the connections of one worker, between its first failure and the end.
#[track_caller]
fn is_one_workers_share(all: &[Got], back: Instant, failing: u16) {
    let failed: Vec<&Got> = all.iter().filter(|got| got.status == failing).collect();
    let others = all.iter().filter(|got| got.status != 200 && got.status != failing).count();
    assert_eq!(others, 0, "other answers");
    assert!(failed.iter().all(|got| got.is_orders), "the other route is not touched");
    let first = failed.first().expect("it was tried").at.min(failed.iter().map(|got| got.at).min().unwrap());
    let late = failed.iter().filter(|got| got.at > back + Duration::from_millis(300)).count();
    assert_eq!(late, 0, "after it was taken back");
    let meanwhile = all.iter().filter(|got| got.is_orders && got.at >= first && got.at <= back).count();
    let hurt: BTreeSet<usize> = failed.iter().map(|got| got.connection).collect();
    let connections: BTreeSet<usize> = all.iter().map(|got| got.connection).collect();
    // Whoever was hurt was on the one worker: on those connections nothing else came meanwhile.
    let spared = all.iter().filter(|got| {
        got.is_orders
            && got.status == 200
            && hurt.contains(&got.connection)
            && got.at >= first + Duration::from_millis(300)
            && got.at <= back - Duration::from_millis(300)
    });
    assert_eq!(spared.count(), 0, "a connection is on one worker");
    println!(
        "blast radius: {} of {meanwhile} requests of the route in {:.1} s, {} of {} connections",
        failed.len(),
        (back - first).as_secs_f64(),
        hurt.len(),
        connections.len(),
    );
    assert!(hurt.len() < connections.len(), "not everybody");
    assert!((back - first).as_secs_f64() < 12.0);
}

#[test]
fn a_cluster_that_is_not_there() {
    let origin = FaultOrigin::ok();
    let nobody = free_address();
    let running = Staged::start(&orders(origin.address(), "", CHANGES));
    let (all, back, reason) = taken_back(&running, &orders(nobody, "", CHANGES));
    assert!(
        reason.contains("from 1 of 2 workers") && reason.contains("generation 1 stays in force"),
        "{reason}"
    );
    assert!(reason.contains("route `orders`: 5xx ") && !reason.contains("all requests"), "{reason}");
    is_one_workers_share(&all, back, 503);
    let metric = |name: &str| running.gateway.metric(name);
    assert_eq!(metric("ringgate_rollouts_total{outcome=\"taken_back\"}"), 1.0);
    assert!(metric("ringgate_rollout_taken_back_timestamp_seconds") > 1.7e9);
    assert_eq!((metric("ringgate_generation"), metric("ringgate_rollout_workers")), (1.0, 0.0));
    // The file still says it. It is not tried again by itself, and without another change nothing happens.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(running.gateway.stderr().matches("TAKEN BACK").count(), 1);
}

#[test]
fn a_policy_that_refuses_everybody() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), "", CHANGES));
    let deny = ", policies: {ip_filter: {deny: ['127.0.0.0/8']}}";
    let (all, back, reason) = taken_back(&running, &orders(origin.address(), deny, CHANGES));
    assert!(reason.contains("route `orders`: 4xx ") && reason.contains("`address_denied`"), "{reason}");
    is_one_workers_share(&all, back, 403);
}

#[test]
fn a_route_that_has_become_slow() {
    let quick = FaultOrigin::ok();
    let slow = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(Duration::from_millis(150));
            if !dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
                break;
            }
        }
    });
    let running = Staged::start(&orders(quick.address(), "", CHANGES));
    let (all, _, reason) = taken_back(&running, &orders(slow.address(), "", CHANGES));
    assert!(reason.contains("p95"), "{reason}");
    assert!(all.iter().all(|got| got.status == 200));
}
