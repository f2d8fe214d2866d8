//! How requests are spread over endpoints that are not all alike, seen from outside.

mod load;
mod newcomers;
mod subsets;
mod told;
mod verdicts;
mod zones;

use crate::harness::{FaultOrigin, Gateway};

/// Origins that answer with their own number.
fn fleet(count: usize) -> Vec<FaultOrigin> {
    let origin =
        |number| FaultOrigin::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
    (0..count).map(origin).collect()
}

/// How many of so many requests, on one connection, each origin answered.
#[track_caller]
fn counts(gateway: &Gateway, requests: usize, origins: usize) -> Vec<usize> {
    let mut wire = gateway.wire();
    let mut counts = vec![0; origins];
    for _ in 0..requests {
        let number: usize = wire.get("/").has_status(200).text().parse().expect("a number");
        counts[number] += 1;
    }
    counts
}
