//! Which route a request gets: host, path, method, predicates and their precedence.

use crate::harness::{FaultOrigin, Gateway, Setup};

/// A gateway whose routes answer with their own names.
fn router(routes: &[(&str, &str)]) -> Gateway {
    let items: String = routes
        .iter()
        .map(|(name, matches)| {
            format!(
                "  - name: {name}\n    match: {{{matches}}}\n    respond: {{status: 200, body: {name}}}\n"
            )
        })
        .collect();
    Setup::before("127.0.0.1:9").routes(&items).start()
}

#[track_caller]
fn goes(gateway: &Gateway, target: &str, host: &str, fields: &str, route: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    let response = gateway.send(request);
    if route.is_empty() {
        response.has_problem(404, "no_route");
    } else {
        assert_eq!(response.has_status(200).text(), route, "{host} {target} {fields}");
    }
}

#[test]
fn the_most_specific_host_wins() {
    let gateway = router(&[
        ("any", "prefix: /"),
        ("wild", "hosts: ['*.example.com'], prefix: /"),
        ("exact", "hosts: [api.example.com], prefix: /"),
    ]);
    for (host, route) in [
        ("api.example.com", "exact"),
        ("API.Example.COM", "exact"),
        ("api.example.com:8080", "exact"),
        ("www.example.com", "wild"),
        ("example.com", "any"),
        ("other.test", "any"),
    ] {
        goes(&gateway, "/", host, "", route);
    }
}

#[test]
fn the_most_specific_path_wins() {
    let gateway = router(&[
        ("root", "prefix: /"),
        ("api", "prefix: /api"),
        ("deep", "prefix: /api/v1"),
        ("user", "path: '/api/v1/users/{id}'"),
        ("me", "path: /api/v1/users/me"),
        ("files", "path: '/files/{*rest}'"),
    ]);
    for (target, route) in [
        ("/", "root"),
        ("/apix", "root"),
        ("/api", "api"),
        ("/api/", "api"),
        ("/api/v2", "api"),
        ("/api/v1/x/y", "deep"),
        ("/api/v1/users/7", "user"),
        ("/api/v1/users/me", "me"),
        ("/api/v1/users/7/more", "deep"),
        ("/files/a/b/c", "files"),
        ("/api?/api/v1", "api"),
    ] {
        goes(&gateway, target, "test", "", route);
    }
}

#[test]
fn predicates_choose_between_routes_of_one_path() {
    let gateway = router(&[
        ("plain", "prefix: /"),
        ("header", "prefix: /, headers: {x-version: {exact: '2'}}"),
        ("query", "prefix: /, query: {beta: {present: true}}"),
        ("cookie", "prefix: /, cookies: {group: {prefix: canary}}"),
        ("regex", "prefix: /, headers: {user-agent: {regex: 'curl/.*'}}"),
    ]);
    for (target, fields, route) in [
        ("/", "", "plain"),
        ("/", "X-Version: 2\r\n", "header"),
        ("/", "X-Version: 22\r\n", "plain"),
        ("/?beta", "", "query"),
        ("/?beta=", "", "query"),
        ("/?alpha=beta", "", "plain"),
        ("/", "Cookie: a=b; group=canary-7\r\n", "cookie"),
        ("/", "Cookie: xgroup=canary\r\n", "plain"),
        ("/", "User-Agent: curl/8.0\r\n", "regex"),
        ("/", "User-Agent: not curl/8.0\r\n", "plain"),
    ] {
        goes(&gateway, target, "test", fields, route);
    }
}

#[test]
fn nothing_that_matches_is_404() {
    let gateway = router(&[("one", "path: /one"), ("other", "hosts: [other.test], prefix: /")]);
    goes(&gateway, "/two", "test", "", "");
    goes(&gateway, "/one/", "test", "", "");
    goes(&gateway, "/ONE", "test", "", "");
}

