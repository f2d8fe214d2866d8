//! Who gets which variant, counted at the origins.

use super::{Shop, Tokens, answering};
use crate::harness::{FaultOrigin, Gateway, Wire, eventually, first_cpu};

const TENTH: &str = "{variants: {old: {cluster: v1, weight: 9}, new: {cluster: v2}}}";

fn one_worker() -> String {
    format!("workers: {{cpus: [{}]}}", first_cpu())
}

fn get(wire: &mut Wire, fields: &str) -> String {
    wire.ask(format!("GET /shop HTTP/1.1\r\nHost: test\r\n{fields}\r\n")).text()
}

#[test]
fn any_thousand_requests_of_a_worker_are_split_exactly() {
    let shop = Shop::with(&one_worker(), TENTH, (answering("old"), answering("new")));
    let mut wires: Vec<Wire> = (0..3).map(|_| shop.gateway.wire()).collect();
    // Not from the beginning: wherever one begins to count.
    let mut answers: Vec<bool> = Vec::new();
    for request in 0..1337 {
        answers.push(get(&mut wires[request % 3], "") == "new");
    }
    for from in [0, 1, 100, 337] {
        let count = answers[from..from + 1000].iter().filter(|is_new| **is_new).count();
        assert_eq!(count, 100, "from {from}");
    }
}

#[test]
fn a_thousand_requests_of_two_workers_are_off_by_less_than_two() {
    let shop = Shop::start(TENTH);
    let mut wires: Vec<Wire> = (0..12).map(|_| shop.gateway.wire()).collect();
    let count = (0..1000).filter(|request| get(&mut wires[request % 12], "") == "new").count();
    assert!((99..=101).contains(&count), "{count}");
}

#[test]
fn a_field_keeps_its_variant_when_a_share_is_raised() {
    let shop = Shop::start("{variants: {old: {cluster: v1}, new: {cluster: v2}}, sticky: {header: x-user}}");
    keep_their_variant(&shop, &(0..40).map(|user| format!("X-User: u{user}\r\n")).collect::<Vec<_>>());
}

#[test]
fn an_identity_keeps_its_variant_whatever_token_it_shows() {
    let tokens = Tokens::new();
    let split = "{variants: {old: {cluster: v1}, new: {cluster: v2}}, sticky: identity}";
    let shop = Shop::with(&tokens.wanted(), split, (answering("old"), answering("new")));
    let users: Vec<String> = (0..20).map(|user| tokens.field(&format!("u{user}"), &[])).collect();
    let before: Vec<usize> = users.iter().map(|user| shop.new_of(1, user)).collect();
    let others: Vec<usize> =
        (0..20).map(|user| shop.new_of(1, &tokens.field(&format!("u{user}"), &["jti=other"]))).collect();
    assert_eq!(before, others);
    keep_their_variant(&shop, &users);
}

/// Raises a share twice; who has the new variant goes on to have it.
#[track_caller]
fn keep_their_variant(shop: &Shop, users: &[String]) {
    let mut has_new: Vec<bool> = users.iter().map(|user| shop.new_of(1, user) == 1).collect();
    assert!(has_new.contains(&true) && has_new.contains(&false), "{has_new:?}");
    for share in ["new=75%", "new=100%"] {
        shop.gateway.command(&["release", "set", "shop", share]);
        for (user, had_new) in users.iter().zip(&mut has_new) {
            let count = shop.new_of(3, user);
            assert!(count == 3 || (count == 0 && !*had_new), "{user} {count} at {share}");
            *had_new = count == 3;
        }
    }
    assert!(has_new.iter().all(|has| *has));
}

