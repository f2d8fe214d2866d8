//! Addresses, switches, and what only compiling finds: placed, with a hint.

use super::tests::{expect, found, with};
use super::*;

#[test]
fn addresses_that_cannot_both_be_listened_on() {
    for (lines, line, words) in [
        ("sample_origin: {address: '127.0.0.1:8080'}", 1, "t.yaml:2:"),
        ("sample_origin: {address: '0.0.0.0:8080'}", 1, "a listener has 127.0.0.1:8080"),
        ("sample_origin: {address: '[::]:8080'}", 1, "a listener has"),
        (
            "admin: {address: '[::1]:1'}\nsample_origin: {address: '[::]:1'}",
            2,
            "the admin listener has [::1]:1",
        ),
    ] {
        expect(&with(lines), "duplicate-address", line, words);
    }
    for lines in [
        "admin: {address: '127.0.0.2:8080'}",
        "admin: {address: '[::1]:8080'}",
        "admin: {address: '127.0.0.1:0'}",
    ] {
        assert!(found(&with(lines)).is_empty(), "{lines}\n{}", found(&with(lines)));
    }
}

#[test]
fn a_sample_origin_that_no_cluster_names_is_a_warning() {
    let sample = |endpoint: &str| {
        with(&format!(
            "sample_origin: {{address: '127.0.0.1:9081'}}\nclusters: {{api: {{endpoints: ['{endpoint}']}}}}"
        ))
    };
    expect(&sample("127.0.0.1:9082"), "unused-sample-origin", 1, "endpoints: [127.0.0.1:9081]");
    assert!(found(&sample("127.0.0.1:9081")).is_empty());
    assert!(found(&sample("localhost:9081")).is_empty());
    expect(&with("sample_origin: {address: '127.0.0.1:0'}"), "unused-sample-origin", 1, "choose one");
}

#[test]
fn policies_are_settings_or_off() {
    let route = |filter: &str| {
        with(&format!(
            "defaults: {{policies: {{ip_filter: {{deny: [10.0.0.0/8]}}}}}}\nroutes:\n  - name: r\n    cluster: api\n    policies:\n      ip_filter: {filter}"
        ))
    };
    assert!(found(&route("off")).is_empty(), "{}", found(&route("off")));
    for (filter, code, words) in [
        ("of", "unknown-value", "did you mean `off`?"),
        (
            "none",
            "unknown-value",
            "write off alone, or keys below it: `allow`, `deny`, `allow_files` and `deny_files`",
        ),
        ("false", "wrong-type", "write off"),
        ("", "no-value", "remove the key"),
        ("[10.0.0.0/8]", "wrong-type", "`allow`, `deny`, `allow_files` and `deny_files`"),
        ("[{deny: [10.0.0.0/8]}]", "wrong-type", "without `- `"),
        ("{dney: [10.0.0.0/8]}", "unknown-key", "did you mean `deny`?"),
        ("{deny: [10.0.0.0/33]}", "bad-value", "from 0 to 32"),
        ("{}", "bad-policy", "at least one"),
    ] {
        expect(&route(filter), code, 6, words);
    }
    expect(
        &with("routes:\n  - {name: r, cluster: api, policies: {headers: off}}"),
        "no-effect",
        2,
        "remove it",
    );
    expect(&with("defaults: {policies: {headers: off}}"), "no-effect", 1, "on a route");
}

#[test]
fn a_path_and_its_encoded_form_are_the_same_match() {
    let text = "routes:\n  - {name: a, cluster: api, match: {path: /a}}\n  - {name: b, cluster: api, match: {path: /%61}}";
    expect(&with(text), "same-match", 3, "t.yaml:2:5");
}

#[test]
fn what_cannot_be_had_is_placed_where_it_is_named() {
    let text = with(
        "secrets:\n  key: {env: ABSENT}\nadmin:\n  address: localhost:1\n  token: {env: ABSENT}\nclusters:\n  api:\n    endpoints: ['no-such-host.invalid:80']\nroutes:\n  - {name: r, cluster: api, policies: {headers: {request: {set: {x-key: '${secret.key}'}}}}}",
    );
    let found = load_and_compile_text("t.yaml", &text, &Environment::default(), 1).err().unwrap();
    let list: Vec<_> = found
        .iter()
        .map(|one| (one.code, one.place.as_ref().unwrap().line, one.place.as_ref().unwrap().column))
        .collect();
    assert_eq!(list, [("no-secret", 2, 3), ("no-secret", 5, 3), ("unresolved", 8, 17)], "{found}");
    assert!(found.iter().all(|one| one.hint.is_some()), "{found}");
}

#[test]
fn ten_thousand_routes_compile() {
    let mut text = String::from("listeners: [{name: web, address: '127.0.0.1:0'}]\nclusters:\n");
    for n in 0..100 {
        text.push_str(&format!("  c{n}: {{endpoints: ['127.0.0.1:9000']}}\n"));
    }
    text.push_str("routes:\n");
    for n in 0..10_000 {
        text.push_str(&format!(
            "  - {{name: r{n}, match: {{hosts: [h{n}.example.com], path: '/v{n}/{{id}}'}}, cluster: c{}}}\n",
            n % 100
        ));
    }
    let (loaded, snapshot) = load_and_compile_text("t.yaml", &text, &Environment::default(), 7)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!((snapshot.routes.len(), snapshot.clusters.len(), snapshot.generation), (10_000, 100, 7));
}
