//! Balancers, seen from outside.

use super::{Fleet, shares};
use crate::harness::{Setup, free_address};

#[test]
fn round_robin_is_even() {
    let fleet = Fleet::start(3);
    let gateway = fleet.setup().one_worker().start();
    let shares = shares(&gateway, 30);
    assert!(shares.values().all(|count| *count == 10), "{shares:?}");
}

#[test]
fn round_robin_is_even_over_all_workers() {
    let fleet = Fleet::start(4);
    let gateway = fleet.setup().start();
    for _ in 0..200 {
        gateway.get("/").has_status(200);
    }
    let counts: Vec<usize> = fleet.origins.iter().map(|origin| origin.requests().len()).collect();
    assert!(counts.iter().all(|count| count.abs_diff(50) <= 4), "{counts:?}");
}

#[test]
fn weights_are_followed() {
    let fleet = Fleet::start(2);
    let setup =
        Setup::default().weighted(fleet.origins[0].address(), 3).weighted(fleet.origins[1].address(), 1);
    let gateway = setup.one_worker().start();
    let shares = shares(&gateway, 40);
    assert_eq!((shares["0"], shares["1"]), (30, 10));
}

#[test]
fn random_is_about_even() {
    let fleet = Fleet::start(2);
    let gateway = fleet.setup().cluster("balance: random").start();
    let shares = shares(&gateway, 400);
    // 200 expected each, standard deviation 10.
    assert!(shares.values().all(|count| (130..270).contains(count)), "{shares:?}");
}

#[test]
fn least_request_avoids_the_busy_one() {
    let fleet = Fleet::start(1);
    let slow = crate::harness::FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(std::time::Duration::from_secs(2));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let gateway =
        fleet.setup().endpoint(slow.address()).one_worker().cluster("balance: least_request").start();
    let mut held: Vec<_> = (0..6).map(|_| gateway.wire()).collect();
    for wire in &mut held {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    slow.receives(1);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let mut wire = gateway.wire();
    for _ in 0..20 {
        wire.get("/").has_status(200);
    }
    // Two choices of two endpoints always see both: while one waits, the other is taken.
    assert!(slow.requests().len() <= 6, "{} went to the slow one", slow.requests().len());
}

#[test]
fn maglev_keeps_a_key_at_its_endpoint() {
    let fleet = Fleet::start(4);
    let gateway = fleet.setup().cluster("balance: {maglev: {header: x-key}}").start();
    let ask = |key: u32| gateway.get_with("/", &format!("X-Key: key-{key}\r\n")).has_status(200).text();
    let first: Vec<String> = (0..40).map(ask).collect();
    let again: Vec<String> = (0..40).map(ask).collect();
    assert_eq!(first, again, "a key moved, or two workers disagree");
    let used: std::collections::BTreeSet<&String> = first.iter().collect();
    assert!(used.len() >= 3, "40 keys on {} of 4 endpoints", used.len());
}

#[test]
fn maglev_hashes_a_cookie() {
    let fleet = Fleet::start(3);
    let gateway = fleet.setup().cluster("balance: {maglev: {cookie: session}}").start();
    let ask = |cookie: &str| gateway.get_with("/", &format!("Cookie: {cookie}\r\n")).has_status(200).text();
    for session in 0..10 {
        let alone = ask(&format!("session={session}"));
        assert_eq!(ask(&format!("a=b; session={session}; c=d")), alone);
    }
}

#[test]
fn an_endpoint_that_refuses_does_not_take_the_others_down() {
    let dead = free_address();
    let fleet = Fleet::start(1);
    let gateway = fleet.setup().endpoint(dead).one_worker().start();
    let statuses: Vec<u16> = (0..10).map(|_| gateway.get("/").status).collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
}
