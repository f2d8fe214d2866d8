//! Wrong configurations: what is said of each, on which line, with which hint.

use super::*;

/// A configuration with these lines in place of its own top-level keys of the same name.
pub(super) fn with(lines: &str) -> String {
    let mut text = String::new();
    for (key, own) in [
        ("listeners:", "listeners: [{name: web, address: '127.0.0.1:8080'}]\n"),
        ("clusters:", "clusters: {api: {endpoints: ['127.0.0.1:9000']}}\n"),
        ("routes:", "routes: [{name: all, cluster: api}]\n"),
    ] {
        if !lines.lines().any(|line| line.starts_with(key)) {
            text.push_str(own);
        }
    }
    format!("{lines}\n{text}")
}

pub(super) fn found(text: &str) -> Diagnostics {
    match load_text("t.yaml", text) {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics,
    }
}

/// Checks that a text has exactly this fault, on this line, with these words in its reason or hint.
pub(super) fn expect(text: &str, code: &str, line: u32, words: &str) {
    let found = found(text);
    let list: Vec<_> = found.iter().collect();
    let [one] = &list[..] else { panic!("one fault expected in\n{text}\n{found}") };
    assert_eq!((one.code, one.place.as_ref().unwrap().line), (code, line), "{text}\n{found}");
    let said = format!("{} / {}", one.reason, one.hint.as_deref().unwrap_or(""));
    assert!(said.contains(words), "`{words}` in {said}");
    assert!(one.hint.is_some(), "a hint with\n{found}");
}

fn route(lines: &str) -> String {
    with(&format!("routes:\n  - name: r\n    {}", lines.replace('\n', "\n    ")))
}

fn cluster(lines: &str) -> String {
    with(&format!("clusters:\n  api:\n    {}", lines.replace('\n', "\n    ")))
}

#[test]
fn a_right_configuration_has_no_faults() {
    for text in [
        with(""),
        route("cluster: api\nmatch: {path: '/u/{id}/{*rest}'}\nrewrite: {path: '/v2/{id}/{rest}'}"),
    ] {
        assert!(found(&text).is_empty(), "{}", found(&text));
    }
}

#[test]
fn names_and_references() {
    for (text, code, line, words) in [
        (with("routes:\n  - name: r\n    cluster: apo"), "unknown-cluster", 3, "did you mean `api`?"),
        (
            with("routes:\n  - name: r\n    cluster: api\n    listeners: [wob]"),
            "unknown-listener",
            4,
            "did you mean `web`?",
        ),
        (
            with("routes:\n  - {name: r, cluster: api}\n  - {name: r, cluster: api, match: {path: /x}}"),
            "duplicate-name",
            3,
            "t.yaml:2:6",
        ),
        (with("routes:\n  - {name: My Route, cluster: api}"), "bad-name", 2, "write `my-route`"),
        (
            with("listeners:\n  - {name: a, address: '127.0.0.1:1'}\n  - {name: a, address: '127.0.0.1:2'}"),
            "duplicate-name",
            3,
            "t.yaml:2:6",
        ),
        (
            with("listeners:\n  - {name: a, address: '127.0.0.1:1'}\n  - {name: b, address: '127.0.0.1:1'}"),
            "duplicate-address",
            3,
            "t.yaml:2:15",
        ),
        (with("admin: {address: 'localhost:8080'}"), "duplicate-address", 2, "another port"),
        (
            with(
                "clusters:\n  api: {endpoints: ['h:1']}\n  Old: {endpoints: ['h:1']}\nroutes:\n  - {name: a, cluster: api}\n  - {name: b, cluster: Old, match: {path: /x}}",
            ),
            "bad-name",
            3,
            "write `old`",
        ),
        (
            with("clusters:\n  api: {endpoints: ['h:1']}\n  old: {endpoints: ['h:1']}"),
            "unused-cluster",
            3,
            "remove it",
        ),
        (
            with(
                "secrets:\n  key: {env: KEY}\nroutes:\n  - name: r\n    respond: {status: 200, body: '${secret.kye}'}\nclusters: {}",
            ),
            "unknown-secret",
            5,
            "did you mean `key`?",
        ),
        (
            with("routes:\n  - {name: r, respond: {status: 200, body: '${secret.key'}}\nclusters: {}"),
            "bad-secret",
            2,
            "write ${secret.NAME}",
        ),
        (with("secrets:\n  key: {credential: a/b}"), "bad-secret", 2, "bare name"),
        (
            with(
                "routes:\n  - {name: a, cluster: api, match: {path: '/u/{id}'}}\n  - {name: b, cluster: api, match: {path: '/u/{name}'}}",
            ),
            "same-match",
            3,
            "t.yaml:2:5",
        ),
        (
            with("routes:\n  - {name: a, cluster: api}\n  - {name: b, cluster: api, match: {prefix: /}}"),
            "same-match",
            3,
            "change or remove one",
        ),
    ] {
        // `admin` precedes the listener it clashes with.
        let line = if text.starts_with("admin") { 1 } else { line };
        expect(&text, code, line, words);
    }
}

