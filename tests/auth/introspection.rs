//! `introspection`: tokens that their issuer is asked about. The issuer plays parts; a real one is in `openid_provider`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use super::Guarded;
use crate::harness::{FaultOrigin, eventually};

/// An issuer that knows tokens which begin with `good`, counts questions, and can be made to fail.
struct Issuer {
    server: FaultOrigin,
    asked: Arc<AtomicUsize>,
    status: Arc<AtomicU16>,
}

impl Issuer {
    fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// One that takes its time.
    fn slow(pause: Duration) -> Self {
        let (asked, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU16::new(200)));
        let (counted, chosen) = (asked.clone(), status.clone());
        let server = FaultOrigin::start(move |dialogue| {
            while let Some(request) = dialogue.request() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(pause);
                let form = String::from_utf8_lossy(&request.body).into_owned();
                let is_known =
                    request.field("authorization") == Some("Basic Z2F0ZXdheTptYWRlLXVwLXNlY3JldA==");
                let status = if is_known { chosen.load(Ordering::SeqCst) } else { 401 };
                let body = if form.starts_with("token=good") {
                    r#"{"active": true, "sub": "ann", "scope": "orders:read", "aud": "orders"}"#
                } else if form.starts_with("token=elsewhere") {
                    r#"{"active": true, "sub": "ann", "aud": "billing"}"#
                } else {
                    r#"{"active": false}"#
                };
                // A server that repeats what it was asked, as some do in their errors.
                let body = if status == 200 { body.to_owned() } else { format!("no: {form}") };
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", body.len());
                if !dialogue.send(head + &body) {
                    return;
                }
            }
        });
        Self { server, asked, status }
    }

    fn guarded(&self, more: &str) -> Guarded {
        let config = format!(
            "introspection: {{url: 'http://{}/introspect', client_id: gateway, client_secret: issuer, \
             audiences: [orders]{more}}}",
            self.server.address()
        );
        Guarded::start(&config, "secrets: {issuer: {file: issuer.secret}}", |folder| {
            std::fs::write(folder.join("issuer.secret"), "made-up-secret").expect("ours");
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn good_tokens_pass_and_others_are_told_with_the_challenge_of_rfc_6750() {
    let issuer = Issuer::start();
    let guarded = issuer.guarded("");
    guarded.get("/", &bearer("good-token-1")).has_status(200);
    assert_eq!(guarded.origin.only_request().field("authorization"), None);
    assert_eq!(guarded.told(), ["introspection ann", "-", "-", "-", "orders:read", "-"]);
    let answer = guarded.get("/", &bearer("bad-token-1")).has_problem(401, "token_inactive");
    assert_eq!(answer.field("www-authenticate"), Some("Bearer realm=\"clients\", error=\"invalid_token\""));
    guarded.get("/", &bearer("elsewhere-1")).has_problem(401, "token_elsewhere");
    guarded.get("/", &bearer("a\"b")).has_problem(401, "credentials_malformed");
    let answer = guarded.get("/", "").has_problem(401, "credentials_missing");
    assert_eq!(answer.field("www-authenticate"), Some("Bearer realm=\"clients\""));
    guarded.keeps_to_itself(&[
        "good-token-1",
        "bad-token-1",
        "elsewhere-1",
        "made-up-secret",
        "bWFkZS11cC1zZWNyZXQ",
    ]);
}

#[test]
fn the_issuer_is_asked_once_for_the_whole_process() {
    let issuer = Issuer::slow(Duration::from_millis(300));
    let guarded = issuer.guarded("");
    let public = guarded.gateway.public();
    // At once on both workers, while the issuer takes its time.
    let askers: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                let mut wire = crate::harness::Wire::connect(public);
                super::get_on(&mut wire, &bearer("good-token-1")).status
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.join().expect("answered"), 200);
    }
    for _ in 0..20 {
        guarded.get("/", &bearer("good-token-1")).has_status(200);
        guarded.get("/", &bearer("bad-token-1")).has_status(401);
    }
    assert_eq!(issuer.asked(), 2, "once for each token");
}

#[test]
fn a_server_that_fails_is_left_alone_and_found_again() {
    let issuer = Issuer::start();
    let guarded = issuer.guarded(", breaker: {failures: 3, open: 500ms}");
    issuer.status.store(500, Ordering::SeqCst);
    for number in 0..10 {
        let answer = guarded.get("/", &bearer(&format!("good-token-{number}")));
        assert!(answer.has_problem(503, "introspection_unavailable").field("retry-after").is_some());
    }
    assert!(issuer.asked() <= 5, "three failures and a probe or two: {}", issuer.asked());
    guarded.gateway.metric_becomes("ringgate_introspection_breaker_open{authenticator=\"clients\"}", 1.0);
    issuer.status.store(200, Ordering::SeqCst);
    eventually("a probe finds it again", || guarded.get("/", &bearer("good-token-x")).status == 200);
    guarded.gateway.metric_becomes("ringgate_introspection_breaker_open{authenticator=\"clients\"}", 0.0);
    let said = guarded.gateway.stderr();
    assert!(said.contains("the server answered 500") && said.contains("works again"), "{said}");
    guarded.keeps_to_itself(&["good-token"]);
}

#[test]
fn remembered_answers_go_on_while_the_server_is_away_where_that_is_wanted() {
    for (more, status) in [(", on_failure: stale, cache_max: 100ms", 200), (", cache_max: 100ms", 503)] {
        let issuer = Issuer::start();
        let guarded = issuer.guarded(more);
        guarded.get("/", &bearer("good-token-1")).has_status(200);
        issuer.status.store(503, Ordering::SeqCst);
        let asked = issuer.asked();
        eventually("the server has been asked again", || {
            guarded.get("/", &bearer("good-token-1"));
            issuer.asked() > asked
        });
        guarded.get("/", &bearer("good-token-1")).has_status(status);
        guarded.get("/", &bearer("good-token-2")).has_problem(503, "introspection_unavailable");
    }
}

#[test]
fn slow_and_killed_servers_are_bounded() {
    let issuer = Issuer::slow(Duration::from_secs(5));
    let guarded = issuer.guarded(", timeout: 100ms");
    guarded.get("/", &bearer("good-token-1")).has_problem(503, "introspection_unavailable");
    let gone = Issuer::start();
    let guarded = gone.guarded("");
    guarded.get("/", &bearer("good-token-1")).has_status(200);
    drop(gone);
    guarded.get("/", &bearer("good-token-1")).has_status(200);
    guarded.get("/", &bearer("good-token-2")).has_problem(503, "introspection_unavailable");
}

#[test]
fn wrong_credentials_of_the_gateway_are_told_to_the_operator_alone() {
    let issuer = Issuer::start();
    let config = format!(
        "introspection: {{url: 'http://{}/', client_id: stranger, client_secret: issuer}}",
        issuer.server.address()
    );
    let guarded = Guarded::start(&config, "secrets: {issuer: {file: issuer.secret}}", |folder| {
        std::fs::write(folder.join("issuer.secret"), "made-up-secret").expect("ours");
    });
    guarded.get("/", &bearer("good-token-1")).has_problem(503, "introspection_unavailable");
    let said = guarded.gateway.stderr();
    assert!(said.contains("does not take the gateway's own credentials"), "{said}");
    guarded.keeps_to_itself(&["good-token-1", "made-up-secret"]);
}
