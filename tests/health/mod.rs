//! Services that fail and come back: active checks, outliers, breakers, and that all workers believe the same.

mod active;
mod agree;
mod breakers;
mod grpc;
mod held;
mod outliers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use crate::harness::{FaultOrigin, Gateway, Response, Wire, eventually};

/// An origin whose answers have the status that it is told to give.
pub struct Moody {
    pub origin: FaultOrigin,
    status: Arc<AtomicU16>,
}

impl Moody {
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"))
    }

    pub fn start_at(address: std::net::SocketAddr) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let now = Arc::clone(&status);
        let origin = FaultOrigin::start_at(address, move |dialogue| {
            while dialogue.request().is_some() {
                let status = now.load(Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status} Such\r\nContent-Length: 5\r\n\r\nmoody");
                if !dialogue.send(answer) {
                    return;
                }
            }
        });
        Self { origin, status }
    }

    pub fn gives(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn label(&self) -> String {
        self.origin.address().to_string()
    }

    /// Requests of clients, which checks are not.
    pub fn served(&self) -> usize {
        self.origin.requests().iter().filter(|request| request.target != "/healthz").count()
    }
}

/// What is believed of the cluster `origin`.
pub fn cluster(gateway: &Gateway) -> Value {
    gateway.admin_get("/verdicts").json()["clusters"][0].clone()
}

/// What is believed of one of its endpoints.
pub fn endpoint(gateway: &Gateway, label: &str) -> Value {
    let cluster = cluster(gateway);
    let all = cluster["endpoints"].as_array().expect("a list");
    all.iter().find(|it| it["label"] == label).expect("it is judged").clone()
}

/// Waits until an endpoint stands so.
#[track_caller]
pub fn stands(gateway: &Gateway, label: &str, state: &str) {
    eventually(&format!("{label} is {state}"), || endpoint(gateway, label)["state"] == state);
}

/// Changes something by the operator's listener.
pub fn put(gateway: &Gateway, path: &str, body: &str) -> Response {
    Wire::connect(gateway.admin()).ask(format!(
        "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Connections to the gateway, of which each worker has some: new ones go to who has less to do.
pub fn wires(gateway: &Gateway) -> Vec<Wire> {
    let mut wires: Vec<Wire> = Vec::new();
    for _ in 0..4 {
        let mut wire = gateway.wire();
        wire.get("/");
        wires.push(wire);
    }
    wires
}