#[test]
fn routes() {
    for (text, code, line, words) in [
        (route("match: {path: /x}"), "no-destination", 2, "add one of `cluster`"),
        (route("cluster: api\nrespond: {status: 200}"), "two-destinations", 4, "keep one"),
        (route("cluster: api\nmatch:\n  path: /a\n  prefix: /b"), "bad-path", 6, "keep one"),
        (route("cluster: api\nmatch: {path: users}"), "bad-path", 4, "write /users"),
        (route("cluster: api\nmatch: {path: '/u/x{id}'}"), "bad-path", 4, "whole segment"),
        (route("cluster: api\nmatch: {path: '/{*a}/b'}"), "bad-path", 4, "/files/{*rest}"),
        (route("cluster: api\nmatch: {path: '/{a}/{a}'}"), "bad-path", 4, "appears twice"),
        (route("cluster: api\nmatch: {path: /a/*}"), "literal-star", 4, "{*rest}"),
        (route("cluster: api\nmatch: {path: '/a?b=c'}"), "bad-path", 4, "with `query`"),
        (route("cluster: api\nmatch: {path: /a/../../b}"), "bad-path", 4, "above its root"),
        (route("cluster: api\nmatch: {path: /a%2}"), "bad-path", 4, "%25"),
        (route("cluster: api\nmatch: {prefix: '/a/{*rest}'}"), "bad-path", 4, "admits further segments"),
        (
            route("cluster: api\nmatch:\n  hosts:\n    - a.example.com\n    - https://b.example.com/"),
            "bad-host",
            7,
            "write b.example.com alone",
        ),
        (route("cluster: api\nmatch: {hosts: ['b.example.com:443']}"), "bad-host", 4, "without the port"),
        (route("cluster: api\nmatch: {hosts: ['*']}"), "bad-host", 4, "leave `hosts` out"),
        (route("cluster: api\nmatch: {hosts: ['a.*.com']}"), "bad-host", 4, "first label"),
        (route("cluster: api\nmatch: {methods: [GET, post]}"), "bad-method", 4, "write POST"),
        (route("cluster: api\nmatch: {methods: ['GE T']}"), "bad-method", 4, "in capitals"),
        (route("cluster: api\nmatch:\n  headers:\n    x-a: {regex: '('}"), "bad-regex", 6, "look-around"),
        (route("cluster: api\nmatch:\n  headers:\n    'x a': {exact: y}"), "bad-field", 6, "letters, digits"),
        (
            route("cluster: api\nmatch: {path: '/u/{id}'}\nrewrite: {path: '/v/{ib}'}"),
            "bad-rewrite",
            5,
            "did you mean `id`?",
        ),
        (route("cluster: api\nrewrite: {path: '/v/{id}'}"), "bad-rewrite", 4, "match.path"),
        (route("cluster: api\nrewrite:\n  path: /v\n  strip_prefix: /a"), "bad-rewrite", 5, "whole new path"),
        (route("cluster: api\nrewrite: {add_prefix: v1}"), "bad-rewrite", 4, "write /v1"),
        (route("cluster: api\nrewrite: {host: 'a b'}"), "bad-host", 4, "name:port"),
    ] {
        expect(&text, code, line, words);
    }
}

