//! The lines themselves, by example. The laws are in `tests/property/diff.rs`.

use super::*;
use crate::control::check::load_text;

const CLUSTERS: &str = "clusters: {a: {endpoints: [\"127.0.0.1:1\"]}, b: {endpoints: [\"127.0.0.1:2\"]}}\n";
const ORDERS: &str = "routes: [{name: orders, match: {prefix: /orders}, cluster: a}]\n";

fn config(text: &str) -> Config {
    let base = "listeners: [{name: web, address: \"127.0.0.1:0\"}]\n";
    load_text("test.yaml", &format!("{base}{text}")).expect("a configuration").config
}

/// The lines between two configurations that have listener and clusters alike.
#[track_caller]
fn told(old: &str, new: &str, lines: &[&str]) {
    let with = |text: &str| config(&format!("{CLUSTERS}{text}"));
    assert_eq!(texts(&diff(&with(old), &with(new))), lines);
}

#[test]
fn a_changed_value_is_told_in_the_words_of_the_configuration() {
    let new = "routes: [{name: orders, match: {prefix: /orders, methods: [GET]}, cluster: b}]\n\
               limits: {body_bytes: 1MiB, head_timeout: 5s}";
    let lines = [
        "limits: head_timeout 10s -> 5s",
        "limits: body_bytes none -> 1MiB",
        "route `orders`: cluster a -> b",
        "route `orders`: match.methods + GET",
    ];
    let with = |text: &str| config(&format!("{CLUSTERS}{text}"));
    let mut found = texts(&diff(&with(ORDERS), &with(new)));
    let mut lines = lines.map(str::to_owned);
    found.sort();
    lines.sort();
    assert_eq!(found, lines);
}

#[test]
fn writing_a_default_is_no_change() {
    told(ORDERS, &format!("{ORDERS}limits: {{head_timeout: 10s}}\npaths: {{empty_segments: merge}}"), &[]);
}

#[test]
fn things_that_come_and_go_say_what_they_do() {
    let with =
        |more: &str| format!("routes: [{{name: orders, match: {{prefix: /orders}}, cluster: a}}{more}]\n");
    let new = ", {name: new, match: {path: /x, methods: [GET], hosts: [a.example]}, cluster: b}";
    told(&with(""), &with(new), &["route `new` added: GET a.example/x -> cluster `b`"]);
    told(&with(new), &with(""), &["route `new` removed: GET a.example/x -> cluster `b`"]);
    let answer = ", {name: new, match: {prefix: /x/}, respond: {status: 204}}";
    told(&with(""), &with(answer), &["route `new` added: any method /x/* -> respond with 204"]);
}

#[test]
fn a_thing_with_another_name_alone_is_renamed() {
    let new = ORDERS.replace("name: orders", "name: purchases");
    told(ORDERS, &new, &["route `orders` renamed to `purchases`"]);
}

#[test]
fn order_makes_a_difference_only_where_it_means_something() {
    let (x, y) = (
        "{name: x, match: {hosts: [a.example, b.example]}, cluster: a}",
        "{name: y, match: {path: /y}, cluster: b}",
    );
    let swapped = x.replace("a.example, b.example", "b.example, a.example");
    told(&format!("routes: [{x}, {y}]"), &format!("routes: [{y}, {swapped}]"), &[]);
    let cpus = |list: &str| format!("{ORDERS}workers: {{cpus: {list}}}");
    told(&cpus("[0, 1]"), &cpus("[1, 0]"), &["workers: cpus in another order: 0, 1 -> 1, 0"]);
}

