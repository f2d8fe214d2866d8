//! What changes, and what goes on.

use super::{Reloadable, answering, forwarding};
use crate::harness::FaultOrigin;

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_new_configuration_is_in_force_on_open_connections() {
    let mut running = Reloadable::start(&answering("before"));
    let mut wire = running.gateway.wire();
    wire.send(GET);
    assert_eq!(wire.read().text(), "before");
    running.install(&answering("after"));
    wire.send(GET);
    assert_eq!(wire.read().text(), "after");
    let said = running.gateway.stderr();
    assert!(said.contains("generation 2") && said.contains("route `all`"), "{said}");
    assert!(running.gateway.metric("ringgate_reloads_total{outcome=\"installed\"}") > 0.0);
    running.gateway.drain();
}

#[test]
fn the_same_again_is_no_generation() {
    let running = Reloadable::start(&answering("same"));
    running.write(&answering("same"));
    running.gateway.metric_becomes("ringgate_reloads_total{outcome=\"unchanged\"}", 1.0);
    assert_eq!(running.gateway.metric("ringgate_generation"), 1.0);
}

#[test]
fn connections_to_services_go_on() {
    let origin = FaultOrigin::ok();
    let mut running = Reloadable::start(&forwarding(origin.address(), "a"));
    let mut wire = running.gateway.wire();
    for note in ["b", "c", "d"] {
        wire.send(GET);
        wire.read().has_status(200);
        running.install(&forwarding(origin.address(), note));
        wire.send(GET);
        assert_eq!(wire.read().has_status(200).field("x-note"), Some(note));
    }
    assert_eq!(origin.accepted(), 1, "one connection for all of them");
}

#[test]
fn a_secret_that_was_replaced_is_taken_up() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("secret");
    std::fs::write(&file, "one").expect("ours");
    let yaml = format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         secrets: {{note: {{file: '{}'}}}}\n\
         routes: [{{name: all, respond: {{status: 200, body: x}}, \
         policies: {{headers: {{response: {{set: {{x-note: '${{secret.note}}'}}}}}}}}}}]\n",
        file.display()
    );
    let mut running = Reloadable::start(&yaml);
    assert_eq!(running.gateway.get("/").field("x-note"), Some("one"));
    std::fs::write(&file, "two").expect("ours");
    running.install(&yaml);
    assert_eq!(running.gateway.get("/").field("x-note"), Some("two"));
    assert!(!running.gateway.stderr().contains("two"), "{}", running.gateway.stderr());
}

#[test]
fn a_level_keeps_lighter_lines_back() {
    let mut running = Reloadable::start(&format!("log: {{level: error}}\n{}", answering("before")));
    running.install(&format!("log: {{level: error}}\n{}", answering("after")));
    assert!(!running.gateway.stderr().contains("in force"), "{}", running.gateway.stderr());
    running.write("listeners: 7");
    running.gateway.metric_becomes("ringgate_reloads_total{outcome=\"refused\"}", 1.0);
    let said = running.gateway.stderr();
    assert!(said.contains("configuration: refused; generation 2 stays in force"), "{said}");
}