#[test]
fn answers() {
    for (lines, code, line, words) in [
        ("redirect: {to: /x, status: 200}", "bad-status", 3, "301, 302"),
        ("redirect: {to: example.com}", "bad-redirect", 3, "https://example.com"),
        ("redirect: {to: 'https://{hots}/'}", "bad-redirect", 3, "did you mean `host`?"),
        ("respond: {status: 100}", "bad-status", 3, "200 to 599"),
        ("respond: {status: 204, body: x}", "bad-body", 3, "remove the body"),
        ("respond: {status: 200, content_type: \"a\\nb\"}", "bad-field", 3, "one line"),
    ] {
        expect(
            &format!(
                "{}clusters: {{}}\n",
                route(lines).replace("clusters: {api: {endpoints: ['127.0.0.1:9000']}}\n", "")
            ),
            code,
            line,
            words,
        );
    }
}

#[test]
fn clusters() {
    for (lines, code, line, words) in [
        ("endpoints: [http://h:80/x]", "bad-endpoint", 3, "write h:80"),
        ("endpoints: [h]", "bad-endpoint", 3, "write h:80"),
        ("endpoints: ['::1']", "bad-endpoint", 3, "write [::1]:80"),
        ("endpoints: ['h:0']", "bad-endpoint", 3, "1 to 65535"),
        ("endpoints: ['h:http']", "bad-endpoint", 3, "1 to 65535"),
        ("endpoints: ['unix:run/x']", "bad-endpoint", 3, "unix:/run/"),
        ("endpoints:\n  - h:1\n  - {address: 'h_:x', weight: 2}", "bad-endpoint", 5, "1 to 65535"),
        ("endpoints: ['h:1', 'h:1']", "duplicate-endpoint", 3, "weight: 2"),
        ("endpoints: ['h:1']\ntimeouts: {connect: 0s}", "zero-timeout", 4, "write 5s"),
        ("endpoints: ['h:1']\npool: {idle: 0}", "out-of-range", 4, "1 or more"),
        ("endpoints: ['h:1']\npool: {connections: 0}", "out-of-range", 4, "1 or more"),
        ("endpoints: ['h:1']\npool: {head_bytes: 1MiB}", "out-of-range", 4, "write 32KiB"),
        ("endpoints: ['h:1']\nbalance: {maglev: {header: 'a b'}}", "bad-field", 4, "field name"),
        ("endpoints: ['h:1']\nhost: 'a:b'", "bad-host", 4, "api.example.com"),
        ("endpoints: ['h:1']\nzones: {}", "no-zone", 4, "locality: {zone: NAME}"),
        ("endpoints:\n  - {address: 'h:1', zone: ''}", "no-zone", 4, "leave it out"),
        ("endpoints: ['h:1']\nslow_start: {window: 0s}", "zero-timeout", 4, "write 5s"),
        ("endpoints: ['h:1']\nslow_start: {window: 2h}", "out-of-range", 4, "at most 1h"),
        ("endpoints: ['h:1']\nbalance: {maglev: address}\nsubset: {}", "not-with-maglev", 5, "remove one"),
        (
            "endpoints: ['h:1']\nbalance: {maglev: address}\nslow_start: {}",
            "not-with-maglev",
            5,
            "remove one",
        ),
        (
            "endpoints: ['h:1']\nbalance: {maglev: {key: {cookie: 'a b'}, bounded_load: 25%}}",
            "bad-field",
            4,
            "field name",
        ),
        // Shape.
        ("endpoints: ['h:1']\nbalance: {maglev: {key: address}}", "missing-key", 4, "bounded_load"),
        ("endpoints:\n  - {address: 'h:1', tier: 16}", "out-of-range", 4, "15"),
        ("endpoints: ['h:1']\nsubset: {workers: 0}", "out-of-range", 4, "from 1 to 1024"),
        ("endpoints: ['h:1']\npanic_below: 0.5", "bad-value", 4, "write 50%"),
        ("endpoints: []", "too-few-items", 3, "at least 1"),
        ("endpoints: ['h:1']\nbalance: maglev", "no-value", 4, "maglev: ..."),
        ("endpoints: ['h:1']\nbalance: round-robin", "unknown-value", 4, "did you mean `round_robin`?"),
        ("endpoints: ['h:1']\ntimeouts: {connect: 5}", "bad-value", 4, "write 5s"),
        ("endpoints:\n  - {address: 'h:1', weight: 0}", "out-of-range", 4, "from 1 to 1000"),
        ("endpoints:\n  - {adress: 'h:1'}", "unknown-key", 4, "did you mean `address`?"),
        ("endponts: ['h:1']", "unknown-key", 3, "did you mean `endpoints`?"),
    ] {
        expect(&cluster(lines), code, line, words);
    }
}

