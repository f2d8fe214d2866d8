//! A server that plays the API server of Kubernetes, as far as EndpointSlices are listed and watched.
//!
//! What it plays is recorded from the documentation of Kubernetes 1.27, "API concepts: efficient detection of changes": a list has a
//! version; a watch gives what happened behind a version as a stream of JSON lines; versions too old are answered with
//! an `ERROR` event of code 410 in a stream of status 200; bookmarks tell of later versions.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Dialogue, FaultOrigin};

/// The API server.
pub struct Kubernetes {
    origin: FaultOrigin,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    version: u64,
    slices: BTreeMap<String, Value>,
    events: Vec<(u64, Value)>,
    /// Versions before this have been forgotten.
    oldest: u64,
}

impl Kubernetes {
    /// Lets in who shows this token.
    pub fn start(token: &'static str) -> Self {
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let shared = Arc::clone(&state);
        let origin = FaultOrigin::start(move |dialogue| {
            while let Some(request) = dialogue.request() {
                if request.field("authorization") != Some(&format!("Bearer {token}")) {
                    dialogue.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
                } else if request.target.contains("watch=true") {
                    return watch(dialogue, &shared, version(&request.target));
                } else {
                    list(dialogue, &shared);
                }
            }
        });
        Self { origin, state }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.origin.address())
    }

    /// A slice with these pods, ready or not, at this port.
    pub fn set(&self, name: &str, port: u16, pods: &[(&str, bool)]) {
        let endpoints: Vec<Value> = pods
            .iter()
            .map(|(address, ready)| {
                json!({ "addresses": [address],
                    "conditions": { "ready": ready, "serving": ready, "terminating": false } })
            })
            .collect();
        self.change(name, |version, is_known| {
            let slice = json!({ "metadata": { "name": name, "namespace": "shop", "resourceVersion": version },
                "addressType": "IPv4", "endpoints": endpoints,
                "ports": [{ "name": "http", "port": port, "protocol": "TCP" }] });
            (if is_known { "MODIFIED" } else { "ADDED" }, slice, true)
        });
    }

    /// Removes a slice.
    pub fn remove(&self, name: &str) {
        self.change(name, |version, _| {
            let slice = json!({ "metadata": { "name": name, "resourceVersion": version }, "addressType": "IPv4",
                "endpoints": [], "ports": [] });
            ("DELETED", slice, false)
        });
    }

    /// Forgets every version so far, and those who watch are cut off.
    pub fn forget(&self) {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        state.version += 10;
        state.oldest = state.version;
        state.events.clear();
        changed.notify_all();
    }

    /// How often all slices were listed.
    pub fn lists(&self) -> usize {
        self.origin.requests().iter().filter(|it| !it.target.contains("watch=true")).count()
    }

    fn change(&self, name: &str, make: impl FnOnce(String, bool) -> (&'static str, Value, bool)) {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        state.version += 1;
        let version = state.version;
        let (kind, slice, stays) = make(version.to_string(), state.slices.contains_key(name));
        state.events.push((version, json!({ "type": kind, "object": slice })));
        if stays {
            state.slices.insert(name.to_owned(), slice);
        } else {
            state.slices.remove(name);
        }
        changed.notify_all();
    }
}

fn version(target: &str) -> u64 {
    let parameter = target.split(['?', '&']).find_map(|it| it.strip_prefix("resourceVersion="));
    parameter.and_then(|it| it.parse().ok()).expect("a watch has a version")
}

fn list(dialogue: &mut Dialogue, state: &(Mutex<State>, Condvar)) {
    let held = state.0.lock().unwrap();
    let items: Vec<&Value> = held.slices.values().collect();
    let body = json!({ "kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
        "metadata": { "resourceVersion": held.version.to_string() }, "items": items })
    .to_string();
    drop(held);
    dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
}

fn watch(dialogue: &mut Dialogue, state: &(Mutex<State>, Condvar), mut from: u64) {
    dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let line = |dialogue: &mut Dialogue, event: &Value| {
        let line = format!("{event}\n");
        dialogue.send(format!("{:x}\r\n{line}\r\n", line.len()))
    };
    loop {
        let mut held = state.0.lock().unwrap();
        while held.version == from {
            let (again, waited) = state.1.wait_timeout(held, Duration::from_secs(1)).unwrap();
            held = again;
            if waited.timed_out() {
                let bookmark = json!({ "type": "BOOKMARK", "object": { "kind": "EndpointSlice",
                    "metadata": { "resourceVersion": from.to_string() } } });
                drop(held);
                if !line(dialogue, &bookmark) {
                    return;
                }
                held = state.0.lock().unwrap();
            }
        }
        let is_gone = from < held.oldest;
        let events: Vec<Value> = held
            .events
            .iter()
            .filter(|(version, _)| *version > from)
            .map(|(_, event)| event.clone())
            .collect();
        from = held.version;
        drop(held);
        if is_gone {
            let status = json!({ "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410,
                "message": "too old resource version" });
            line(dialogue, &json!({ "type": "ERROR", "object": status }));
            dialogue.send("0\r\n\r\n");
            return;
        }
        if !events.iter().all(|event| line(dialogue, event)) {
            return;
        }
    }
}
