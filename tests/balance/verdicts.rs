//! What becomes of requests when endpoints fail their checks, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::counts;
use crate::harness::{FaultOrigin, Gateway, Setup, eventually};

/// An origin that answers with its number, and its checks as it is told.
struct Patient {
    origin: FaultOrigin,
    is_well: Arc<AtomicBool>,
}

impl Patient {
    fn start(number: usize) -> Self {
        let is_well = Arc::new(AtomicBool::new(true));
        let health = Arc::clone(&is_well);
        let origin = FaultOrigin::start(move |dialogue| {
            while let Some(request) = dialogue.request() {
                let is_fine = request.target != "/health" || health.load(Ordering::SeqCst);
                let status = if is_fine { "200 OK" } else { "503 Service Unavailable" };
                dialogue.send(format!("HTTP/1.1 {status}\r\nContent-Length: 1\r\n\r\n{number}"));
            }
        });
        Self { origin, is_well }
    }

    fn becomes(&self, is_well: bool) {
        self.is_well.store(is_well, Ordering::SeqCst);
    }
}

const CHECKED: &str = "health: {check: {http: {path: /health}}, interval: 100ms, interval_failing: 50ms, \
                       unhealthy_after: 1, healthy_after: 1}";

/// So many, at these places.
fn ward(places: &[&str]) -> (Vec<Patient>, Setup) {
    let patients: Vec<Patient> = (0..places.len()).map(Patient::start).collect();
    let setup = Setup::default().cluster(CHECKED).one_worker();
    let setup = patients
        .iter()
        .zip(places)
        .fold(setup, |setup, (patient, place)| setup.placed(patient.origin.address(), place));
    (patients, setup)
}

/// Waits until so many are used in a tier.
#[track_caller]
fn used(gateway: &Gateway, tier: u8, count: f64) {
    gateway.metric_becomes(&format!("ringgate_cluster_tier_endpoints_in_use{{tier=\"{tier}\"}}"), count);
    // Metrics are computed, and workers take verdicts up within a tick.
    std::thread::sleep(std::time::Duration::from_millis(50));
}

#[test]
fn what_a_tier_cannot_take_goes_to_the_next_and_comes_back() {
    let (patients, setup) = ward(&["tier: 0", "tier: 0", "tier: 0", "tier: 0", "tier: 1", "tier: 1"]);
    let gateway = setup.start();
    used(&gateway, 0, 4.0);
    assert_eq!(counts(&gateway, 40, 6), [10, 10, 10, 10, 0, 0]);
    patients[0].becomes(false);
    used(&gateway, 0, 3.0);
    assert_eq!(counts(&gateway, 30, 6), [0, 10, 10, 10, 0, 0], "three quarters are enough");
    patients[1].becomes(false);
    used(&gateway, 0, 2.0);
    let counted = counts(&gateway, 200, 6);
    assert!(
        counted[..2] == [0, 0] && counted[2].abs_diff(70) <= 2 && counted[4].abs_diff(30) <= 2,
        "{counted:?}"
    );
    assert_eq!(gateway.metric("ringgate_cluster_tier_share{tier=\"1\"}"), 0.3);
    patients.iter().for_each(|patient| patient.becomes(true));
    used(&gateway, 0, 4.0);
    assert_eq!(counts(&gateway, 40, 6), [10, 10, 10, 10, 0, 0]);
}

#[test]
fn where_nearly_all_are_out_all_are_used() {
    let (patients, setup) = ward(&["weight: 1"; 4]);
    let gateway = setup.start();
    patients[..2].iter().for_each(|patient| patient.becomes(false));
    used(&gateway, 0, 2.0);
    assert_eq!(counts(&gateway, 20, 4), [0, 0, 10, 10]);
    patients[2].becomes(false);
    gateway.metric_becomes("ringgate_cluster_tier_panics", 1.0);
    used(&gateway, 0, 4.0);
    assert_eq!(counts(&gateway, 40, 4), [10, 10, 10, 10]);
    patients[3].becomes(false);
    eventually("still all", || counts(&gateway, 40, 4) == [10, 10, 10, 10]);
    patients.iter().for_each(|patient| patient.becomes(true));
    gateway.metric_becomes("ringgate_cluster_tier_panics", 0.0);
}

