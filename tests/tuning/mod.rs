//! The tuning kit: scripts against a machine made of files, unit, system calls and image against the real binary.

mod host;
mod host_errors;
mod image;
mod image_file;
mod nic;
mod seccomp;
mod settings;
mod tree;
mod unit;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Process, Wire};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// True if the program is there; says so if not, because what needs it is then left out.
fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// A sample origin, a listener and an operator's listener, each on a port of its own.
const CONFIGURATION: &str = "\
listeners: [{name: public, address: \"127.0.0.1:0\"}]
admin: {address: \"127.0.0.1:0\"}
routes: [{name: all, match: {prefix: /}, respond: {status: 200, body: served}}]
";

/// Where a gateway that was started by something else says that it listens.
#[track_caller]
fn announced(process: &Process, what: &str) -> SocketAddr {
    let line = process.line(what);
    let url = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
    url.and_then(|url| url.parse().ok()).unwrap_or_else(|| panic!("no address in '{line}'"))
}

/// The answer to one request.
#[track_caller]
fn served(address: SocketAddr) -> String {
    Wire::connect(address).get("/hello").has_status(200).text()
}

#[test]
fn every_script_is_free_of_what_shellcheck_finds() {
    if !is_there("shellcheck") {
        return;
    }
    let scripts = ["tuning/host", "tuning/nic", "tuning/record.sh", "tests/run", ".ci/run"];
    let output = Command::new("shellcheck")
        .arg("--external-sources")
        .args(scripts)
        .current_dir(repository(""))
        .output()
        .expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
