//! The service side: pools, timeouts, balancers, and idle connections that turn out to be closed.

mod balance;
mod pool;
mod stale;
mod timeouts;

use std::collections::BTreeMap;

use crate::harness::{FaultOrigin, Gateway, Setup};

/// Several origins, each answering with its own number.
struct Fleet {
    origins: Vec<FaultOrigin>,
}

impl Fleet {
    fn start(count: usize) -> Self {
        let origins = (0..count)
            .map(|number| {
                FaultOrigin::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"))
            })
            .collect();
        Self { origins }
    }

    fn setup(&self) -> Setup {
        self.origins.iter().fold(Setup::default(), |setup, origin| setup.endpoint(origin.address()))
    }
}

/// How often each origin answered `count` requests on one connection.
#[track_caller]
fn shares(gateway: &Gateway, count: usize) -> BTreeMap<String, usize> {
    let mut wire = gateway.wire();
    let mut shares = BTreeMap::new();
    for _ in 0..count {
        *shares.entry(wire.get("/").has_status(200).text()).or_default() += 1;
    }
    shares
}
