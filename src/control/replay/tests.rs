//! What is told of a change, and the laws: the same configuration changes nothing, whatever was recorded.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::config::secret::Environment;
use crate::control::check::load_and_compile_text;
use crate::policy::ip_filter::AddressSet;
use crate::proxy::snapshot::Snapshot;
use crate::telemetry::Pseudonyms;

fn compiled(routes: &str, generation: u64) -> Snapshot {
    let yaml = format!(
        "listeners: [{{name: public, address: 127.0.0.1:0}}]\n\
         clusters: {{a: {{endpoints: ['127.0.0.1:1']}}, b: {{endpoints: ['127.0.0.1:2']}}}}\nroutes:\n{routes}"
    );
    match load_and_compile_text("test", &yaml, &Environment::default(), generation) {
        Ok((_, snapshot)) => snapshot,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> RecordedHead {
    let mut all = vec![("Host".to_owned(), "shop.example".to_owned())];
    all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let head =
        recorded::Head { method: method.to_owned(), target: target.to_owned(), version: None, fields: all };
    RecordedHead {
        unix_ms: 0,
        worker: 0,
        generation: 0,
        listener: "public".to_owned(),
        scheme: "http".to_owned(),
        peer: [203, 0, 113, 9].into(),
        head,
        met: Outcome::default(),
        now: None,
    }
}

fn replayed(old: &Snapshot, new: &Snapshot, heads: &[RecordedHead]) -> Replay {
    replay(&Decider::new(old).unwrap(), &Decider::new(new).unwrap(), heads)
}

fn lines(old: &str, new: &str, heads: &[RecordedHead]) -> Vec<String> {
    replayed(&compiled(old, 1), &compiled(new, 2), heads).lines()
}

const ORDERS: &str = "  - {name: orders, match: {prefix: /orders}, cluster: a}\n";

#[test]
fn tells_which_requests_would_meet_what() {
    let heads = [
        head("GET", "/orders/7?token=(redacted)", &[]),
        head("GET", "/orders/9", &[]),
        head("GET", "/other", &[]),
    ];
    assert_eq!(
        lines(ORDERS, "  - {name: orders, match: {path: /orders/9}, cluster: a}\n", &heads),
        ["1 of 3 recent requests: route `orders` to cluster `a` -> no route (404 no_route), \
          e.g. GET shop.example/orders/7?token=(redacted)"]
    );
    assert_eq!(
        lines(ORDERS, "  - {name: orders, match: {prefix: /orders}, cluster: b}\n", &heads),
        ["2 of 3 recent requests: route `orders` to cluster `a` -> route `orders` to cluster `b`, \
          e.g. GET shop.example/orders/7?token=(redacted)"]
    );
}

#[test]
fn tells_of_policies_methods_redirects_and_paths() {
    let heads = [head("POST", "/orders/7", &[("Content-Length", "10")])];
    for (new, expected) in [
        (
            "  - {name: orders, match: {prefix: /orders}, cluster: a, policies: {ip_filter: {deny: [203.0.113.0/24]}}}",
            "route `orders`, 403 address_denied by ip_filter",
        ),
        (
            "  - {name: orders, match: {prefix: /orders, methods: [GET]}, cluster: a}",
            "refused (405 method_not_allowed)",
        ),
        ("  - {name: moved, redirect: {to: 'https://new.example/'}}", "route `moved`, answers 30"),
        ("  - {name: gone, respond: {status: 410}}", "route `gone`, answers 410"),
        (
            "  - {name: orders, match: {prefix: /orders}, cluster: a, policies: {request_limits: {body_bytes: 5B}}}",
            "route `orders`, 413 body_too_large",
        ),
        (
            "  - {name: orders, match: {prefix: /orders}, cluster: a, rewrite: {strip_prefix: /orders}}",
            "the same with another path",
        ),
    ] {
        let told = lines(ORDERS, new, &heads);
        let [line] = &told[..] else { panic!("{new}: {told:?}") };
        let after = line.split(" -> ").nth(1).unwrap();
        assert!(after.starts_with(expected), "{new}: {line}");
    }
}

#[test]
fn what_a_head_does_not_decide_is_left_out_and_counted() {
    let snapshot = compiled(ORDERS, 1);
    let mut met = head("GET", "/orders/7", &[]);
    met.generation = 1;
    met.met =
        Outcome { route: Some("orders".to_owned()), cluster: Some("a".to_owned()), ..Outcome::default() };
    let mut refused = met.clone();
    refused.met = Outcome {
        route: Some("orders".to_owned()),
        code: Some("rate_limited".to_owned()),
        ..Outcome::default()
    };
    let replayed = replayed(&snapshot, &compiled("  - {name: x, cluster: a}\n", 2), &[met, refused]);
    assert_eq!((replayed.compared, replayed.changed, replayed.undecidable), (1, 1, 1));
}

#[test]
fn a_listener_that_is_gone_or_speaks_something_else_is_told() {
    let mut elsewhere = head("GET", "/orders/7", &[]);
    elsewhere.listener = "internal".to_owned();
    let mut secure = head("GET", "/orders/7", &[]);
    secure.scheme = "https".to_owned();
    let snapshot = compiled(ORDERS, 2);
    let decider = Decider::new(&snapshot).unwrap();
    assert_eq!(elsewhere.outcome(&decider).to_string(), "no listener: `internal` is gone");
    assert!(secure.outcome(&decider).to_string().starts_with("refused (400 "));
}

#[test]
fn only_so_many_kinds_of_change_are_told_one_by_one() {
    let routes = |cluster: &str| -> String {
        (0..30)
            .map(|n| format!("  - {{name: r{n:02}, match: {{path: /{n}}}, cluster: {cluster}}}\n"))
            .collect()
    };
    let heads: Vec<_> = (0..30).flat_map(|n| vec![head("GET", &format!("/{n}"), &[]); 1 + n % 2]).collect();
    let told = lines(&routes("a"), &routes("b"), &heads);
    assert_eq!(told.len(), CHANGES_MAX + 1);
    assert!(told[0].starts_with("2 of 45 recent requests: route `r01`"), "{}", told[0]);
    assert_eq!(told[CHANGES_MAX], "10 of 45 recent requests: 10 further kinds of change");
}

#[test]
fn ten_thousand_routes_take_no_time_worth_mentioning() {
    let routes: String = (0..10_000)
        .map(|n| format!("  - {{name: r{n}, match: {{prefix: /s{}/r{n}}}, cluster: a}}\n", n % 100))
        .collect();
    let (old, new) = (compiled(&routes, 1), compiled(&routes, 2));
    let heads: Vec<_> = (0..512).map(|n| head("GET", &format!("/s{}/r{n}/x", n % 100), &[])).collect();
    let began = Instant::now();
    let replayed = replayed(&old, &new, &heads);
    println!("{:?}", began.elapsed());
    assert_eq!((replayed.compared, replayed.changed), (512, 0));
    // Built without optimisation, on a machine that is busy.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn what_leaves_keeps_its_network_and_nothing_more() {
    let mut sent = head("GET", "/", &[("X-Forwarded-For", "203.0.113.77, 10.0.0.1")]);
    sent.peer = [10, 0, 0, 1].into();
    let trusted = AddressSet::new(&["10.0.0.0/8".parse().unwrap()]);
    let left = sent.leaving(&trusted, &Pseudonyms::default());
    assert_eq!(left.peer.to_string(), "10.0.0.1");
    let value = &left.head.fields[1].1;
    assert!(value.starts_with("203.0.113.") && value.ends_with(", 10.0.0.1"), "{value}");
    let other = head("GET", "/", &[]).leaving(&trusted, &Pseudonyms::default());
    assert!(other.peer.to_string().starts_with("203.0.113."));
}

fn routes() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec!["/", "/a", "/a/b", "/c", "/{x}/b"]);
    let kind = prop::sample::select(vec![
        "cluster: a",
        "cluster: b",
        "respond: {status: 204}",
        "cluster: a, policies: {ip_filter: {deny: [203.0.113.0/24]}}",
        "cluster: b, policies: {headers: {request: {set: {x-a: b}, remove: [x-b]}}}",
        "cluster: a, policies: {request_limits: {query_bytes: 3B}}",
    ]);
    prop::collection::vec((path, kind), 1..6).prop_map(|routes| {
        let line = |(at, (path, kind)): (usize, (&str, &str))| {
            format!("  - {{name: r{at}, match: {{path: '{path}', headers: {{x-r{at}: {{present: false}}}}}}, {kind}}}\n")
        };
        routes.into_iter().enumerate().map(line).collect()
    })
}