#[test]
fn a_cookie_is_given_once_and_keeps_its_variant_on_all_workers() {
    let shop = Shop::start("{variants: {old: {cluster: v1}, new: {cluster: v2}}, sticky: {cookie: release}}");
    for _ in 0..10 {
        let first = shop.gateway.get("/shop");
        let cookie = first.field("set-cookie").expect("a cookie").to_owned();
        let (pair, attributes) = cookie.split_once("; ").expect("attributes");
        assert!(pair.starts_with("release=") && attributes.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        for _ in 0..6 {
            let next = shop.gateway.get_with("/shop", &format!("Cookie: {pair}\r\n"));
            assert_eq!((next.text(), next.field("set-cookie")), (first.text(), None));
        }
    }
}

#[test]
fn another_cookie_is_not_left_over_on_a_connection() {
    let more = "defaults: {policies: {headers: {response: {set: {x-a: b}}}}}";
    let split = "{variants: {old: {cluster: v1}, new: {cluster: v2}}, sticky: {cookie: release}}}\n\
                 - {name: plain, match: {path: /plain}, respond: {status: 200}";
    let shop = Shop::with(more, split, (answering("old"), answering("new")));
    let mut wire = shop.gateway.wire();
    assert!(wire.get("/shop").field("set-cookie").is_some());
    assert!(wire.get("/plain").field("set-cookie").is_none());
}

#[test]
fn variants_have_paths_of_their_own() {
    let (old, new) = (FaultOrigin::ok(), FaultOrigin::ok());
    let gateway = Gateway::start(&format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{v1: {{endpoints: ['{}']}}, v2: {{endpoints: ['{}']}}}}\n\
         routes:\n- name: shop\n  match: {{path: '/shop/{{id}}'}}\n  rewrite: {{path: '/old/{{id}}'}}\n  split:\n    variants:\n\
         \x20     old: {{cluster: v1}}\n      new: {{cluster: v2, rewrite: {{path: '/v2/items/{{id}}', host: new.test}}}}\n",
        old.address(),
        new.address()
    ));
    let mut wire = gateway.wire();
    (0..2).for_each(|_| drop(wire.get("/shop/7?a=b").has_status(200)));
    assert_eq!(old.only_request().target, "/old/7?a=b");
    let request = new.only_request();
    assert_eq!((request.target.as_str(), request.field("host")), ("/v2/items/7?a=b", Some("new.test")));
}

#[test]
fn the_variant_is_in_logs_metrics_and_records() {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let more = format!("{}\naccess_log: {{to: '{}'}}", one_worker(), log.path().display());
    let shop = Shop::with(&more, TENTH, (answering("old"), answering("new")));
    let mut wire = shop.gateway.wire();
    let answers: Vec<_> = (0..20).map(|_| wire.get("/shop")).collect();
    let new: Vec<&str> =
        answers.iter().filter(|it| it.text() == "new").filter_map(|it| it.field("x-request-id")).collect();
    assert_eq!(new.len(), 2);
    shop.gateway.metric_becomes("ringgate_release_requests_total{route=\"shop\",variant=\"new\"}", 2.0);
    assert_eq!(shop.gateway.metric("ringgate_release_requests_total{route=\"shop\"}"), 20.0);
    assert_eq!(shop.gateway.metric("ringgate_release_share_ratio{variant=\"new\"}"), 0.1);
    assert_eq!(shop.gateway.metric("ringgate_release_phase{phase=\"steady\"}"), 1.0);
    let record = shop.gateway.admin_get(&format!("/decisions/{}", new[0])).json();
    let record = &record["decision"];
    assert_eq!((&record["variant"], &record["cluster"]), (&"new".into(), &"v2".into()), "{record}");
    let told = shop.gateway.command(&["explain", "--id", new[0]]);
    assert!(told.contains("route       shop, variant new"), "{told}");
    let logged = || std::fs::read_to_string(log.path()).expect("the log is there");
    eventually("20 log lines", || logged().lines().count() == 20);
    let line = logged().lines().find(|line| line.contains(new[1])).expect("its line").to_owned();
    assert!(line.contains("\"route\":\"shop\",\"variant\":\"new\""), "{line}");
}

#[test]
fn explain_says_which_variant_and_why() {
    let split = "{variants: {old: {cluster: v1, weight: 9}, new: {cluster: v2}}, sticky: {header: x-user}}";
    let shop = Shop::start(split);
    let file = shop.file.to_str().expect("UTF-8");
    let explain = |fields: &[&str]| {
        let question = [&["explain", "--config", file, "GET", "http://test/shop"], fields].concat();
        crate::harness::ringgate(&question).succeeded()
    };
    let told = explain(&[]);
    assert!(told.contains("variant     old (most get it;") && told.contains("  share     new 10%"), "{told}");
    assert!(explain(&["-H", "X-User: ann"]).contains("(it stays with its field x-user)"));
}
