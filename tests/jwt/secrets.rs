//! No token and no key in anything that the gateway says: log, metrics, answers, the operator's listener.

use super::{Guarded, Issuer};
use crate::harness::eventually;

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
