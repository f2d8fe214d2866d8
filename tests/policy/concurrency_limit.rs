//! `concurrency_limit`: how many at once, exactly, on all workers together.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{FaultOrigin, Gateway, Setup};

fn limited(max: u32, more: &str) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .route(&format!("policies: {{concurrency_limit: {{name: few, max: {max}{more}}}}}"))
        .start();
    (origin, gateway)
}

/// A request whose body does not come: under way until it is dropped.
fn under_way(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.public()).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").expect("sent");
    stream
}

const HELD: &str = "ringgate_concurrency_limit_held{limit=\"few\"}";

#[test]
fn no_more_than_so_many_are_under_way_wherever_they_come_in() {
    let (_origin, gateway) = limited(5, "");
    let streams: Vec<TcpStream> = (0..5).map(|_| under_way(&gateway)).collect();
    gateway.metric_becomes(HELD, 5.0);
    for _ in 0..10 {
        gateway.get("/").has_problem(503, "concurrency_limited");
    }
    drop(streams);
    gateway.metric_becomes(HELD, 0.0);
    gateway.get("/").has_status(200);
}

#[test]
fn one_that_is_over_makes_room_for_one() {
    let (_origin, gateway) = limited(1, ", status: too_many");
    let mut stream = under_way(&gateway);
    gateway.metric_becomes(HELD, 1.0);
    gateway.get("/").has_problem(429, "concurrency_exceeded");
    stream.write_all(b"cde").expect("the rest");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    gateway.metric_becomes(HELD, 0.0);
    // Many more than there are slots, one after another: each gives its slot back.
    let admitted = (0..100).filter(|_| gateway.get("/").status == 200).count();
    assert!(admitted >= 50, "{admitted} of 100");
}
