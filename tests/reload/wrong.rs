//! Configurations that are not taken.

use super::{Reloadable, answering};

#[test]
fn a_wrong_file_changes_nothing_and_is_told_with_its_line() {
    let mut running = Reloadable::start(&answering("good"));
    running.write("listeners: [{name: public, address: '127.0.0.1:0'}]\nroutes: [{name: all, clutser: x}]\n");
    running.gateway.metric_becomes("ringgate_reloads_total{outcome=\"refused\"}", 1.0);
    assert_eq!(running.gateway.metric("ringgate_reload_last_good"), 0.0);
    let said = running.gateway.stderr();
    assert!(
        said.contains("gateway.yaml:3") && said.contains("clutser") && said.contains("stays in force"),
        "{said}"
    );
    assert_eq!(running.gateway.get("/").text(), "good");
    let shown = running.gateway.admin_get("/source").json();
    assert_eq!(shown["source"]["refused"]["diagnostics"][0]["path"], "routes[0].clutser", "{shown}");
    running.install(&answering("better"));
    assert!(running.gateway.admin_get("/source").json()["source"]["refused"].is_null());
    assert_eq!(running.gateway.get("/").text(), "better");
    assert_eq!(running.gateway.metric("ringgate_reload_last_good"), 1.0);
}

#[test]
fn a_file_that_is_gone_changes_nothing() {
    let running = Reloadable::start(&answering("good"));
    std::fs::remove_file(&running.file).expect("ours");
    running.gateway.signal(libc::SIGHUP);
    running.gateway.metric_becomes("ringgate_reloads_total{outcome=\"refused\"}", 1.0);
    assert_eq!(running.gateway.get("/").text(), "good");
}

#[test]
fn an_address_that_is_taken_refuses_all_of_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("bound");
    let running = Reloadable::start(&answering("good"));
    running.write(&format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}, {{name: more, address: '{addr}'}}]\n\
         routes: [{{name: all, respond: {{status: 200, body: bad}}}}]\n"
    ));
    running.gateway.metric_becomes("ringgate_reloads_total{outcome=\"refused\"}", 1.0);
    let said = running.gateway.stderr();
    assert!(said.contains("cannot-listen") || said.contains("cannot listen on"), "{said}");
    assert_eq!(running.gateway.get("/").text(), "good");
}

#[test]
fn what_shows_only_after_a_restart_is_said() {
    let mut running = Reloadable::start(&answering("a"));
    running.install(&format!("workers: {{driver: epoll}}\n{}", answering("b")));
    assert_eq!(running.gateway.get("/").text(), "b");
    let said = running.gateway.stderr();
    assert!(said.contains("needs-restart"), "{said}");
}