#[test]
fn without_panic_nobody_is_used_who_is_out() {
    let (patients, setup) = ward(&["weight: 1"; 2]);
    let gateway = setup.cluster("panic_below: 0%").start();
    patients[0].becomes(false);
    used(&gateway, 0, 1.0);
    assert_eq!(counts(&gateway, 10, 2), [0, 10]);
    patients[1].becomes(false);
    eventually("nobody is left", || gateway.get("/").status == 503);
    patients[0].becomes(true);
    eventually("one is back", || gateway.get("/").status == 200);
}

#[test]
fn who_comes_back_begins_with_a_part() {
    let (patients, setup) = ward(&["weight: 1"; 3]);
    let gateway = setup.cluster("slow_start: {window: 1h, from: 10%}").start();
    assert_eq!(counts(&gateway, 30, 3), [10, 10, 10]);
    patients[2].becomes(false);
    used(&gateway, 0, 2.0);
    patients[2].becomes(true);
    used(&gateway, 0, 3.0);
    let counted = counts(&gateway, 210, 3);
    assert!(counted[2].abs_diff(10) <= 1 && counted[0].abs_diff(counted[1]) <= 1, "{counted:?}");
}

#[test]
fn the_own_zone_gives_up_what_it_cannot_take() {
    let (patients, setup) = ward(&["zone: a", "zone: a", "zone: b", "zone: b"]);
    let gateway = setup.top("locality: {zone: a}").cluster("zones: {}").start();
    assert_eq!(counts(&gateway, 20, 4), [10, 10, 0, 0]);
    patients[0].becomes(false);
    used(&gateway, 0, 3.0);
    let counted = counts(&gateway, 200, 4);
    assert!(counted[0] == 0 && counted[1].abs_diff(140) <= 2 && counted[2].abs_diff(30) <= 2, "{counted:?}");
}

#[test]
fn a_key_moves_only_from_an_endpoint_that_is_out() {
    let (patients, setup) = ward(&["weight: 1"; 4]);
    let gateway = setup.cluster("balance: {maglev: {header: x-key}}").start();
    let places = || -> Vec<usize> {
        let ask = |key| gateway.get_with("/", &format!("X-Key: {key}\r\n")).has_status(200).text();
        (0..60).map(|key| ask(key).parse().expect("a number")).collect()
    };
    let before = places();
    patients[1].becomes(false);
    used(&gateway, 0, 3.0);
    let after = places();
    assert!(after.iter().all(|place| *place != 1));
    assert!(before.iter().zip(&after).all(|(before, after)| before == after || *before == 1));
    patients[1].becomes(true);
    used(&gateway, 0, 4.0);
    assert_eq!(places(), before);
}

#[test]
fn an_endpoint_of_a_subset_that_is_out_leaves_no_hole() {
    let patients: Vec<Patient> = (0..6).map(Patient::start).collect();
    let setup = Setup::default().cluster(CHECKED).cluster("subset: {workers: 1, endpoints: 1}");
    let setup = patients.iter().fold(setup, |setup, patient| setup.endpoint(patient.origin.address()));
    let gateway = setup.start();
    patients[0].becomes(false);
    used(&gateway, 0, 5.0);
    let mut answered = vec![0; 6];
    for _ in 0..200 {
        let number: usize = gateway.get("/").has_status(200).text().parse().expect("a number");
        answered[number] += 1;
    }
    // As even as connections are over workers.
    assert!(answered[0] == 0 && answered[1..].iter().all(|count| *count > 10), "{answered:?}");
}
