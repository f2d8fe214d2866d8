//! All workers believe the same, within a tick of each other.

use std::time::{Duration, Instant};

use super::{Moody, put, wires};
use crate::harness::Setup;

/// Verdicts are published for all workers at once, and each takes them up at its next tick (20 ms). So nobody is behind by
/// more than that, but for a machine that lets threads wait: the one in the middle of many is looked at for time, and all
/// of them for coming at all.
#[test]
fn two_workers_never_differ_for_longer_than_a_tick() {
    let origin = Moody::start();
    let gateway = Setup::before(origin.label()).cluster("breaker: {probes: 1}").start();
    let workers = gateway.admin_get("/workers").json()["workers"].as_array().expect("a list").len();
    let mut wires = wires(&gateway);
    let mut apart: Vec<Duration> = Vec::new();
    for turn in 0..40 {
        let (state, wanted) = if turn % 2 == 0 { ("open", 503) } else { ("closed", 200) };
        put(&gateway, "/clusters/origin/breaker", &format!("{{\"state\":\"{state}\"}}")).has_status(200);
        let began = Instant::now();
        let mut first = None;
        loop {
            let heard = wires.iter_mut().map(|wire| wire.get("/").status).filter(|it| *it == wanted).count();
            if heard > 0 {
                first.get_or_insert_with(Instant::now);
            }
            if heard == wires.len() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{heard} of {} know it", wires.len());
        }
        apart.extend(first.map(|first| first.elapsed()));
    }
    apart.sort();
    let (middle, worst) = (apart[apart.len() / 2], apart[apart.len() - 1]);
    println!("{workers} workers: {middle:?} apart in the middle, {worst:?} at worst");
    assert!(middle <= Duration::from_millis(40), "{middle:?} apart");
}
