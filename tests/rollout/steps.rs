//! A configuration that does well goes through its steps, and nobody notices.

use std::time::Duration;

use super::{Load, Staged, orders};
use crate::harness::FaultOrigin;

const SOON: Duration = Duration::from_secs(30);
const CHANGES: &str = "rollout: {hold: 3s}";

fn noted(note: &str) -> String {
    format!(", policies: {{headers: {{response: {{set: {{x-note: {note}}}}}}}}}")
}

#[test]
fn a_good_one_comes_to_all_workers_without_a_failed_request() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), "", CHANGES));
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(2));
    running.write(&orders(origin.address(), &noted("new"), CHANGES));
    running.says("generation 2 runs on 1 of 2 workers (step 1 of 2)", SOON);
    assert_eq!(running.gateway.metric("ringgate_rollout_workers"), 1.0);
    assert_eq!(running.gateway.metric("ringgate_generation"), 1.0);
    running.says("is in force on all workers", SOON);
    let all = load.stop();
    assert!(all.len() > 500, "{}", all.len());
    assert!(all.iter().all(|got| got.status == 200));
    assert_eq!(running.gateway.get("/orders").field("x-note"), Some("new"));
    assert_eq!(running.gateway.metric("ringgate_rollouts_total{outcome=\"done\"}"), 1.0);
    assert_eq!(running.gateway.metric("ringgate_history_good_generation"), 2.0);
    running.gateway.drain();
}

#[test]
fn another_configuration_takes_the_place_of_one_that_is_on_its_way() {
    let origin = FaultOrigin::ok();
    let changes = "rollout: {hold: 60s, hold_max: 60s}";
    let running = Staged::start(&orders(origin.address(), "", changes));
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(1));
    running.write(&orders(origin.address(), &noted("second"), changes));
    running.says("generation 2 runs on 1 of 2 workers", SOON);
    running.write(&orders(origin.address(), &noted("third"), "rollout: off"));
    running.says("another configuration came", SOON);
    running.says("generation 3 (", SOON);
    running.gateway.metric_becomes("ringgate_generation", 3.0);
    assert_eq!(running.gateway.metric("ringgate_rollouts_total{outcome=\"superseded\"}"), 1.0);
    assert!(load.stop().iter().all(|got| got.status == 200));
    assert_eq!(running.gateway.get("/orders").field("x-note"), Some("third"));
}

#[test]
fn the_old_one_written_again_ends_the_rollout() {
    let origin = FaultOrigin::ok();
    let changes = "rollout: {hold: 60s, hold_max: 60s}";
    let old = orders(origin.address(), "", changes);
    let running = Staged::start(&old);
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(1));
    running.write(&orders(origin.address(), &noted("new"), changes));
    running.says("generation 2 runs on 1 of 2 workers", SOON);
    running.write(&old);
    running.says("nothing has changed; generation 1 stays", SOON);
    assert!(load.stop().iter().all(|got| got.status == 200));
    assert_eq!(running.gateway.get("/orders").field("x-note"), None);
}

#[test]
fn without_traffic_nobody_waits_long() {
    let origin = FaultOrigin::ok();
    let changes = "rollout: {hold: 60s, hold_max: 60s}";
    let running = Staged::start(&orders(origin.address(), "", changes));
    running.write(&orders(origin.address(), &noted("new"), changes));
    running.says("generation 2 (", Duration::from_secs(15));
    running.says("no request came, so nothing could be compared", Duration::from_secs(10));
    running.says("is in force on all workers", Duration::from_secs(10));
}
