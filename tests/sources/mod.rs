//! Configurations from elsewhere, and endpoints from registries: a folder, a real nginx, a real etcd-server, and servers that
//! play Consul and Kubernetes as their documentation records them.

mod consul;
mod discovery;
mod etcd;
mod etcd_server;
mod folder;
mod kubernetes;
mod page;

use std::process::{Command, Stdio};

use crate::harness::{Gateway, eventually};

/// A listener, and a route that answers with a text.
fn saying(text: &str) -> String {
    format!("{FRONT}routes: [{}]\n", route(text))
}

/// A route that answers everything with a text.
fn route(text: &str) -> String {
    format!("{{name: all, respond: {{status: 200, body: \"{text}\"}}}}")
}

/// What a rollout adds to a change is tested in `rollout`.
const FRONT: &str = "listeners: [{name: public, address: \"127.0.0.1:0\"}]\nadmin: {address: \"127.0.0.1:0\"}\n\
    changes: {rollout: off}\n";

/// Runs a source, with this environment.
#[track_caller]
fn run(source: &str, environment: &[(&str, &str)]) -> Gateway {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Gateway::start_file(source.as_ref(), directory, &environment)
}

/// Waits until a gateway answers with this text.
#[track_caller]
fn says(gateway: &Gateway, text: &str) {
    eventually(&format!("it says {text}"), || gateway.get("/").text() == text);
}

/// Checks a source with this environment: exit code, and everything said.
#[track_caller]
fn checked(source: &str, environment: &[(&str, &str)]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate"))
        .args(["check", source])
        .envs(environment.iter().copied())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary is built");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("no signal ended it"), String::from_utf8(said).expect("UTF-8"))
}