#[test]
fn a_method_that_no_route_of_the_path_takes_is_405_with_allow() {
    // RFC 9110 15.5.6: Allow MUST be sent.
    let gateway = router(&[("read", "path: /a, methods: [GET]"), ("write", "path: /a, methods: [PUT]")]);
    let response =
        gateway.send("DELETE /a HTTP/1.1\r\nHost: test\r\n\r\n").has_problem(405, "method_not_allowed");
    let mut allowed: Vec<&str> = response.field("allow").expect("Allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "PUT"]);
    assert_eq!(gateway.send("PUT /a HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").text(), "write");
}

#[test]
fn a_route_for_get_takes_head() {
    // RFC 9110 9.1: GET and HEAD must be supported together.
    let gateway = router(&[("read", "path: /a, methods: [GET]")]);
    let mut wire = gateway.wire();
    wire.send("HEAD /a HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.read_to_head().has_status(200);
}

#[test]
fn a_route_may_serve_one_listener_alone() {
    let yaml = "listeners: [{name: public, address: '127.0.0.1:0'}, {name: inner, address: '127.0.0.1:0'}]\n\
                routes:\n  - {name: a, listeners: [inner], match: {path: /a}, respond: {status: 200, body: a}}\n\
                \x20 - {name: b, match: {path: /b}, respond: {status: 200, body: b}}\n";
    let gateway = Gateway::start(yaml);
    let ask = |listener: &str, target: &str| {
        crate::harness::Wire::connect(gateway.listener(listener)).get(target).status
    };
    assert_eq!(ask("public", "/a"), 404);
    assert_eq!(ask("inner", "/a"), 200);
    assert_eq!((ask("public", "/b"), ask("inner", "/b")), (200, 200));
}

#[test]
fn a_route_may_answer_by_itself() {
    let route = "  - name: teapot\n    match: {prefix: /}\n    respond: {status: 418, body: '{}', content_type: application/json}";
    let gateway = Setup::before("127.0.0.1:9").routes(route).start();
    let response = gateway.get("/").has_status(418);
    assert_eq!(response.field("content-type"), Some("application/json"));
    assert_eq!(response.text(), "{}");
}

#[test]
fn a_route_may_redirect() {
    let routes = "
  - name: old
    match: {path: '/old/{id}'}
    redirect: {to: 'https://{host}/new/{id}{query}', status: 301}
  - name: tls
    match: {prefix: /}
    redirect: {to: 'https://{host}{path}{query}'}";
    let gateway = Setup::before("127.0.0.1:9").routes(routes).start();
    let moved = gateway.get("/old/7?a=b").has_status(301);
    assert_eq!(moved.field("location"), Some("https://test/new/7?a=b"));
    let kept = gateway.get("/x/y").has_status(308);
    assert_eq!(kept.field("location"), Some("https://test/x/y"));
}

#[test]
fn the_same_path_is_routed_and_sent_upstream() {
    // What the router saw and what the origin sees may not differ, or a rule at the gateway is no rule.
    let origin = FaultOrigin::echo();
    let routes = "
  - name: secret
    match: {prefix: /secret}
    respond: {status: 403}
  - name: rest
    match: {prefix: /}
    cluster: origin";
    let gateway = Setup::before(origin.address()).routes(routes).start();
    for target in
        ["/secret", "/a/../secret", "/%73ecret", "/./secret", "//secret", "/a/%2e%2e/secret", "/secret/"]
    {
        gateway.get(target).has_status(403);
    }
    for (target, sent) in
        [("/a/./b", "/a/b"), ("/a//b", "/a/b"), ("/a%2Fb", "/a%2Fb"), ("/%7Ea", "/~a"), ("/a/b/..", "/a/")]
    {
        gateway.get(target).has_status(200);
        assert_eq!(origin.requests().last().unwrap().target, sent, "{target}");
    }
    let above = gateway.get("/../../etc/passwd");
    assert!(matches!(above.status, 200 | 400), "{above:?}");
    assert!(origin.requests().iter().all(|request| !request.target.contains("..")));
}

#[test]
fn an_encoded_slash_is_what_the_configuration_says() {
    for (setting, status, sent) in [("keep", 200, "/a%2Fb"), ("decode", 200, "/a/b"), ("reject", 400, "")] {
        let origin = FaultOrigin::echo();
        let gateway =
            Setup::before(origin.address()).top(&format!("paths: {{encoded_slash: {setting}}}")).start();
        gateway.get("/a%2Fb").has_status(status);
        let got = origin.requests().pop().map(|request| request.target).unwrap_or_default();
        assert_eq!(got, sent, "{setting}");
    }
}

#[test]
fn the_query_goes_upstream_untouched() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).start();
    for target in ["/?a=%2f%2F&b=c+d", "/?", "/?a=/../b", "/?a?b=c"] {
        assert_eq!(gateway.get(target).has_status(200).text(), target);
    }
}
