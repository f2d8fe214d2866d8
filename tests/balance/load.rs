//! Balancers that look at load, through the real binary.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{counts, fleet};
use crate::harness::{FaultOrigin, Setup};

/// Answers after a while.
fn slow(number: usize, pause: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(pause);
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
        }
    })
}

#[test]
fn peak_ewma_leaves_an_endpoint_that_answers_slowly() {
    let quick = fleet(1);
    let slow = slow(1, Duration::from_millis(500));
    let setup = Setup::before(quick[0].address()).endpoint(slow.address());
    let gateway = setup.cluster("balance: peak_ewma").one_worker().start();
    let counted = counts(&gateway, 60, 2);
    // Each is tried once; after that the slow one would be tried again after half a minute.
    assert!(counted[1] <= 3, "{counted:?}");
}

#[test]
fn peak_ewma_leaves_an_endpoint_that_fails_quickly() {
    let good = slow(0, Duration::from_millis(5));
    let bad = FaultOrigin::answering("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1\r\n\r\n1");
    let setup = Setup::before(good.address()).endpoint(bad.address());
    let gateway = setup.cluster("balance: peak_ewma").one_worker().start();
    for _ in 0..100 {
        gateway.get("/");
    }
    assert!(bad.requests().len() <= 10, "{} of 100 went to the one that fails", bad.requests().len());
}

#[test]
fn a_popular_key_does_not_bury_its_endpoint() {
    let origins: Vec<FaultOrigin> = (0..4).map(|number| slow(number, Duration::from_millis(400))).collect();
    let setup = origins.iter().fold(Setup::default(), |setup, origin| setup.endpoint(origin.address()));
    let key = "balance: {maglev: {key: {header: x-key}, bounded_load: 25%}}";
    let gateway = setup.cluster(key).one_worker().start();
    let ask = |key: usize| gateway.get_with("/", &format!("X-Key: {key}\r\n")).has_status(200).text();
    let alone: BTreeSet<String> = (0..3).map(|_| ask(7)).collect();
    assert_eq!(alone.len(), 1, "one at a time stays where it is: {alone:?}");
    let mut wires: Vec<_> = (0..12).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\nX-Key: 7\r\n\r\n");
    }
    let mut answered = vec![0; 4];
    for wire in &mut wires {
        answered[wire.read().has_status(200).text().parse::<usize>().expect("a number")] += 1;
    }
    // Of twelve in flight at four endpoints nobody has more than 1.25 * 3, rounded up.
    assert!(answered.iter().all(|count| *count <= 4), "{answered:?}");
}