#[test]
fn the_own_zone_has_a_name_that_endpoints_have_too() {
    let zones = |zone: &str, own: &str, zones: &str| {
        with(&format!(
            "locality: {{zone: {own}}}\nclusters: {{api: {{endpoints: [{{address: 'h:1', zone: {zone}}}], zones: {zones}}}}}"
        ))
    };
    assert!(found(&zones("a", "a", "{}")).is_empty(), "{}", found(&zones("a", "a", "{}")));
    assert!(found(&zones("a", "{env: ZONE}", "{keep: 80%}")).is_empty());
    expect(&zones("b", "a", "{}"), "no-effect", 2, "write `zone:`");
    expect(&zones("a", "a", "{keep: 0%}"), "out-of-range", 2, "leave `zones` out");
    expect(&zones("a", "''", "{}"), "no-zone", 1, "leave it out");
    expect(&zones("a", "{evn: ZONE}", "{}"), "unknown-key", 1, "did you mean `env`?");
}

#[test]
fn limits() {
    for (lines, code, line, words) in [
        ("workers: {cpus: [1, 2, 1]}", "duplicate-cpu", 1, "remove one"),
        ("limits: {head_bytes: 512B}", "out-of-range", 1, "from 1KiB to 60KiB"),
        ("limits: {head_bytes: 64KiB}", "out-of-range", 1, "write 32KiB"),
        ("limits: {target_bytes: 40KiB}", "out-of-range", 1, "at most head_bytes"),
        ("limits: {header_count: 501}", "out-of-range", 1, "from 1 to 500"),
        ("limits:\n  head_timeout: 0s", "zero-timeout", 2, "write 5s"),
        ("limits: {http2_streams: 0}", "out-of-range", 1, "write 128"),
        ("limits: {connections: 0}", "out-of-range", 1, "1 or more"),
        ("identity_headers: ['x-user-id:']", "bad-field", 1, "without the colon"),
        ("access_log: {to: stdout, sample: 0.5%}", "out-of-range", 1, "1% or more"),
        ("recording: {decisions: 0}", "out-of-range", 1, "or `off`"),
        ("recording: {heads: 5000}", "out-of-range", 1, "or `off`"),
        ("access_log: {to: ''}", "bad-value", 1, "write stdout"),
        ("access_log: {to: stdout, headers: [a b]}", "bad-field", 1, "field name"),
        // Shape.
        ("lmits: {}", "unknown-key", 1, "did you mean `limits`?"),
        ("head_timeout: 5s", "unknown-key", 1, "belongs under `limits`"),
        ("limits:", "no-value", 1, "remove the key"),
        ("trusted_proxies: [10.0.0.1/8]", "bad-value", 1, "write 10.0.0.0/8"),
        ("workers: {driver: uring}", "unknown-value", 1, "`io_uring`"),
        ("secrets: {a: hunter2}", "wrong-type", 1, "its keys are `env`"),
        ("secrets: {a: {value: hunter2}}", "unknown-key", 1, "`env`, `file` and `credential`"),
    ] {
        expect(&with(lines), code, line, words);
    }
}

