//! Rewriting a request before it goes upstream.

use super::Pair;

/// A gateway with one route, rewritten.
fn rewriting(matches: &str, rewrite: &str) -> Pair {
    let route =
        format!("  - name: r\n    match: {{{matches}}}\n    cluster: origin\n    rewrite: {{{rewrite}}}");
    Pair::with(|setup| setup.routes(&route))
}

#[test]
fn strips_a_prefix_in_whole_segments() {
    let pair = rewriting("prefix: /api", "strip_prefix: /api");
    for (target, sent) in [("/api/users", "/users"), ("/api", "/"), ("/api/", "/"), ("/api?q=1", "/?q=1")] {
        assert_eq!(pair.forwards(target, "").target, sent);
    }
}

#[test]
fn adds_a_prefix() {
    let pair = rewriting("prefix: /", "add_prefix: /v2");
    assert_eq!(pair.forwards("/users?q=1", "").target, "/v2/users?q=1");
}

#[test]
fn replaces_a_prefix() {
    let pair = rewriting("prefix: /old", "strip_prefix: /old, add_prefix: /new");
    assert_eq!(pair.forwards("/old/a/b", "").target, "/new/a/b");
}

#[test]
fn builds_a_path_from_captured_parameters() {
    let pair = rewriting("path: '/users/{id}/orders/{order}'", "path: '/v2/orders/{order}/of/{id}'");
    assert_eq!(pair.forwards("/users/7/orders/a%20b?q=1", "").target, "/v2/orders/a%20b/of/7?q=1");
}

#[test]
fn builds_a_path_from_a_catch_all() {
    let pair = rewriting("path: '/files/{*rest}'", "path: '/store/{rest}'");
    assert_eq!(pair.forwards("/files/a/b/c.txt", "").target, "/store/a/b/c.txt");
}

#[test]
fn sets_the_host() {
    let pair = rewriting("prefix: /", "host: inner.example");
    assert_eq!(pair.forwards("/", "").field("host"), Some("inner.example"));
}

#[test]
fn a_cluster_may_have_a_host_of_its_own() {
    let pair = Pair::with(|setup| setup.cluster("host: cluster.example"));
    let request = pair.forwards("/", "");
    assert_eq!(request.field("host"), Some("cluster.example"));
    assert_eq!(request.field("x-forwarded-host"), Some("test"));
}
