//! Tokens that `ringgate token` makes: taken, remembered, and challenged for where they are missing.

use super::{Guarded, Issuer};

#[test]
fn a_token_lets_in_and_is_remembered() {
    for algorithm in ["RS256", "PS384", "ES256", "ES384", "EdDSA"] {
        let issuer = Issuer::new(algorithm);
        let guarded = Guarded::by_file(&issuer, "");
        let token = issuer.token(&[]);
        let mut wire = guarded.gateway.wire();
        for _ in 0..3 {
            wire.send(format!("GET / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"));
            wire.read().has_status(200);
        }
        assert_eq!((guarded.counted("known"), guarded.remembered()), (3.0, 2.0), "{algorithm}");
        let seen = guarded.origin.requests();
        let expected = format!("Bearer {token}");
        assert_eq!(seen[0].field("authorization"), Some(&*expected), "the service reads it too");
    }
}

#[test]
fn a_shared_secret_lets_in() {
    let issuer = Issuer::new("HS512");
    let secret = issuer.path("private.secret");
    let guarded = Guarded::start(
        "keys: {secret: signing}\nforward: false",
        &format!("secrets: {{signing: {{file: '{}'}}}}", secret.display()),
    );
    guarded.ask(&issuer.token_by("private.secret", &[])).has_status(200);
    guarded.ask(&issuer.token_by("private.secret", &["--alg", "HS512"])).has_status(200);
    assert_eq!(guarded.origin.requests()[0].field("authorization"), None);
    guarded.ask(&Issuer::new("HS512").token_by("private.secret", &[])).has_problem(401, "token_invalid");
}

#[test]
fn who_says_nothing_is_told_how_and_who_says_wrong_is_told_little() {
    let issuer = Issuer::new("ES256");
    let guarded = Guarded::by_file(&issuer, "realm: orders");
    let missing = guarded.gateway.get("/").has_problem(401, "credentials_missing");
    assert_eq!(missing.field("www-authenticate"), Some(r#"Bearer realm="orders""#));
    let expired = guarded.ask(&issuer.token(&["--expires", "-2h"])).has_problem(401, "token_expired");
    assert_eq!(
        expired.field("www-authenticate"),
        Some(r#"Bearer realm="orders", error="invalid_token", error_description="the token has expired""#)
    );
    for (more, reason) in [
        (&["--claim", "aud=others"][..], "audience"),
        (&["--claim", "iss=https://other.example"], "issuer"),
        (&["--claim", "nbf=99999999999"], "early"),
        (&["--claim", "exp=null"], "malformed"),
        (&["--type", "logout+jwt"], "type"),
    ] {
        let answer = guarded.ask(&issuer.token(more)).has_problem(401, "token_invalid");
        let challenge = answer.field("www-authenticate").expect("a challenge").to_owned();
        assert!(challenge.contains("invalid_token") && !challenge.contains(reason), "{challenge}");
        let selector =
            format!("ringgate_token_refusals_total{{authenticator=\"partners\",reason=\"{reason}\"}}");
        assert_eq!(guarded.gateway.metric(&selector), 1.0, "{reason}");
    }
    assert!(guarded.origin.requests().is_empty());
}

#[test]
fn a_token_stands_in_one_place_alone() {
    let issuer = Issuer::new("ES256");
    let guarded =
        Guarded::by_file(&issuer, "from: {header: Authorization, cookie: session, query: access_token}");
    let token = issuer.token(&[]);
    guarded.gateway.get_with("/", &format!("Cookie: a=1; session={token}\r\n")).has_status(200);
    guarded.gateway.get(&format!("/a?x=1&access_token={token}&y=2")).has_status(200);
    let header = format!("Authorization: Bearer {token}\r\n");
    for (target, fields) in [
        (format!("/?access_token={token}"), header.clone()),
        ("/".to_owned(), format!("{header}{header}")),
        ("/".to_owned(), format!("{header}Cookie: session={token}\r\n")),
    ] {
        let answer = guarded.gateway.get_with(&target, &fields).has_problem(400, "token_repeated");
        assert!(answer.field("www-authenticate").expect("a challenge").contains("invalid_request"));
    }
    let seen = guarded.origin.requests();
    assert_eq!((seen.len(), &*seen[1].target), (2, "/a?x=1&y=2"), "the query's token does not go on");
}

#[test]
fn required_claims_are_required() {
    let issuer = Issuer::new("EdDSA");
    let guarded = Guarded::by_file(
        &issuer,
        "required_claims: [{claim: org.id, any_of: [7, 8]}, {claim: amr, any_of: [otp]}]",
    );
    let good = ["--claim", "org={\"id\":7}", "--claim", "amr=[\"pwd\",\"otp\"]"];
    guarded.ask(&issuer.token(&good)).has_status(200);
    let bad = ["--claim", "org={\"id\":9}", "--claim", "amr=[\"pwd\",\"otp\"]"];
    guarded.ask(&issuer.token(&bad)).has_problem(401, "token_invalid");
    guarded.ask(&issuer.token(&[])).has_problem(401, "token_invalid");
}

#[test]
fn an_example_works_with_the_tokens_that_ringgate_makes() {
    // What config/examples/jwt.yaml says to do, but for its addresses.
    let issuer = Issuer::new("ES256");
    let guarded = Guarded::by_file(&issuer, "claims: {tenant: tenant, plan: plan}");
    let token = issuer.token(&["--scope", "orders:read", "--claim", "tenant=acme", "--claim", "plan=gold"]);
    guarded.ask(&token).has_status(200);
    let shown = crate::harness::ringgate(&["token", "read", &token]).succeeded();
    assert!(shown.contains("\"tenant\": \"acme\"") && shown.contains("was not verified"), "{shown}");
}
