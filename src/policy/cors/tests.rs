//! The protocol as a table: who asks, what is written, what a browser is told.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::scope::Problem;

fn compiled(yaml_as_json: &str) -> (CorsPlan, Vec<Problem>) {
    let config: CorsConfig = serde_json::from_str(yaml_as_json).expect("valid settings");
    let secrets = |_: &str| None;
    let mut scope = Scope::new(&secrets);
    let plan = Cors::compile(&config, &mut scope);
    (plan, scope.problems)
}

/// What of the protocol is in the answer to a request with these fields, sorted, and the verdict.
fn answer(
    settings: &str,
    method: &str,
    fields: &[(&str, &str)],
    from_service: &[(&str, &str)],
) -> (String, Vec<String>) {
    let (plan, problems) = compiled(settings);
    assert_eq!(problems, []);
    let cors = Cors(Frozen::new(plan));
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
    exchange.request.method = Method::parse(method.as_bytes());
    for (name, value) in fields {
        exchange.request.fields.append(name.as_bytes(), value.as_bytes());
    }
    let verdict = now(cors.on_request(&mut exchange));
    for (name, value) in from_service {
        exchange.response.fields.append(name.as_bytes(), value.as_bytes());
    }
    now(cors.on_response(&mut exchange));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut told: Vec<_> = exchange
        .response
        .fields
        .iter()
        .map(|field| format!("{}: {}", text(field.name).to_ascii_lowercase(), text(field.value)))
        .collect();
    told.sort();
    let verdict = match verdict {
        Verdict::Continue => "on".to_owned(),
        Verdict::Answer(status) => status.to_string(),
        Verdict::Reply(reply) => reply.fault.code().to_owned(),
    };
    (verdict, told)
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("this policy waits for nothing"),
    }
}

const ONE: &str = r#"{"allow_origins": ["https://a.test"], "allow_methods": ["GET", "PUT"], "allow_headers": ["X-A", "Authorization"], "expose_headers": ["X-B"], "credentials": true, "max_age": "1m"}"#;
const ANY: &str = r#"{"allow_origins": ["*"], "allow_headers": ["*"]}"#;

#[test]
fn a_preflight_is_answered_with_what_is_admitted() {
    let (verdict, told) = answer(
        ONE,
        "OPTIONS",
        &[
            ("Origin", "https://a.test"),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "x-a"),
        ],
        &[],
    );
    assert_eq!(verdict, "204");
    assert_eq!(
        told,
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: X-A, Authorization",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: https://a.test",
            "access-control-max-age: 60",
            "vary: Access-Control-Request-Headers",
            "vary: Access-Control-Request-Method",
            "vary: Origin",
        ]
    );
}

#[test]
fn a_preflight_from_elsewhere_is_refused_and_told_nothing() {
    for origin in ["https://b.test", "null", "https://a.test:8443", "https://a.test.b.test"] {
        let (verdict, told) =
            answer(ONE, "OPTIONS", &[("Origin", origin), ("Access-Control-Request-Method", "PUT")], &[]);
        assert_eq!(verdict, "origin_denied", "{origin}");
        assert!(told.iter().all(|line| line.starts_with("vary: ")), "{told:?}");
    }
}

#[test]
fn options_that_is_no_preflight_goes_on() {
    for fields in [&[][..], &[("Origin", "https://a.test")], &[("Access-Control-Request-Method", "PUT")]] {
        assert_eq!(answer(ONE, "OPTIONS", fields, &[]).0, "on", "{fields:?}");
    }
    let fields = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT")];
    assert_eq!(answer(ONE, "GET", &fields, &[]).0, "on");
}

#[test]
fn an_answer_says_who_may_read_it_and_what_it_depends_on() {
    let service = [
        ("Access-Control-Allow-Origin", "*"),
        ("access-control-expose-headers", "X-Leak"),
        ("Vary", "Accept-Encoding"),
    ];
    assert_eq!(
        answer(ONE, "GET", &[("Origin", "https://a.test")], &service).1,
        [
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://a.test",
            "access-control-expose-headers: X-B",
            "vary: Accept-Encoding",
            "vary: Origin",
        ]
    );
    // A cache must not give the answer without fields to a page, nor one page's to another.
    for fields in [&[][..], &[("Origin", "https://b.test")]] {
        assert_eq!(answer(ONE, "GET", fields, &service).1, ["vary: Accept-Encoding", "vary: Origin"]);
    }
    assert_eq!(answer(ONE, "GET", &[], &[("Vary", "origin, x")]).1, ["vary: origin, x"]);
    assert_eq!(answer(ONE, "GET", &[], &[("Vary", "*")]).1, ["vary: *"]);
}

#[test]
fn two_origins_are_none() {
    let fields = [("Origin", "https://a.test"), ("Origin", "https://a.test")];
    assert_eq!(answer(ONE, "GET", &fields, &[]).1, ["vary: Origin"]);
}

#[test]
fn any_origin_is_told_the_same() {
    for origin in ["https://a.test", "null"] {
        assert_eq!(answer(ANY, "GET", &[("Origin", origin)], &[]).1, ["access-control-allow-origin: *"]);
    }
    let (verdict, told) = answer(
        ANY,
        "OPTIONS",
        &[("Origin", "https://x.test"), ("Access-Control-Request-Method", "POST")],
        &[],
    );
    assert_eq!(verdict, "204");
    assert!(told.contains(&"access-control-allow-headers: *".to_owned()), "{told:?}");
}

#[test]
fn a_private_network_is_opened_only_where_it_is_written() {
    let fields = [
        ("Origin", "https://a.test"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Private-Network", "true"),
    ];
    let told = |settings| answer(settings, "OPTIONS", &fields, &[]).1.join("\n");
    assert!(!told(ONE).contains("private-network"));
    let open = r#"{"allow_origins": ["https://a.test"], "private_network": true}"#;
    assert!(told(open).contains("access-control-allow-private-network: true"));
}

#[test]
fn credentials_and_stars_do_not_go_together() {
    for (settings, path) in [
        (r#"{"allow_origins": ["*"], "credentials": true}"#, "allow_origins[0]"),
        (r#"{"allow_origins": ["https://a.test", "null"], "credentials": true}"#, "allow_origins[1]"),
        (
            r#"{"allow_origins": ["https://a.test"], "allow_methods": ["*"], "credentials": true}"#,
            "allow_methods[0]",
        ),
        (
            r#"{"allow_origins": ["https://a.test"], "allow_headers": ["*"], "credentials": true}"#,
            "allow_headers[0]",
        ),
        (
            r#"{"allow_origins": ["https://a.test"], "expose_headers": ["*"], "credentials": true}"#,
            "expose_headers[0]",
        ),
        (r#"{"allow_origins": []}"#, "allow_origins"),
        (r#"{"allow_origins": ["https://a.test/x"]}"#, "allow_origins[0]"),
        (r#"{"allow_origins": ["https://a.test"], "allow_methods": ["G ET"]}"#, "allow_methods[0]"),
    ] {
        let paths: Vec<_> = compiled(settings).1.into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, [path], "{settings}");
    }
}
