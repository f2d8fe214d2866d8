//! `external_authorization`: nginx as the service over HTTP, grpcio with Envoy's own messages over gRPC.

use std::net::SocketAddr;

use crate::harness::{FaultOrigin, Gateway, Nginx, Process, Setup, eventually, python_beside};

const RULES: &str = "
    location /check {
        if ($http_authorization = 'Bearer good') { add_header X-User ann; return 200; }
        if ($http_authorization = 'Bearer broken') { return 503; }
        if ($http_authorization = 'Bearer lost') { return 302 https://login.example/; }
        add_header WWW-Authenticate 'Bearer realm=x' always;
        add_header X-Secret 7 always;
        return 401 'who are you?';
    }";

fn gateway(origin: &FaultOrigin, service: SocketAddr, cluster: &str, more: &str) -> Gateway {
    Setup::before(origin.address())
        .cluster(&format!("\n  rules: {{endpoints: ['{service}']{cluster}}}"))
        .route(&format!("policies: {{external_authorization: {{cluster: rules, {more}}}}}"))
        .start()
}

fn over_http(origin: &FaultOrigin, nginx: &Nginx, more: &str) -> Gateway {
    gateway(origin, nginx.address(), "", &format!("path_prefix: /check, {more}"))
}

#[test]
fn over_http_the_services_status_decides_and_its_words_reach_the_client() {
    let (origin, nginx) = (FaultOrigin::echo(), Nginx::start(RULES));
    let gateway = over_http(&origin, &nginx, "headers_to_service: [x-user]");
    gateway.get_with("/orders?a=1", "Authorization: Bearer good\r\nX-User: mallory\r\n").has_status(200);
    let seen = origin.requests();
    assert_eq!(seen[0].field("x-user"), Some("ann"), "what the service says replaces what the client says");
    let refused = gateway.get("/orders").has_status(401);
    assert_eq!(refused.text(), "who are you?");
    assert_eq!(refused.field("www-authenticate"), Some("Bearer realm=x"));
    assert_eq!(refused.field("x-secret"), None, "nobody has said that this goes to clients");
    let lost = gateway.get_with("/orders", "Authorization: Bearer lost\r\n").has_status(302);
    assert_eq!(lost.field("location"), Some("https://login.example/"));
    assert_eq!(origin.requests().len(), 1, "the refused reach nobody");
    gateway.metric_becomes("ringgate_errors_total{code=\"externally_denied\"}", 2.0);
}

#[test]
fn a_service_that_does_not_tell_refuses_unless_it_is_said_otherwise() {
    let (origin, nginx) = (FaultOrigin::echo(), Nginx::start(RULES));
    let careful = over_http(&origin, &nginx, "timeout: 2s");
    careful
        .get_with("/", "Authorization: Bearer broken\r\n")
        .has_problem(503, "external_authorization_unavailable");
    let generous = over_http(&origin, &nginx, "on_failure: admit");
    generous.get_with("/", "Authorization: Bearer broken\r\n").has_status(200);
    let nobody: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let alone = gateway(&origin, nobody, "", "timeout: 300ms");
    alone.get("/").has_problem(503, "external_authorization_unavailable");
    let silent = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.closes_within(std::time::Duration::from_secs(20));
    });
    let waiting = gateway(&origin, silent.address(), "", "timeout: 200ms");
    waiting.get("/").has_problem(503, "external_authorization_unavailable");
}

#[test]
fn the_breaker_of_its_cluster_spares_a_service_that_fails() {
    let origin = FaultOrigin::echo();
    let service = FaultOrigin::answering("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    let breaker = ", breaker: {calls: 5, open: 60s, open_max: 60s}";
    let gateway = gateway(&origin, service.address(), breaker, "timeout: 2s");
    let state = "ringgate_cluster_breaker_state{cluster=\"rules\",state=\"open\"}";
    eventually("the breaker opens", || {
        gateway.get("/").has_problem(503, "external_authorization_unavailable");
        gateway.metric(state) == 1.0
    });
    eventually("nobody asks it any more", || {
        let asked = service.requests().len();
        (0..4).for_each(|_| drop(gateway.get("/").has_status(503)));
        service.requests().len() == asked
    });
    assert!(gateway.metric("ringgate_cluster_breaker_refused_total{cluster=\"rules\"}") >= 4.0);
    assert!(origin.requests().is_empty());
}

#[test]
fn answers_are_remembered_by_what_the_service_was_shown() {
    let origin = FaultOrigin::echo();
    let service = FaultOrigin::ok();
    let gateway = gateway(&origin, service.address(), "", "cache: {admitted: 60s}");
    // One connection, so that one worker answers all of them.
    let mut wire = gateway.wire();
    for (path, token) in [("/a", "1"), ("/a", "1"), ("/a", "2"), ("/b", "1"), ("/a", "1")] {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"));
        wire.read().has_status(200);
    }
    assert_eq!(service.requests().len(), 3);
    assert_eq!(origin.requests().len(), 5);
}

fn grpc_service() -> (Process, SocketAddr) {
    let process = python_beside("ext_authz.py", &[]);
    let line = process.line("listening ");
    let port = line.trim_start_matches("listening ").parse().expect("a port");
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}

#[test]
fn over_grpc_it_speaks_as_envoy_does() {
    let origin = FaultOrigin::echo();
    let (service, address) = grpc_service();
    let gateway = gateway(
        &origin,
        address,
        ", protocol: h2",
        "protocol: grpc, timeout: 10s, headers: [authorization, x-internal]",
    );
    let fields = "Authorization: Bearer good\r\nX-Internal: 1\r\nX-Hidden: 1\r\n";
    gateway.get_with("/orders?a=1", fields).has_status(200);
    let asked = service.line("asked ");
    assert!(asked.starts_with("asked GET /orders?a=1 "), "{asked}");
    assert!(asked.ends_with("127.0.0.1 ['authorization', 'x-internal']"), "{asked}");
    let seen = origin.only_request();
    assert_eq!((seen.field("x-user"), seen.field("x-internal")), (Some("ann"), None));
    assert_eq!(seen.field("content-length"), None, "a service cannot write framing");
    let refused = gateway.get("/orders").has_status(401);
    assert_eq!(
        (refused.text().as_str(), refused.field("www-authenticate")),
        ("who are you?", Some("Bearer realm=x"))
    );
    gateway
        .get_with("/", "Authorization: Bearer broken\r\n")
        .has_problem(503, "external_authorization_unavailable");
}
