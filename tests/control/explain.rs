//! `ringgate explain`: what would happen to a request, and why. It sends nothing.

use super::Written;
use crate::harness::{FaultOrigin, Setup, ringgate};

const ROUTES: &str = "
  - name: read
    match: {prefix: /shop, methods: [GET]}
    cluster: origin
    policies: {ip_filter: {deny: [10.0.0.0/8]}, headers: {request: {set: {x-a: b}}}}
  - name: beta
    match: {prefix: /shop, headers: {x-beta: {present: true}}}
    cluster: origin";

fn explained(endpoint: impl std::fmt::Display, arguments: &[&str]) -> String {
    let file = Written::new(&Setup::before(endpoint).routes(ROUTES).yaml());
    ringgate(&[&["explain"], arguments, &["-c", file.path()]].concat()).said()
}

#[test]
fn names_route_policies_cluster_and_endpoints() {
    let origin = FaultOrigin::ok();
    let said = explained(origin.address(), &["GET", "http://test/shop/cart"]);
    let endpoint = origin.address().to_string();
    for word in ["public", "read", "ip_filter", "headers", "10.0.0.0/8", "origin", &endpoint] {
        assert!(said.contains(word), "nothing of {word}:\n{said}");
    }
    assert_eq!(origin.accepted(), 0, "explain sent something");
}

#[test]
fn tells_what_is_spoken_with_endpoints() {
    for (cluster, words) in [("protocol: h2", "protocol  HTTP/2\n"), ("balance: random", "balance   random")]
    {
        let file = Written::new(&Setup::before("127.0.0.1:9").cluster(cluster).yaml());
        let said = ringgate(&["explain", "GET", "http://test/", "-c", file.path()]).said();
        assert!(said.contains(words), "nothing of {words}:\n{said}");
    }
}

#[test]
fn tells_the_policies_in_the_order_they_run() {
    let said = explained("127.0.0.1:9", &["GET", "http://test/shop"]);
    let at = |word: &str| said.find(word).unwrap_or_else(|| panic!("nothing of {word}:\n{said}"));
    assert!(at("ip_filter") < at("headers"), "{said}");
}

#[test]
fn fields_choose_the_route() {
    let said = explained("127.0.0.1:9", &["POST", "http://test/shop", "-H", "X-Beta: 1"]);
    assert!(said.contains("beta"), "{said}");
}

#[test]
fn says_why_others_did_not_match() {
    let said = explained("127.0.0.1:9", &["GET", "http://test/shop"]);
    assert!(said.contains("x-beta"), "nothing on why `beta` was passed over:\n{said}");
}

#[test]
fn says_when_nothing_matches() {
    let said = explained("127.0.0.1:9", &["GET", "http://test/other"]);
    assert!(said.contains("404") || said.contains("no_route"), "{said}");
    let said = explained("127.0.0.1:9", &["DELETE", "http://test/shop"]);
    assert!(said.contains("405") || said.contains("method_not_allowed"), "{said}");
}

#[test]
fn tells_what_a_policy_would_refuse() {
    let said = explained("127.0.0.1:9", &["GET", "http://test/shop", "--peer", "10.1.2.3"]);
    assert!(said.contains("403 address_denied, by ip_filter"), "{said}");
}

#[test]
fn a_question_that_is_none_is_an_error() {
    let file = Written::new(&Setup::before("127.0.0.1:9").yaml());
    for question in [&["GET", "example.com/x"][..], &["GET", "/x", "-H", "foo"]] {
        let finished = ringgate(&[&["explain"], question, &["-c", file.path()]].concat());
        assert_eq!(finished.code, 1, "{question:?}: {}", finished.said());
    }
}

#[test]
fn tells_the_endpoint_that_a_hash_chooses() {
    let origins: Vec<FaultOrigin> = (0..3).map(|_| FaultOrigin::ok()).collect();
    let setup = origins[1..]
        .iter()
        .fold(Setup::before(origins[0].address()), |setup, origin| setup.endpoint(origin.address()))
        .cluster("balance: {maglev: {cookie: session}}");
    let file = Written::new(&setup.yaml());
    let gateway = setup.start();
    for session in ["a", "b", "c", "d"] {
        let cookie = format!("Cookie: session={session}");
        let said = ringgate(&["explain", "GET", "/", "-H", &cookie, "-c", file.path()]).said();
        let before: Vec<usize> = origins.iter().map(|origin| origin.requests().len()).collect();
        gateway.get_with("/", &format!("{cookie}\r\n")).has_status(200);
        let took = (0..3).find(|&at| origins[at].requests().len() > before[at]).expect("one origin took it");
        let line = format!("chosen    {}", origins[took].address());
        assert!(said.contains(&line), "{line} is not in:\n{said}");
    }
}

#[test]
fn tells_where_a_raw_connection_goes_by_its_name() {
    let listener = "tcp: {cluster: origin, sni: [{names: ['*.db.example'], cluster: db}]}";
    let yaml = Setup::before("127.0.0.1:9").listener(listener).yaml();
    let yaml =
        yaml.replace("clusters:\n", "clusters:\n  db: {endpoints: ['127.0.0.1:7'], proxy_protocol: v2}\n");
    let file = Written::new(&yaml);
    let said = |url: &str| ringgate(&["explain", "GET", url, "-c", file.path()]).said();
    let named = said("tls://a.db.example");
    for word in ["raw TCP", "a.db.example", "cluster     db", "127.0.0.1:7", "PROXY header"] {
        assert!(named.contains(word), "nothing of {word}:\n{named}");
    }
    assert!(said("tls://elsewhere.example").contains("cluster     origin"));
}

#[test]
fn tells_what_a_peer_has_to_begin_with() {
    let setup = Setup::before("127.0.0.1:9").listener("proxy_protocol: {from: [10.0.0.0/8]}");
    let file = Written::new(&setup.yaml());
    let said = |peer: &str| ringgate(&["explain", "GET", "/", "-c", file.path(), "--peer", peer]).said();
    assert!(said("10.1.1.1").contains("proxy       required"), "{}", said("10.1.1.1"));
    let refused = said("192.0.2.1");
    assert!(refused.contains("closed") && !refused.contains("route"), "{refused}");
}
