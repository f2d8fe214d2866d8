//! Endpoints that do much worse than the others, by the traffic they get.

use super::{Moody, endpoint, stands, wires};
use crate::harness::{Setup, eventually};

#[test]
fn five_failures_in_a_row_on_any_workers_and_it_is_left_alone() {
    let (bad, good) = (Moody::start(), Moody::start());
    let outliers = "outliers: {time: 60s, time_max: 60s}";
    let gateway = Setup::before(bad.label()).endpoint(good.label()).cluster(outliers).start();
    let mut wires = wires(&gateway);
    bad.gives(500);
    // Two on each of four connections are less than five on each worker, and more than five together.
    let mut statuses = Vec::new();
    eventually("it is left alone", || {
        for wire in &mut wires {
            statuses.push(wire.get("/").status);
        }
        endpoint(&gateway, &bad.label())["state"] == "ejected"
    });
    let seen = endpoint(&gateway, &bad.label());
    let reason = seen["reason"].as_str().unwrap_or_default();
    assert!(reason.ends_with("failures in a row"), "{seen}");
    let left = seen["until_unix_ms"].as_u64().zip(seen["since_unix_ms"].as_u64()).expect("times");
    assert_eq!(left.0 - left.1, 60_000);
    assert_eq!(seen["ejections"]["consecutive_failures"], 1);
    eventually("workers know", || {
        let before = bad.served();
        (0..20).for_each(|at| _ = wires[at % 4].get("/"));
        bad.served() == before
    });
    let before = bad.served();
    for at in 0..100 {
        wires[at % 4].get("/").has_status(200);
    }
    assert_eq!(bad.served(), before, "nothing goes there");
    let of = format!("endpoint=\"{}\"", bad.label());
    gateway.metric_becomes(&format!("ringgate_endpoint_ejections_total{{{of}}}"), 1.0);
    assert!(gateway.stderr().contains("is left alone for 60 s: "), "{}", gateway.stderr());
}

#[test]
fn it_comes_back_and_is_left_alone_for_longer_when_it_fails_again() {
    let (bad, good) = (Moody::start(), Moody::start());
    let outliers = "outliers: {time: 300ms, time_max: 60s}";
    let gateway = Setup::before(bad.label()).endpoint(good.label()).cluster(outliers).start();
    let mut wires = wires(&gateway);
    bad.gives(500);
    let mut left = |times: u64| {
        eventually("it is left alone", || {
            wires.iter_mut().for_each(|wire| _ = wire.get("/"));
            let seen = endpoint(&gateway, &bad.label());
            seen["ejections"]["consecutive_failures"] == times && seen["state"] == "ejected"
        });
        let seen = endpoint(&gateway, &bad.label());
        seen["until_unix_ms"].as_u64().expect("a time") - seen["since_unix_ms"].as_u64().expect("a time")
    };
    assert_eq!(left(1), 300);
    stands(&gateway, &bad.label(), "good");
    assert_eq!(left(2), 600);
    bad.gives(200);
    stands(&gateway, &bad.label(), "good");
    let before = bad.served();
    eventually("it is used again", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/").has_status(200));
        bad.served() > before
    });
}

#[test]
fn never_all_of_them() {
    let origins: Vec<Moody> = (0..3).map(|_| Moody::start()).collect();
    let setup = Setup::before(origins[0].label());
    let setup = origins[1..].iter().fold(setup, |setup, origin| setup.endpoint(origin.label()));
    let gateway = setup.cluster("outliers: {time: 60s}").start();
    let mut wires = wires(&gateway);
    origins.iter().for_each(|origin| origin.gives(500));
    let ejected = || {
        let states = origins.iter().map(|origin| endpoint(&gateway, &origin.label())["state"].clone());
        states.filter(|state| state == "ejected").count()
    };
    eventually("one is left alone", || {
        wires.iter_mut().for_each(|wire| _ = wire.get("/"));
        ejected() == 1
    });
    (0..100).for_each(|at| _ = wires[at % 4].get("/"));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(ejected(), 1, "half of three is one");
}
