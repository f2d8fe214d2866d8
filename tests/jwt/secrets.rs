//! No token and no key in anything that the gateway says: log, metrics, answers, the operator's listener.

use super::{Guarded, ISSUER, Issuer};
use crate::harness::{FaultOrigin, Setup, eventually};

#[test]
fn tokens_and_keys_are_nowhere_to_be_read() {
    let issuer = Issuer::new("HS256");
    let secret = std::fs::read_to_string(issuer.path("private.secret")).expect("made above");
    let guarded = Guarded::start(
        "keys: {secret: signing}\nfrom: {header: Authorization, cookie: session, query: access_token}",
        &format!(
            "secrets: {{signing: {{file: '{}'}}}}\nlog: {{level: debug}}",
            issuer.path("private.secret").display()
        ),
    );
    let good = issuer.token_by("private.secret", &[]);
    let bad = format!("{}A", &good[..good.len() - 1]);
    let expired = issuer.token_by("private.secret", &["--expires", "-2h"]);
    let mut said = String::new();
    for token in [&good, &bad, &expired] {
        for answer in [
            guarded.ask(token),
            guarded.gateway.get(&format!("/?access_token={token}&a=1")),
            guarded.gateway.get_with("/", &format!("Cookie: session={token}\r\n")),
            guarded
                .gateway
                .get_with(&format!("/?access_token={token}"), &format!("Authorization: Bearer {token}\r\n")),
        ] {
            if answer.status != 200 {
                said.push_str(&format!("{:?}{}", answer.fields, answer.text()));
            }
        }
    }
    eventually("the log is written", || {
        std::fs::read_to_string(&guarded.log).is_ok_and(|log| log.lines().count() >= 12)
    });
    said.push_str(&std::fs::read_to_string(&guarded.log).expect("there"));
    said.push_str(&guarded.gateway.stderr());
    said.push_str(&guarded.gateway.stdout().join("\n"));
    for page in [
        "/metrics",
        "/status",
        "/config",
        "/routes",
        "/errors",
        "/recent/decisions",
        "/recent/heads",
        "/generations",
    ] {
        said.push_str(&guarded.gateway.admin_get(page).text());
    }
    for token in [&good, &bad, &expired] {
        for part in token.split('.').chain([token.as_str()]) {
            // The header is the same for all tokens and says nothing.
            let is_header = token.starts_with(part) && part != token;
            assert!(is_header || !said.contains(part), "`{part}` stands in:\n{said}");
        }
    }
    assert!(!said.contains(secret.trim()), "the key is shown");
}

#[test]
fn a_token_in_a_field_of_ones_own_is_hidden_although_that_field_is_logged() {
    let issuer = Issuer::new("ES256");
    let keys = issuer.path("jwks.json");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = directory.path().join("access.log");
    let gateway = Setup::before(FaultOrigin::ok().address())
        .top(&format!("access_log: {{to: '{}', headers: [x-badge]}}", log.display()))
        .top(&format!(
            "authenticators: {{staff: {{jwt: {{issuer: '{ISSUER}', audiences: [orders], from: {{header: X-Badge}}, \
             keys: {{jwks_file: '{}'}}}}}}}}",
            keys.display()
        ))
        .route("policies: {authenticate: {any_of: [staff]}}")
        .start();
    let token = issuer.token(&[]);
    let _ = gateway.get_with("/", &format!("X-Badge: {token}\r\n"));
    let _ = gateway.get_with("/", &format!("X-Badge: {}\r\n", &token[1..]));
    let written = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("the log is written", || written().lines().count() >= 2);
    assert!(written().contains("(redacted)") && !written().contains(&token[1..]), "{}", written());
}
