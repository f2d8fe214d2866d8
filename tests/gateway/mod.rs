//! The gateway as a whole: what a request meets between its head and its record.

mod access_log;
mod admin;
mod drain;
mod error_bodies;
mod even;
mod forwarded;
mod hop_by_hop;
mod idle_memory;
mod large_bodies;
mod per_client;
mod request_id;
mod response_fields;
mod rewrite;
mod routing;
mod spoofing;
mod unix_socket;
mod workers;

use crate::harness::{FaultOrigin, Gateway, Request, Setup};

/// A gateway before an echo origin, and what the origin got.
struct Pair {
    origin: FaultOrigin,
    gateway: Gateway,
}

impl Pair {
    /// With a change to the usual configuration.
    fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let origin = FaultOrigin::echo();
        let gateway = change(Setup::before(origin.address())).start();
        Self { origin, gateway }
    }

    fn start() -> Self {
        Self::with(|setup| setup)
    }

    /// What the origin gets of a GET with these fields.
    #[track_caller]
    fn forwards(&self, target: &str, fields: &str) -> Request {
        self.gateway.get_with(target, fields).has_status(200);
        self.origin.requests().pop().expect("the origin got it")
    }
}
