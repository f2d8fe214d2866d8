//! `cors`: what browsers are told, and what a real one makes of it.

use super::guarded;
use crate::harness::{FaultOrigin, Gateway, Response, Setup, python};

const APP: &str = "cors: {allow_origins: ['https://app.test'], allow_methods: [GET, PUT], allow_headers: [X-A], \
                   expose_headers: [X-B], credentials: true}";

fn preflight(gateway: &Gateway, target: &str, origin: &str, method: &str) -> Response {
    let fields = format!("Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n");
    gateway.send(format!("OPTIONS {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"))
}

#[test]
fn a_preflight_is_answered_here() {
    let (origin, gateway) = guarded(APP);
    let response = preflight(&gateway, "/", "https://app.test", "PUT").has_status(204);
    assert_eq!(response.field("access-control-allow-origin"), Some("https://app.test"));
    assert_eq!(response.field("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(response.field("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.field("access-control-max-age"), Some("600"));
    assert_eq!(response.field("content-length"), None, "RFC 9110 8.6: none with 204");
    preflight(&gateway, "/", "https://evil.test", "PUT").has_problem(403, "origin_denied");
    assert!(origin.requests().is_empty());
    let decided =
        |verdict| format!("ringgate_policy_decisions_total{{policy=\"cors\",verdict=\"{verdict}\"}}");
    gateway.metric_becomes(&decided("answered"), 1.0);
    gateway.metric_becomes(&decided("refused"), 1.0);
}

#[test]
fn a_preflight_keeps_the_connection() {
    let (_origin, gateway) = guarded(APP);
    let mut wire = gateway.wire();
    for _ in 0..2 {
        let request = "OPTIONS / HTTP/1.1\r\nHost: t\r\nOrigin: https://app.test\r\n\
                       Access-Control-Request-Method: GET\r\n\r\n";
        assert!(!wire.ask(request).has_status(204).says_close());
    }
    wire.get("/").has_status(200);
}

#[test]
fn answers_of_the_service_and_of_the_gateway_carry_the_fields() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: X-Z\r\n\
         Vary: Accept\r\nContent-Length: 0\r\n\r\n",
    );
    let routes = format!(
        "
  - name: open
    match: {{prefix: /}}
    cluster: origin
    policies: {{{APP}}}
  - name: closed
    match: {{path: /closed}}
    cluster: origin
    policies: {{{APP}, authorize: {{any: []}}}}"
    );
    let gateway = Setup::before(origin.address()).routes(&routes).start();
    for (target, status) in [("/", 200), ("/closed", 401)] {
        let response = gateway.get_with(target, "Origin: https://app.test\r\n").has_status(status);
        assert_eq!(response.fields_named("access-control-allow-origin"), ["https://app.test"], "{target}");
        assert_eq!(response.field("access-control-expose-headers"), Some("X-B"));
        assert_eq!(response.field("access-control-allow-headers"), None);
        assert!(response.fields_named("vary").join(", ").contains("Origin"), "{target}");
        let response = gateway.get_with(target, "Origin: https://evil.test\r\n").has_status(status);
        assert_eq!(response.field("access-control-allow-origin"), None, "{target}");
    }
}

#[test]
fn the_route_of_the_request_that_is_to_come_answers() {
    let origin = FaultOrigin::echo();
    let routes = "
  - name: read
    match: {path: /a, methods: [GET]}
    cluster: origin
    policies: {cors: {allow_origins: ['https://read.test']}}
  - name: write
    match: {path: /a, methods: [PUT]}
    cluster: origin
    policies: {cors: {allow_origins: ['https://write.test'], allow_methods: [PUT]}, request_limits: {methods: [PUT]}}
  - name: service
    match: {path: /b}
    cluster: origin";
    let gateway = Setup::before(origin.address()).routes(routes).start();
    preflight(&gateway, "/a", "https://read.test", "GET").has_status(204);
    preflight(&gateway, "/a", "https://write.test", "PUT").has_status(204);
    preflight(&gateway, "/a", "https://read.test", "PUT").has_problem(403, "origin_denied");
    preflight(&gateway, "/a", "https://read.test", "DELETE").has_status(405);
    assert!(origin.requests().is_empty());
    preflight(&gateway, "/b", "https://read.test", "GET").has_status(200);
    assert_eq!(origin.requests().len(), 1, "a service may answer by itself");
}

#[test]
fn a_real_browser_lets_pages_do_what_is_written_and_no_more() {
    let origin = FaultOrigin::echo();
    let yaml = format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}, {{name: pages, address: '127.0.0.1:0'}}]
admin: {{address: '127.0.0.1:0'}}
clusters: {{origin: {{endpoints: ['{}']}}}}
routes:
  - name: api
    listeners: [public]
    match: {{prefix: /}}
    cluster: origin
    policies:
      cors:
        allow_origins: ['http://127.0.0.1:*']
        allow_methods: [GET, PUT]
        allow_headers: [X-A]
        expose_headers: [X-Request-Id]
        credentials: true
  - name: closed
    listeners: [public]
    match: {{path: /closed}}
    cluster: origin
    policies:
      cors: {{allow_origins: ['http://127.0.0.1:*']}}
      authorize: {{any: []}}
  - name: page
    listeners: [pages]
    match: {{prefix: /}}
    respond: {{status: 200, body: <!doctype html><title>page</title>, content_type: text/html}}
",
        origin.address()
    );
    let gateway = Gateway::start(&yaml);
    let page = gateway.listener("pages").port().to_string();
    python("../policy/cors.py", gateway.public(), &[&page]);
    assert!(origin.requests().iter().all(|request| request.method != "OPTIONS"));
}
