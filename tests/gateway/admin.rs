//! The operator's listener.

use super::Pair;
use crate::harness::{Gateway, Setup, Wire};

#[test]
fn metrics_count_requests_by_route_method_and_class() {
    let pair = Pair::start();
    for _ in 0..5 {
        pair.gateway.get("/").has_status(200);
    }
    pair.gateway.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
    pair.gateway.metric_becomes("ringgate_requests_total{route=\"all\",method=\"GET\"}", 5.0);
    pair.gateway.metric_becomes("ringgate_requests_total{route=\"all\",method=\"POST\"}", 1.0);
    pair.gateway.metric_becomes("ringgate_request_duration_seconds_count{route=\"all\"}", 6.0);
    pair.gateway.metric_becomes("ringgate_exchanges_active", 0.0);
}

#[test]
fn metrics_come_in_both_formats() {
    let pair = Pair::start();
    pair.gateway.get("/").has_status(200);
    let ask = |accept: &str| {
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        Wire::connect(pair.gateway.admin()).ask(request).has_status(200)
    };
    let open = ask("application/openmetrics-text; version=1.0.0");
    assert!(open.field("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(open.text().ends_with("# EOF\n"));
    let plain = ask("text/plain");
    assert!(plain.field("content-type").unwrap().starts_with("text/plain"));
    assert!(!plain.text().contains("# EOF"));
}

#[test]
fn every_metric_says_what_it_is() {
    let pair = Pair::start();
    pair.gateway.get("/").has_status(200);
    let page = pair.gateway.admin_get("/metrics").text();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_total", "_bucket", "_sum", "_count", "_info"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert!(name.starts_with("ringgate_") || name.starts_with("process_"), "{line}");
        let described = |keyword: &str| {
            page.lines().any(|help| {
                let rest = help.strip_prefix(keyword).and_then(|rest| rest.split(' ').nth(1));
                rest.is_some_and(|described| described == family || described == name)
            })
        };
        assert!(described("# HELP") && described("# TYPE"), "{name} is not described");
    }
}

#[test]
fn healthy_and_ready_when_started() {
    let pair = Pair::start();
    pair.gateway.admin_get("/healthz").has_status(200);
    pair.gateway.admin_get("/readyz").has_status(200);
}

#[test]
fn shows_the_effective_configuration_without_secrets() {
    let secret = secret("hush-hush");
    let gateway = Setup::before("127.0.0.1:9")
        .top(&format!("secrets: {{key: {{file: '{}'}}}}", secret.path().display()))
        .route("policies: {headers: {request: {set: {x-key: '${secret.key}'}}}}")
        .start();
    let page = gateway.admin_get("/config").has_status(200).text();
    assert!(!page.contains("hush-hush"), "{page}");
    assert!(page.contains("head_timeout"), "defaults are part of what is effective: {page}");
}

#[test]
fn shows_the_workers() {
    let pair = Pair::start();
    let workers = pair.gateway.admin_get("/workers").has_status(200).json();
    let text = workers.to_string();
    for word in ["driver", "cpu"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn an_unknown_admin_path_is_404() {
    Pair::start().gateway.admin_get("/nothing").has_status(404);
}

#[test]
fn a_token_guards_everything_but_health() {
    let token = secret("open-sesame");
    let gateway = Gateway::start(&format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         admin: {{address: '127.0.0.1:0', token: {{file: '{}'}}}}\n\
         routes: [{{name: a, respond: {{status: 200}}}}]\n",
        token.path().display()
    ));
    gateway.admin_get("/healthz").has_status(200);
    gateway.admin_get("/readyz").has_status(200);
    gateway.admin_get("/metrics").has_status(401);
    let ask = |token: &str| {
        let request = format!(
            "GET /config HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        Wire::connect(gateway.admin()).ask(request)
    };
    ask("wrong").has_status(401);
    let page = ask("open-sesame").has_status(200).text();
    assert!(!page.contains("open-sesame"), "{page}");
}

/// A secret's file.
fn secret(value: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), value).unwrap();
    file
}