#[test]
fn five_different_mistakes_give_five_diagnostics_with_line_and_hint() {
    let text = "\
listeners:
  - name: web
    adress: 0.0.0.0:8080
    address: 0.0.0.0:8080
limits:
  head_timeout: 5
clusters:
  api:
    endpoints: [127.0.0.1]
routes:
  - name: users
    match: {path: users}
    cluster: api
  - name: orders
    match: {prefix: /orders}
    cluster: apo
";
    let found = found(text);
    let list: Vec<_> = found.iter().map(|one| (one.code, one.place.as_ref().unwrap().line)).collect();
    let expected = [
        ("unknown-key", 3),
        ("bad-value", 6),
        ("bad-endpoint", 9),
        ("bad-path", 12),
        ("unknown-cluster", 16),
    ];
    assert_eq!(list, expected, "{found}");
    assert!(found.iter().all(|one| one.hint.is_some() && !one.text.is_empty()), "{found}");
}

#[test]
fn what_follows_from_a_refused_key_is_not_reported() {
    expect(&with("routes:\n  - name: r\n    clutser: api"), "unknown-key", 3, "did you mean `cluster`?");
    expect(
        &with("clusters:\n  api: {endpoints: ['h:1'], pool: {idle: x}}"),
        "wrong-type",
        2,
        "a whole number",
    );
}

#[test]
fn overlapping_routes_are_no_fault() {
    let text = with(
        "listeners: [{name: a, address: '127.0.0.1:1'}, {name: b, address: '127.0.0.1:2'}]\nroutes:\n\
        \x20 - {name: r1, cluster: api, match: {prefix: /a}}\n\
        \x20 - {name: r2, cluster: api, match: {path: /a}}\n\
        \x20 - {name: r3, cluster: api, match: {prefix: /a, methods: [GET]}}\n\
        \x20 - {name: r4, cluster: api, match: {prefix: /b}, listeners: [a]}\n\
        \x20 - {name: r5, cluster: api, match: {prefix: /b}, listeners: [b]}\n\
        \x20 - {name: r6, cluster: api, match: {prefix: /a, hosts: [x.example.com]}}",
    );
    assert!(found(&text).is_empty(), "{}", found(&text));
}

#[test]
fn warnings_alone_do_not_refuse() {
    let loaded =
        load_text("t.yaml", &with("clusters: {api: {endpoints: ['h:1']}, old: {endpoints: ['h:2']}}"));
    assert_eq!(loaded.map(|loaded| loaded.warnings.warning_count()).unwrap_or(0), 1);
}

#[test]
fn no_secret_value_is_in_what_is_printed() {
    let text = with("secrets: {key: {env: KEY}}\nadmin: {address: 'localhost:1', token: {env: KEY}}");
    let loaded = load_text("t.yaml", &text).unwrap();
    let variables = [("KEY".to_owned(), "hunter2".to_owned())].into();
    let environment = Environment { variables, ..Environment::default() };
    let secret = loaded.config.secrets["key"].read(&environment).unwrap();
    let json = serde_json::to_string(&(&loaded.config, &secret)).unwrap();
    let printed = format!("{loaded:?} {secret:?} {environment:?} {json}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert_eq!(secret.expose(), "hunter2");
}
