//! What a client may not say about itself, however it writes it.

use crate::harness::{FaultOrigin, Setup, eventually};

#[test]
fn a_client_cannot_name_away_what_a_policy_has_set() {
    // RFC 9110 7.6.1: Connection speaks of the fields that came with it, not of those set on the way.
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address())
        .route("policies: {headers: {request: {set: {x-tenant: t1}}}}")
        .start();
    gateway
        .get_with("/", "Connection: X-Tenant, X-Other\r\nX-Other: 1\r\nX-Tenant: evil\r\n")
        .has_status(200);
    let request = origin.only_request();
    assert_eq!(request.field("x-tenant"), Some("t1"));
    assert_eq!(request.field("x-other"), None);
}

#[test]
fn an_underscore_makes_no_other_name() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).start();
    let fields =
        "X_User_Id: evil\r\nX_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Port: 1\r\n";
    gateway.get_with("/", fields).has_status(200);
    let request = origin.only_request();
    for name in ["x_user_id", "x-user-id", "x_forwarded_for", "x-real-ip", "x-forwarded-port"] {
        assert_eq!(request.field(name), None, "{name}");
    }
}

#[test]
fn identity_fields_go_whatever_they_are_called() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).top("identity_headers: [authorization, x-who]").start();
    gateway.get_with("/", "Authorization: Basic eA==\r\nX-Who: me\r\n").has_status(200);
    let request = origin.only_request();
    assert_eq!((request.field("authorization"), request.field("x-who")), (None, None));
}

#[test]
fn a_quote_does_not_make_the_proxy_the_client() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address())
        .top("trusted_proxies: [127.0.0.1]")
        .route("policies: {ip_filter: {allow: [127.0.0.0/8]}}")
        .start();
    gateway.get("/").has_status(200);
    gateway.get_with("/", "X-Forwarded-For: 203.0.113.7\r\n").has_problem(403, "address_denied");
    gateway.get_with("/", "X-Forwarded-For: \", 203.0.113.7\r\n").has_problem(403, "address_denied");
    gateway.get_with("/", "X-Forwarded-For: nobody\r\n").has_problem(400, "bad_forwarded");
}

#[test]
fn a_refused_head_is_not_logged_as_the_one_before() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).top("access_log: {to: stdout, headers: [x-who]}").start();
    let mut wire = gateway.wire();
    wire.ask("GET / HTTP/1.1\r\nHost: t\r\nX-Who: alice\r\nUser-Agent: alices\r\n\r\n").has_status(200);
    wire.ask("GET / HTTP/1.1\nHost: t\r\n\r\n").has_status(400);
    let refused = |line: &String| line.contains("bare_cr_or_lf");
    eventually("the refusal is logged", || gateway.stdout().iter().any(refused));
    let line = gateway.stdout().into_iter().find(refused).unwrap();
    assert!(!line.contains("alice"), "{line}");
}
