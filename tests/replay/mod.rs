//! What a running gateway remembers of recent requests, and what that is good for: the story of one request by its id,
//! and trying a configuration on what really came.

mod against;
mod decisions;
mod heads;

use serde_json::Value;

use crate::harness::{Gateway, Response, eventually, ringgate};

/// The id that an answer carries.
#[track_caller]
fn id(response: &Response) -> String {
    response.field("x-request-id").expect("every answer has an id").to_owned()
}

/// What `ringgate explain --id` says of it. A worker looks every 20 ms, so what it is asked for is there by then.
#[track_caller]
fn told(gateway: &Gateway, id: &str) -> String {
    ringgate(&["explain", "--id", id, "--admin", &gateway.admin().to_string()]).succeeded()
}

/// The decision about a request, as JSON. Waits for a record that `is_done`.
#[track_caller]
fn decision(gateway: &Gateway, id: &str, is_done: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    eventually("the decision is remembered", || {
        let response = gateway.admin_get(&format!("/decisions/{id}"));
        last = if response.status == 200 { response.json()["decision"].clone() } else { Value::Null };
        !last.is_null() && is_done(&last)
    });
    last
}

/// What is listed under `/recent/heads`.
#[track_caller]
fn heads(gateway: &Gateway) -> Vec<Value> {
    let answer = gateway.admin_get("/recent/heads").has_status(200).json();
    answer["recent"]["heads"].as_array().expect("a list").clone()
}

/// Sends until so many heads have been kept: a worker keeps four in 20 ms.
#[track_caller]
fn send_until_kept(gateway: &Gateway, count: f64, send: impl Fn()) {
    eventually("enough heads are kept", || {
        send();
        gateway.metric("ringgate_recording_heads_total") >= count
    });
}
