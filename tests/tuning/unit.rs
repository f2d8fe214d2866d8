//! The systemd unit and its socket: read by systemd's own tools where they are there, and held against the binary.

use std::collections::BTreeSet;
use std::process::Command;

use super::{is_there, read, repository};
use crate::harness::ringgate;

/// The values of a key, in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn systemd_finds_nothing_wrong_with_unit_and_socket() {
    if !is_there("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    for name in ["ringgate.service", "ringgate.socket"] {
        // The binary is not installed here.
        let text = read(&format!("tuning/{name}"))
            .replace("/usr/local/bin/ringgate", env!("CARGO_BIN_EXE_ringgate"));
        std::fs::write(folder.path().join(name), text).expect("the directory is ours");
    }
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .args(["ringgate.service", "ringgate.socket"].map(|name| folder.path().join(name)))
        .output()
        .expect("it is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("ringgate."), "{said}");
}

#[test]
fn systemd_rates_the_unit_as_well_confined() {
    if !is_there("systemd-analyze") {
        return;
    }
    // In tenths: 1.7 when this was written; what remains is that it uses the network.
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(repository("tuning/ringgate.service"))
        .output()
        .expect("it is there");
    let said = String::from_utf8_lossy(&output.stdout);
    if said.is_empty() {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
        return;
    }
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_unit_calls_commands_that_the_binary_has() {
    let unit = read("tuning/ringgate.service");
    let commands = [values(&unit, "ExecStartPre"), values(&unit, "ExecStart")].concat();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "/usr/local/bin/ringgate");
        ringgate(&[words[1], "--help"]).succeeded();
    }
    // Nothing that the gateway does on a signal is a reload.
    assert!(values(&unit, "ExecReload").is_empty());
}

#[test]
fn the_unit_asks_for_no_more_files_than_the_host_is_tuned_for() {
    let unit = read("tuning/ringgate.service");
    let asked: u64 = values(&unit, "LimitNOFILE")[0].parse().expect("a number");
    let sysctl = super::settings::settings(&read("tuning/sysctl.conf"));
    let (_, nr_open, _) = sysctl.iter().find(|(key, ..)| key == "fs.nr_open").expect("it is there");
    assert!(asked <= nr_open.parse().expect("a number"), "{asked} > {nr_open}");
}

#[test]
fn the_unit_waits_longer_than_the_drain_takes_by_default() {
    let unit = read("tuning/ringgate.service");
    let stop: u64 = values(&unit, "TimeoutStopSec")[0].parse().expect("a number");
    assert!(stop > 30, "{stop}");
}

#[test]
fn the_unit_admits_rings_and_what_pins_a_thread() {
    let unit = read("tuning/ringgate.service");
    let filter = values(&unit, "SystemCallFilter").join(" ");
    for name in ["io_uring_setup", "io_uring_enter", "io_uring_register", "@system-service"] {
        assert!(filter.contains(name), "{filter}");
    }
    // sched_setaffinity and setrlimit are in it.
    assert!(!filter.contains("@resources"), "{filter}");
}

#[test]
fn the_gateway_lives_under_the_calls_that_the_unit_admits() {
    if !is_there("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let profile = folder.path().join("unit.json");
    let text = serde_json::json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{"names": admitted(), "action": "SCMP_ACT_ALLOW"}],
    });
    std::fs::write(&profile, text.to_string()).expect("the folder is ours");
    super::seccomp::lives(&profile, "epoll");
    if super::seccomp::rings_are_to_be_had() {
        super::seccomp::lives(&profile, "io_uring");
    }
}

/// What the unit's filter comes to, groups resolved by systemd itself; lines with `~` take away.
fn admitted() -> BTreeSet<String> {
    let mut admitted = BTreeSet::new();
    for line in values(&read("tuning/ringgate.service"), "SystemCallFilter") {
        let names = line.trim_start_matches('~').split(' ').flat_map(members);
        if line.starts_with('~') {
            for name in names {
                admitted.remove(&name);
            }
        } else {
            admitted.extend(names);
        }
    }
    assert!(admitted.len() > 100, "{admitted:?}");
    admitted
}

/// The calls of a group, and of the groups in it.
fn members(name: &str) -> Vec<String> {
    if !name.starts_with('@') {
        return vec![name.to_owned()];
    }
    let output =
        Command::new("systemd-analyze").args(["syscall-filter", name]).output().expect("it is there");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = said.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(members).collect()
}

#[test]
fn the_socket_is_named_after_a_listener_of_the_examples() {
    let socket = read("tuning/ringgate.socket");
    let name = values(&socket, "FileDescriptorName")[0];
    assert!(read("tuning/container.yaml").contains(&format!("name: {name}\n")));
    assert_eq!(values(&socket, "Service"), ["ringgate.service"]);
}