#[test]
fn endpoints_are_known_by_their_address() {
    let cluster = |endpoints: &str| config(&format!("clusters: {{a: {{endpoints: {endpoints}}}}}\n{ORDERS}"));
    let lines = |old, new| texts(&diff(&cluster(old), &cluster(new)));
    let two = "[\"127.0.0.1:1\", \"127.0.0.1:2\"]";
    assert_eq!(
        lines(two, "[\"127.0.0.1:2\", \"127.0.0.1:3\"]"),
        ["cluster `a`: endpoints + 127.0.0.1:3, - 127.0.0.1:1"]
    );
    assert_eq!(
        lines(two, "[\"127.0.0.1:1\", {address: \"127.0.0.1:2\", weight: 5}]"),
        ["cluster `a`: endpoint `127.0.0.1:2` weight 1 -> 5"]
    );
    assert!(lines(two, "[{address: \"127.0.0.1:1\"}, {address: \"127.0.0.1:2\", weight: 1}]").is_empty());
}

#[test]
fn policies_are_things() {
    let with =
        |policies: &str| ORDERS.replace("cluster: a}", &format!("cluster: a, policies: {{{policies}}}}}"));
    let filter = "ip_filter: {deny: [10.0.0.0/8]}";
    told(&with(""), &with(filter), &["route `orders`: policy `ip_filter` added: deny [10.0.0.0/8]"]);
    told(
        &with(filter),
        &with("ip_filter: {deny: [192.0.2.0/24]}"),
        &["route `orders`: policy `ip_filter` deny + 192.0.2.0/24, - 10.0.0.0/8"],
    );
    told(
        &with(filter),
        &with("ip_filter: off"),
        &["route `orders`: policy `ip_filter` deny [10.0.0.0/8] -> off"],
    );
}

#[test]
fn secrets_are_told_by_where_they_are_and_credentials_not_at_all() {
    let secret = |source: &str| {
        format!(
            "{ORDERS}secrets: {{key: {source}}}\ndefaults: {{policies: {{headers: {{request: {{set: {{x-a: \"${{secret.key}}\"}}}}}}}}}}"
        )
    };
    told(
        &secret("{env: OLD}"),
        &secret("{file: key.txt}"),
        &["secret `key`: environment variable `OLD` -> file `key.txt`"],
    );
    let field = |value: &str| {
        ORDERS.replace(
            "cluster: a}",
            &format!(
                "cluster: a, policies: {{headers: {{request: {{set: {{Authorization: \"{value}\"}}}}}}}}}}"
            ),
        )
    };
    let with = |text: &str| config(&format!("{CLUSTERS}{text}"));
    let changes = diff(&with(&field("Bearer one")), &with(&field("Bearer two")));
    let told = serde_json::to_string(&changes).unwrap();
    assert_eq!(changes.len(), 1);
    assert!(changes[0].text.contains("(hidden) -> (hidden)"), "{told}");
    assert!(!told.contains("Bearer"), "{told}");
    let added = serde_json::to_string(&diff(&with(ORDERS), &with(&field("Bearer one")))).unwrap();
    assert!(!added.contains("Bearer") && added.contains("(hidden)"), "{added}");
}

#[test]
fn a_line_is_one_line_and_not_long() {
    let respond = |body: &str| {
        format!("routes: [{{name: a, respond: {{status: 200, body: {}}}}}]", serde_json::json!(body))
    };
    let with = |text: &str| config(&format!("{CLUSTERS}{text}"));
    let changes = diff(&with(&respond("x")), &with(&respond(&"line\n\u{1b}[31m".repeat(100))));
    assert_eq!(changes.len(), 1);
    assert!(changes[0].text.chars().count() <= TEXT_CHARS_MAX);
    assert!(!changes[0].text.contains(['\n', '\u{1b}']), "{}", changes[0].text);
}

#[test]
fn very_many_changes_are_counted() {
    let routes = |count: usize, path: &str| {
        let routes =
            (0..count).map(|at| format!("{{name: r{at}, match: {{path: /{path}/{at}}}, cluster: a}}"));
        config(&format!("{CLUSTERS}routes: [{}]", routes.collect::<Vec<_>>().join(", ")))
    };
    let began = std::time::Instant::now();
    let changes = diff(&routes(1000, "a"), &routes(1000, "b"));
    assert_eq!(changes.len(), CHANGES_MAX + 1);
    assert_eq!(changes.last().unwrap().text, "and 800 more");
    assert!(began.elapsed().as_secs() < 20);
}
