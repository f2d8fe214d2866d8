//! `ringgate doctor`: exit codes, JSON, and that it judges as `tuning/host verify` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Written;
use crate::harness::{Setup, ringgate};

fn json(arguments: &[&str]) -> Value {
    let finished = ringgate(&[&["doctor", "--json"], arguments].concat());
    let report: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!(report["summary"]["exit_code"], finished.code, "{}", finished.stdout);
    report
}

/// What became of each setting: `ok`, `differs` or `refused`, as the doctor sees it.
fn seen_by_doctor(root: &str) -> BTreeMap<String, &'static str> {
    let elsewhere = ["--root", root];
    let report = json(if root == "/" { &[] } else { &elsewhere });
    let findings = report["findings"].as_array().expect("a list").clone();
    let settings = findings.iter().filter(|one| one["id"].as_str().expect("an id").starts_with("sysctl-"));
    settings
        .map(|one| {
            let outcome = match (one["readable"].as_bool(), one["severity"].as_str()) {
                (Some(false), _) => "refused",
                (_, Some("ok")) => "ok",
                _ => "differs",
            };
            (one["subject"].as_str().expect("the setting").to_owned(), outcome)
        })
        .collect()
}

/// The same as `tuning/host verify` sees it.
fn seen_by_script(root: &str) -> BTreeMap<String, &'static str> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tuning/host");
    let mut command = Command::new(script);
    if root != "/" {
        command.args(["--root", root]);
    }
    let output = command.arg("verify").output().expect("the script runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let outcome = |word: &str| ["ok", "differs", "refused"].into_iter().find(|known| *known == word);
    let lines = said.lines().filter_map(|line| {
        let (word, rest) = line.trim_start().split_once(' ')?;
        let key = rest.trim_start().split([' ', ':', ',']).next()?.to_owned();
        // A line about the file for the next boot is about no setting of the kernel.
        Some((key, outcome(word)?)).filter(|(key, _)| !key.contains('/'))
    });
    lines.collect()
}

#[track_caller]
fn both_agree(root: &str) -> BTreeMap<String, &'static str> {
    let (doctor, script) = (seen_by_doctor(root), seen_by_script(root));
    assert_eq!(doctor, script);
    assert!(doctor.len() >= 10, "{doctor:?}");
    doctor
}

fn write(root: &Path, key: &str, value: &str) {
    let path = root.join("proc/sys").join(key.replace('.', "/"));
    fs::create_dir_all(path.parent().expect("within the root")).expect("the folder is ours");
    fs::write(path, value).expect("the folder is ours");
}

#[test]
fn agrees_with_the_script_on_this_machine() {
    both_agree("/");
}

#[test]
fn agrees_with_the_script_on_every_kind_of_difference() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (key, value) in [
        ("net.core.somaxconn", "4096\n"),
        ("net.ipv4.tcp_syncookies", "2"),
        ("net.core.netdev_max_backlog", "99999"),
        ("net.ipv4.ip_local_port_range", "1024\t65535\n"),
        ("net.ipv4.tcp_tw_reuse", "not a number"),
        ("net.ipv4.tcp_max_tw_buckets", "262144"),
        ("net.ipv4.tcp_fin_timeout", "60"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t1000"),
        ("net.ipv4.tcp_wmem", "4096 16384"),
        ("fs.file-max", "9223372036854775807"),
        ("fs.nr_open", "1048575"),
    ] {
        write(root, key, value);
    }
    let seen = both_agree(root.to_str().unwrap());
    for (key, outcome) in [
        ("net.core.somaxconn", "differs"),
        ("net.ipv4.ip_local_port_range", "ok"),
        ("net.ipv4.tcp_tw_reuse", "refused"),
        ("net.ipv4.tcp_mtu_probing", "refused"),
        ("net.ipv4.tcp_rmem", "differs"),
        ("fs.file-max", "ok"),
        ("kernel.io_uring_disabled", "ok"),
    ] {
        assert_eq!(seen[key], outcome, "{key}");
    }
}

#[test]
fn agrees_with_the_script_before_and_after_it_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for key in seen_by_doctor(root).keys() {
        // Worse than anything wanted, in as many numbers.
        let value = match key.as_str() {
            "net.ipv4.ip_local_port_range" => "32768\t60999",
            "net.ipv4.tcp_rmem" | "net.ipv4.tcp_wmem" => "1\t2\t3",
            "net.ipv4.tcp_slow_start_after_idle" | "kernel.numa_balancing" => "1",
            "net.ipv4.tcp_fin_timeout" | "kernel.io_uring_disabled" => "90",
            _ => "0",
        };
        write(folder.path(), key, value);
    }
    assert!(both_agree(root).values().all(|outcome| *outcome == "differs"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tuning/host");
    let status =
        Command::new(script).args(["--root", root, "apply"]).output().expect("the script runs").status;
    assert!(status.success());
    assert!(both_agree(root).values().all(|outcome| *outcome == "ok"));
}

#[test]
fn the_exit_code_is_that_of_the_worst_finding() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    assert_eq!(ringgate(&["doctor", "--root", root]).code, 0, "what cannot be read does not alarm");
    write(folder.path(), "net.core.somaxconn", "128");
    assert_eq!(ringgate(&["doctor", "--root", root]).code, 1);
    let status = folder.path().join("proc/self/status");
    fs::create_dir_all(status.parent().unwrap()).unwrap();
    fs::write(status, "Cpus_allowed_list:\t0\n").unwrap();
    let config = Written::new(&Setup::before("127.0.0.1:9").top("workers: {cpus: [3]}").yaml());
    let finished = ringgate(&["doctor", "--root", root, config.path()]);
    assert_eq!(finished.code, 2, "{}", finished.said());
    assert!(finished.stdout.starts_with("critical  worker-cpus\n"), "{}", finished.stdout);
}

#[test]
fn wrong_usage_is_no_finding() {
    assert_eq!(ringgate(&["doctor", "--nonsense"]).code, 64);
    assert_eq!(ringgate(&["doctor", "--pid", "4194305"]).code, 64);
    assert_eq!(ringgate(&["doctor", "/nowhere/at/all.yaml"]).code, 65);
    assert_eq!(ringgate(&["doctor", "--help"]).code, 0);
}

#[test]
fn a_running_gateway_holds_its_ports_rightly() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.yaml");
    let address = crate::harness::free_address().to_string();
    let yaml = Setup::before("127.0.0.1:9").yaml().replacen("127.0.0.1:0", &address, 1);
    fs::write(&file, yaml).unwrap();
    let path = file.to_str().unwrap().to_owned();
    let _gateway = crate::harness::Gateway::start_file(&file, directory, &[]);
    let report = json(&[&path]);
    let findings = report["findings"].as_array().unwrap();
    let port = findings.iter().find(|one| one["id"] == "port" && one["subject"] == "public").unwrap();
    assert_eq!(port["severity"], "ok", "{port}");
    assert!(port["found"].as_str().unwrap().contains("held by the running gateway"), "{port}");
}