fn heads() -> impl Strategy<Value = Vec<RecordedHead>> {
    let target = prop::sample::select(vec!["/", "/a", "/a/b", "/z/b", "/c?q=12345", "*", "/%zz", "/a/../c"]);
    let method = prop::sample::select(vec!["GET", "POST", "OPTIONS", "CONNECT", "PURGE"]);
    let field =
        prop::sample::select(vec![("x-b", "1"), ("x-r0", ""), ("Upgrade", "websocket"), ("Expect", "x")]);
    let one = (method, target, prop::collection::vec(field, 0..3));
    prop::collection::vec(one.prop_map(|(method, target, fields)| head(method, target, &fields)), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_same_configuration_changes_nothing(routes in routes(), heads in heads()) {
        let replayed = replayed(&compiled(&routes, 1), &compiled(&routes, 2), &heads);
        prop_assert_eq!(replayed.compared, heads.len());
        prop_assert!(replayed.changes.is_empty(), "{:?}", replayed.lines());
    }

    #[test]
    fn what_is_told_adds_up_and_is_told_twice_the_same(old in routes(), new in routes(), heads in heads()) {
        let (old, new) = (compiled(&old, 1), compiled(&new, 2));
        let told = replayed(&old, &new, &heads);
        prop_assert_eq!(told.changes.iter().map(|change| change.count).sum::<usize>(), told.changed);
        prop_assert_eq!(told.lines(), replayed(&old, &new, &heads).lines());
        let decider = Decider::new(&old).unwrap();
        let with_now: Vec<RecordedHead> =
            heads.iter().map(|head| RecordedHead { now: Some(head.outcome(&decider)), ..head.clone() }).collect();
        prop_assert_eq!(replay_against_now(&Decider::new(&new).unwrap(), &with_now).lines(), told.lines());
    }
}
