//! Programs that other people wrote, as clients of the gateway.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use super::Process;

/// True if the run may take long and use much: bigger bodies, longer soaks.
pub fn large() -> bool {
    std::env::var("RINGGATE_TEST_LARGE").is_ok_and(|value| value == "1")
}

/// Runs a program to its end and gives its standard output; fails the test if it fails.
#[track_caller]
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (tests/run installs it)"));
    succeeded(program, output)
}

/// Runs curl, quiet but for errors.
#[track_caller]
pub fn curl(arguments: &[&str]) -> String {
    let common = ["--silent", "--show-error", "--max-time", "30"];
    tool("curl", &[&common, arguments].concat())
}

/// Runs a script of `tests/clients` with the gateway's host and port as its first arguments.
#[track_caller]
pub fn python(script: &str, gateway: SocketAddr, arguments: &[&str]) -> String {
    let address = [gateway.ip().to_string(), gateway.port().to_string()];
    let output = script_of(script)
        .args(address)
        .args(arguments)
        .output()
        .expect("there is a Python (tests/run installs it)");
    succeeded(script, output)
}

/// Starts a script of `tests/clients` that goes on beside the test.
#[track_caller]
pub fn python_beside(script: &str, arguments: &[&str]) -> Process {
    let mut command = script_of(script);
    command.args(arguments).env("PYTHONUNBUFFERED", "1");
    Process::start(command, tempfile::tempdir().expect("a temporary directory"))
}

fn script_of(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let ours = folder.join("../.venv/bin/python");
    let usual = if ours.exists() { ours.display().to_string() } else { "python3".to_owned() };
    let mut command = Command::new(std::env::var("RINGGATE_TEST_PYTHON").unwrap_or(usual));
    command.arg(folder.join(script));
    command
}

#[track_caller]
fn succeeded(what: &str, output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what}: {}\n{said}\n{error}", output.status);
    said
}
