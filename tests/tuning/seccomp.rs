//! The container profile, put on the real binary: it serves on both event loops, and what it has no need of is refused.

use std::path::Path;
use std::process::{Command, Output};

use super::{CONFIGURATION, announced, read, repository, served};
use crate::harness::{PATIENCE, Process};

/// The exit code by which `confined.py` says that the machine has no seccomp.
const SKIPPED: i32 = 77;

/// The three calls of io_uring, as `--without` takes them.
const RING: &str = "io_uring_setup,io_uring_enter,io_uring_register";

fn confined(arguments: &[&str]) -> Command {
    confined_by(&repository("tuning/seccomp.json"), arguments)
}

/// A command under another profile.
fn confined_by(profile: &Path, arguments: &[&str]) -> Command {
    let usual = std::env::var("RINGGATE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(usual);
    command.arg(repository("tests/tuning/confined.py")).arg(profile).args(arguments);
    command
}

/// What each call answers under the profile, or nothing where the machine has no seccomp.
fn probe(arguments: &[&str]) -> Option<String> {
    let Output { status, stdout, stderr } = confined(arguments).output().expect("there is a Python");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    if status.code() == Some(SKIPPED) {
        print!("{said}");
        return None;
    }
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stderr));
    Some(said)
}

/// A gateway under a profile, as it is or, by `before`, without some of its calls.
fn gateway(profile: &Path, before: &[&str], driver: &str) -> Process {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let log = directory.path().join("access.log");
    let text = format!("{CONFIGURATION}access_log: {{to: {}}}\n", log.display());
    std::fs::write(&file, text).expect("the directory is ours");
    let binary = env!("CARGO_BIN_EXE_ringgate");
    let run = ["exec", binary, "run", file.to_str().expect("UTF-8"), "--driver", driver];
    Process::start(confined_by(profile, &[before, &run].concat()), directory)
}

/// A life from start to end: requests, metrics, a log that is opened again, and the drain.
pub fn lives(profile: &Path, driver: &str) {
    if probe(&["probe"]).is_none() {
        return;
    }
    let mut process = gateway(profile, &[], driver);
    process.line("ready");
    let (public, admin) = (announced(&process, "listening "), announced(&process, "admin "));
    for _ in 0..20 {
        assert_eq!(served(public), "served");
    }
    // A worker that may not be pinned serves all the same, slower.
    let mut workers = process.affinities();
    workers.retain(|(name, _)| name.starts_with("ringgate-w"));
    assert!(
        !workers.is_empty() && workers.iter().all(|(_, cpus)| cpus.parse::<u16>().is_ok()),
        "{workers:?}"
    );
    let metrics = crate::harness::Wire::connect(admin).get("/metrics").has_status(200).text();
    assert!(metrics.contains("ringgate_requests_total"), "{metrics}");
    process.signal(libc::SIGHUP);
    assert_eq!(served(public), "served");
    assert!(process.is_running());
    process.signal(libc::SIGTERM);
    let status = process.exit_within(PATIENCE).expect("it drains");
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn the_gateway_lives_under_the_profile_on_epoll() {
    lives(&repository("tuning/seccomp.json"), "epoll");
}

#[test]
fn the_gateway_lives_under_the_profile_on_io_uring() {
    if rings_are_to_be_had() {
        lives(&repository("tuning/seccomp.json"), "io_uring");
    }
}

/// A machine without rings cannot show what becomes of them.
pub fn rings_are_to_be_had() -> bool {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let is_admitted = disabled.map_or(true, |value| value.trim() == "0");
    if !is_admitted {
        println!("skipped: kernel.io_uring_disabled is set");
    }
    is_admitted
}

#[test]
fn names_are_resolved_under_the_profile() {
    if probe(&["probe"]).is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let text = "listeners: [{name: public, address: \"127.0.0.1:0\"}]\nclusters: {named: {endpoints: \
        [\"localhost:9\"]}}\nroutes: [{name: all, match: {prefix: /}, cluster: named}]\n";
    std::fs::write(&file, text).expect("the directory is ours");
    let run = ["exec", env!("CARGO_BIN_EXE_ringgate"), "run", file.to_str().expect("UTF-8")];
    let process = Process::start(confined(&run), directory);
    process.line("ready");
}

#[test]
fn without_the_rings_the_gateway_says_so_and_serves_on_epoll() {
    if probe(&["probe"]).is_none() {
        return;
    }
    // What a runtime's own profile does.
    let process = gateway(&repository("tuning/seccomp.json"), &["--without", RING], "auto");
    process.line("driver epoll");
    process.line("ready");
    assert_eq!(served(announced(&process, "listening ")), "served");
    assert!(process.stderr().contains("warning: no io_uring"), "{}", process.stderr());
}

#[test]
fn what_the_gateway_has_no_need_of_is_refused() {
    let dangerous =
        ["mount", "ptrace", "unshare", "bpf", "init_module", "kexec_load", "keyctl", "chmod", "unlink"];
    let Some(said) = probe(&[&["probe"], &dangerous[..]].concat()) else { return };
    assert!(said.lines().count() >= 7, "{said}");
    for line in said.lines() {
        assert!(line.ends_with(" EPERM"), "{line}");
    }
}

#[test]
fn rings_are_admitted_by_the_profile_and_by_nothing_else() {
    let Some(said) = probe(&["probe", "io_uring_setup", "clone3"]) else { return };
    // A ring without parameters is a bad address or, where the kernel refuses rings, a refusal of its own.
    if rings_are_to_be_had() {
        assert!(said.contains("io_uring_setup EFAULT"), "{said}");
    }
    // The C library takes it for a kernel that is too old and uses `clone`, whose flags can be looked at.
    assert!(said.contains("clone3 ENOSYS"), "{said}");
    let said = probe(&["--without", RING, "probe", "io_uring_setup"]).expect("it worked before");
    assert!(said.contains("io_uring_setup EPERM"), "{said}");
}

#[test]
fn the_profile_names_no_call_twice_and_denies_by_default() {
    let profile: serde_json::Value = serde_json::from_str(&read("tuning/seccomp.json")).expect("JSON");
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    let mut names = Vec::new();
    for rule in profile["syscalls"].as_array().expect("rules") {
        // A name may come again with another condition, as `socket` does for every family.
        let is_conditional = rule.get("args").is_some();
        for name in rule["names"].as_array().expect("names") {
            let name = name.as_str().expect("a name").to_owned();
            assert!(is_conditional || !names.contains(&name), "{name} is there twice");
            names.push(name);
        }
    }
    for name in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        assert!(names.iter().any(|had| had == name), "{name}");
    }
}
