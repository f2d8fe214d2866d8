//! A server that plays Consul, and its KV store as the source of a configuration.
//!
//! What it plays is recorded from the documentation of Consul 1.15, "Blocking Queries", "KV Store" and "Health": a query
//! with the current index is held until something changes or `wait` is over; every answer has `X-Consul-Index`; the
//! index may go backwards when servers are restored.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::etcd_server::base64;
use super::{checked, run, saying, says};
use crate::harness::{FaultOrigin, Request};

/// A Consul agent that plays its part.
pub struct Consul {
    origin: FaultOrigin,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    index: u64,
    /// By path, without query.
    answers: BTreeMap<String, String>,
}

impl Consul {
    pub fn start() -> Self {
        let state = Arc::new((Mutex::new(State { index: 100, answers: BTreeMap::new() }), Condvar::new()));
        let held = Arc::clone(&state);
        let origin = FaultOrigin::start(move |dialogue| {
            while let Some(request) = dialogue.request() {
                let (index, answer) = hold(&held, &request);
                let (status, body) = answer.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nX-Consul-Index: {index}\r\nContent-Length: {length}\r\n\r\n"
                );
                if !dialogue.send(head + &body) {
                    return;
                }
            }
        });
        Self { origin, state }
    }

    pub fn address(&self) -> String {
        self.origin.address().to_string()
    }

    /// What is asked for at a path has another answer from now on.
    pub fn set(&self, path: &str, answer: &serde_json::Value) {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        state.index += 1;
        state.answers.insert(path.to_owned(), answer.to_string());
        changed.notify_all();
    }

    /// The servers' state is restored from before: the index goes backwards.
    pub fn restore(&self) {
        let (state, changed) = &*self.state;
        state.lock().unwrap().index = 10;
        changed.notify_all();
    }

    pub fn requests(&self) -> Vec<Request> {
        self.origin.requests()
    }
}

/// Holds a request as a blocking query is held.
fn hold(state: &(Mutex<State>, Condvar), request: &Request) -> (u64, Option<String>) {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let parameter = |name: &str| query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    let index: Option<u64> =
        parameter("index").and_then(|index| index.parse().ok()).filter(|index| *index > 0);
    let wait = parameter("wait").and_then(|wait| wait.trim_end_matches('s').parse().ok()).unwrap_or(300);
    let until = Instant::now() + Duration::from_secs(wait);
    let mut held = state.0.lock().unwrap();
    while index == Some(held.index) && Instant::now() < until {
        let left = until.saturating_duration_since(Instant::now());
        held = state.1.wait_timeout(held, left).unwrap().0;
    }
    (held.index, held.answers.get(path).cloned())
}

fn entries(values: &[(&str, &str)]) -> serde_json::Value {
    let entry = |(key, value): &(&str, &str)| json!({ "LockIndex": 0, "Key": key, "Flags": 0, "Value": base64(value) });
    values.iter().map(entry).collect()
}

#[test]
fn keys_of_consul_are_followed_and_an_index_that_goes_backwards_does_no_harm() {
    let consul = Consul::start();
    consul.set("/v1/kv/gw", &entries(&[("gw/a.yaml", &saying("one"))]));
    let source = format!("consul://{}/gw", consul.address());
    let gateway = run(&source, &[("RINGGATE_SOURCE_TOKEN", "acl")]);
    says(&gateway, "one");
    consul.set("/v1/kv/gw", &entries(&[("gw/a.yaml", &saying("two"))]));
    says(&gateway, "two");
    consul.restore();
    consul.set("/v1/kv/gw", &entries(&[("gw/a.yaml", &saying("three"))]));
    says(&gateway, "three");
    let requests = consul.requests();
    assert!(requests.iter().all(|request| request.field("x-consul-token") == Some("acl")));
    assert!(requests.len() < 40, "asked in a loop: {}", requests.len());
}

#[test]
fn faults_in_consul_are_shown_by_their_key() {
    let consul = Consul::start();
    consul.set("/v1/kv/gw", &entries(&[("gw/a.yaml", "routes:\n  - nmae: x\n")]));
    let source = format!("consul://{}/gw", consul.address());
    let (code, said) = checked(&source, &[]);
    assert!(code == 1 && said.contains(&format!("{source}/a.yaml:2:5")), "{said}");
    let (code, said) = checked(&format!("consul://{}/absent", consul.address()), &[]);
    assert!(code == 1 && said.contains("there is no key at `absent`"), "{said}");
}
