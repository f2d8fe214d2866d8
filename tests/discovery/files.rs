//! A file with endpoints, replaced in the ways in which files are replaced.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Traffic, discovering, fleet, uses};
use crate::harness::{Gateway, Setup, eventually, ringgate};

fn listing(path: &Path) -> Setup {
    discovering(&format!("{{file: {{path: '{}', look_every: 50ms}}}}", path.display()))
}

fn list(port: u16, lasts: &[u8]) -> String {
    lasts.iter().map(|last| format!("- 127.0.0.{last}:{port}\n")).collect()
}

/// As editors do: beside it, then over it.
fn rename(path: &Path, text: &str) {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, text).expect("the directory is ours");
    std::fs::rename(beside, path).expect("the directory is ours");
}

#[test]
fn a_file_is_read_again_however_it_is_replaced() {
    let (_origins, port) = fleet(4);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("endpoints.yaml");
    std::fs::write(&path, list(port, &[2])).expect("the directory is ours");
    let gateway = listing(&path).start();
    uses(&gateway, &[2]);
    let traffic = Traffic::start(&gateway);
    rename(&path, &list(port, &[2, 3]));
    uses(&gateway, &[2, 3]);
    std::fs::write(&path, format!("[\"127.0.0.3:{port}\"]")).expect("the directory is ours");
    uses(&gateway, &[3]);
    // As Kubernetes mounts a ConfigMap: a link to a link that is switched.
    let (old, new, data) = ("..1", "..2", directory.path().join("..data"));
    for (folder, lasts) in [(old, &[4][..]), (new, &[4, 5])] {
        std::fs::create_dir(directory.path().join(folder)).expect("the directory is ours");
        let file = directory.path().join(folder).join("endpoints.yaml");
        std::fs::write(file, list(port, lasts)).expect("the directory is ours");
    }
    symlink(old, &data).expect("the directory is ours");
    std::fs::remove_file(&path).expect("the directory is ours");
    symlink("..data/endpoints.yaml", &path).expect("the directory is ours");
    uses(&gateway, &[4]);
    symlink(new, directory.path().join("..tmp")).expect("the directory is ours");
    std::fs::rename(directory.path().join("..tmp"), &data).expect("the directory is ours");
    uses(&gateway, &[4, 5]);
    traffic.loses_nothing();
}

fn failures(gateway: &Gateway) -> f64 {
    gateway.metric("ringgate_discovery_failures_total")
}

#[test]
fn a_file_that_is_broken_or_gone_changes_nothing() {
    let (_origins, port) = fleet(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("endpoints.yaml");
    rename(&path, &list(port, &[2]));
    let gateway = listing(&path).start();
    uses(&gateway, &[2]);
    for broken in ["- 127.0.0.3", "- [", "a: b", ""] {
        let before = failures(&gateway);
        rename(&path, broken);
        eventually(&format!("`{broken}` fails"), || failures(&gateway) > before);
        uses(&gateway, &[2]);
    }
    std::fs::remove_file(&path).expect("the directory is ours");
    eventually("it is missed", || gateway.stderr().contains("cannot be read"));
    uses(&gateway, &[2]);
    rename(&path, &list(port, &[3]));
    uses(&gateway, &[3]);
}

#[test]
fn explain_says_where_endpoints_come_from() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let setup = discovering("{file: {path: endpoints.yaml}}");
    std::fs::write(&file, setup.yaml()).expect("the directory is ours");
    let said = ringgate(&["explain", "GET", "http://a.test/", "-c", file.to_str().expect("UTF-8")]);
    let said = said.succeeded();
    assert!(said.contains("discovered by file endpoints.yaml; nothing until it answers"), "{said}");
}

#[test]
fn a_cluster_with_neither_endpoints_nor_discovery_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    for (lines, code) in [
        ("balance: random", "no-endpoints"),
        ("discover: {dns: {name: orders.test}}", "no-port"),
        ("discover: {dns: {name: 'orders test', port: 80}}", "bad-name"),
        ("discover: {dns: {name: 10.0.0.1, port: 80}}", "bad-name"),
        ("discover: {dns: {name: a.test, type: srv, port: 80}}", "bad-port"),
        ("discover: {dns: {name: a.test, port: 80, min_refresh: 5s, max_refresh: 1s}}", "out-of-range"),
        ("discover: {dns: {name: a.test, port: 80, resolvers: ['127.0.0.1:0']}}", "bad-port"),
        ("discover: {file: {path: ''}}", "no-file"),
        ("discover: {file: {path: a, look_every: 0s}}", "zero-timeout"),
        ("discover: {fil: {path: a}}", "file"),
        ("endpoints: ['10.0.0.1:80'], deny_addresses: [10.0.0.1/8]", "10.0.0.0/8"),
    ] {
        let text = format!(
            "listeners: [{{name: a, address: '127.0.0.1:0'}}]\nclusters: {{c: {{{lines}}}}}\n\
             routes: [{{name: r, match: {{prefix: /}}, cluster: c}}]\n"
        );
        std::fs::write(&file, text).expect("the directory is ours");
        let checked = ringgate(&["check", file.to_str().expect("UTF-8")]);
        assert!(checked.code == 1 && checked.said().contains(code), "{code}: {}", checked.said());
    }
}
