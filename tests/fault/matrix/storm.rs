//! A service that is down, under ten times its load: what is tried again stays within its budget.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::faults::Reserved;
use crate::harness::{Dialogue, FaultOrigin, Gateway, Setup, Wire};

/// Clients that ask one request after the other.
const CLIENTS: usize = 40;
/// Requests of each.
const REQUESTS: usize = 50;

/// Asks as fast as it goes. Gives how long it took.
fn storm(gateway: &Gateway, status: u16) -> Duration {
    let (begun, wrong) = (Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut wire = Wire::connect(gateway.public());
                for _ in 0..REQUESTS {
                    wrong.fetch_add(usize::from(wire.get("/").status != status), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(wrong.into_inner(), 0);
    begun.elapsed()
}

/// A fifth more than the requests, ten a second in any case, and what may have been saved up before.
fn within_budget(attempts: f64, took: Duration) {
    let requests = (CLIENTS * REQUESTS) as f64;
    let bound = requests * 1.2 + 10.0 * (took.as_secs_f64() + 1.0) + 20.0;
    assert!(
        attempts >= requests && attempts <= bound,
        "{attempts} attempts for {requests} requests, bound {bound}"
    );
    // The budget is there to be used.
    assert!(attempts >= requests * 1.1, "{attempts} attempts for {requests} requests");
}

#[test]
fn a_service_that_answers_503_sees_no_storm() {
    let origin = FaultOrigin::start(|dialogue: &mut Dialogue| {
        while dialogue.request().is_some()
            && dialogue.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        {}
    });
    let gateway = Setup::before(origin.address()).route("retries: {attempts: 5}").start();
    let took = storm(&gateway, 503);
    within_budget(origin.requests().len() as f64, took);
    assert_eq!(origin.requests().len() as f64, gateway.metric("ringgate_endpoint_attempts_total"));
}

#[test]
fn a_service_that_is_gone_sees_no_storm() {
    let places: [Reserved; 5] = std::array::from_fn(|_| Reserved::new());
    let setup = places.iter().fold(Setup::default(), |setup, place| setup.endpoint(place.address()));
    let gateway = setup.route("retries: {attempts: 5}").start();
    let took = storm(&gateway, 503);
    within_budget(gateway.metric("ringgate_endpoint_attempts_total"), took);
}
