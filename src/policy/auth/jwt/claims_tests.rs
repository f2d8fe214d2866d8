//! Claims: what is believed at which second, and who comes out.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: u64 = 1_000_000;

fn checks() -> Checks {
    Checks {
        issuer: "https://id.example".into(),
        audiences: ["orders".into(), "bills".into()].into(),
        leeway_s: 60,
        wants_expiry: true,
        required: Box::default(),
    }
}

fn mapping() -> Mapping {
    Mapping {
        subject: "sub".into(),
        tenant: Some("org.id".into()),
        plan: Some("plan".into()),
        scopes: ["scope".into(), "scp".into()].into(),
        roles: ["realm_access.roles".into(), "roles".into()].into(),
        session: "sid".into(),
    }
}

/// Good claims, with some replaced; null takes one away.
fn claims(changes: &Value) -> Map<String, Value> {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "orders", "sub": "ann", "exp": NOW + 300, "iat": NOW - 10
    });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let claims = claims.as_object().expect("an object").clone();
    claims.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn judged(checks: &Checks, changes: &Value) -> Result<Principal, Reason> {
    checks.principal("partners", claims(changes), &mapping(), NOW)
}

#[test]
fn issuer_and_audience_must_be_exactly_ours() {
    let checks = checks();
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"aud": ["x", "bills"]}), Ok(())),
        (json!({"iss": "https://id.example/"}), Err(Reason::Issuer)),
        (json!({"iss": "HTTPS://id.example"}), Err(Reason::Issuer)),
        (json!({"iss": ["https://id.example"]}), Err(Reason::Issuer)),
        (json!({"iss": null}), Err(Reason::Issuer)),
        (json!({"aud": "Orders"}), Err(Reason::Audience)),
        (json!({"aud": []}), Err(Reason::Audience)),
        (json!({"aud": [["orders"]]}), Err(Reason::Audience)),
        (json!({"aud": {"orders": 1}}), Err(Reason::Audience)),
        (json!({"aud": null}), Err(Reason::Audience)),
    ] {
        assert_eq!(judged(&checks, &changes).map(|_| ()), expected, "{changes}");
    }
    let any = Checks { audiences: Box::default(), ..self::checks() };
    assert!(judged(&any, &json!({"aud": null})).is_ok());
}

#[test]
fn times_are_judged_to_the_second_with_leeway() {
    let checks = checks();
    for (changes, expected) in [
        (json!({"exp": NOW}), Ok(())),
        (json!({"exp": NOW - 59}), Ok(())),
        (json!({"exp": NOW - 60}), Err(Reason::Expired)),
        (json!({"exp": 0}), Err(Reason::Expired)),
        (json!({"exp": NOW as f64 - 59.5}), Err(Reason::Expired)),
        (json!({"exp": null}), Err(Reason::Claim)),
        (json!({"exp": (NOW + 300).to_string()}), Err(Reason::Malformed)),
        (json!({"exp": -1}), Err(Reason::Malformed)),
        (json!({"exp": 1e300}), Err(Reason::Malformed)),
        (json!({"exp": true}), Err(Reason::Malformed)),
        (json!({"nbf": NOW + 60}), Ok(())),
        (json!({"nbf": NOW + 61}), Err(Reason::Early)),
        (json!({"nbf": NOW as f64 + 60.5}), Err(Reason::Early)),
        (json!({"nbf": "soon"}), Err(Reason::Malformed)),
        (json!({"iat": NOW + 60}), Ok(())),
        (json!({"iat": NOW + 61}), Err(Reason::Early)),
        (json!({"iat": []}), Err(Reason::Malformed)),
    ] {
        assert_eq!(judged(&checks, &changes).map(|_| ()), expected, "{changes}");
    }
    let lax = Checks { wants_expiry: false, ..self::checks() };
    assert_eq!(judged(&lax, &json!({"exp": null})).map(|it| it.expires_s), Ok(None));
}

#[test]
fn required_claims_must_be_there_with_one_of_their_values() {
    let required = |claim: &str, any_of: &[Value]| Checks {
        required: [Required { claim: claim.into(), any_of: any_of.into() }].into(),
        ..checks()
    };
    for (checks, changes, is_met) in [
        (required("azp", &[]), json!({}), false),
        (required("azp", &[]), json!({"azp": false}), true),
        (required("azp", &[json!("web"), json!("app")]), json!({"azp": "app"}), true),
        (required("azp", &[json!("web")]), json!({"azp": "Web"}), false),
        (required("amr", &[json!("otp")]), json!({"amr": ["pwd", "otp"]}), true),
        (required("amr", &[json!("otp")]), json!({"amr": ["pwd"]}), false),
        (required("org.id", &[json!(7)]), json!({"org": {"id": 7}}), true),
        (required("org.id", &[json!(7)]), json!({"org": {"id": "7"}}), false),
        (required("email_verified", &[json!(true)]), json!({"email_verified": "true"}), false),
    ] {
        let expected = if is_met { Ok(()) } else { Err(Reason::Claim) };
        assert_eq!(judged(&checks, &changes).map(|_| ()), expected, "{checks:?} {changes}");
    }
}

#[test]
fn claims_say_who_it_is() {
    let changes = json!({
        "org": {"id": 42}, "plan": "gold", "scope": "read  write", "sid": "s1", "jti": "t1",
        "realm_access": {"roles": ["admin", 7, "auditor"]}, "roles": ["ignored"]
    });
    let who = judged(&checks(), &changes).unwrap();
    assert_eq!((&*who.subject, &*who.authenticator, who.method), ("ann", "partners", Method::Jwt));
    assert_eq!((who.tenant.as_deref(), who.plan.as_deref()), (Some("42"), Some("gold")));
    assert_eq!((who.session.as_deref(), who.token_id.as_deref()), (Some("s1"), Some("t1")));
    assert_eq!((who.issued_s, who.expires_s), (Some(NOW - 10), Some(NOW + 300)));
    let words = |list: &[Box<str>]| list.join(",");
    assert_eq!(
        (words(&who.scopes), words(&who.roles)),
        ("read,write".to_owned(), "admin,auditor".to_owned())
    );
    let scp = judged(&checks(), &json!({"scp": ["a", "b"]})).unwrap();
    assert_eq!(words(&scp.scopes), "a,b");
}

#[test]
fn somebody_without_a_name_is_nobody() {
    for changes in [json!({"sub": null}), json!({"sub": ""}), json!({"sub": {"id": 1}}), json!({"sub": 1.5})]
    {
        assert_eq!(judged(&checks(), &changes).map(|_| ()), Err(Reason::Claim), "{changes}");
    }
    let many: Vec<String> = (0..=LIST_MAX).map(|number| number.to_string()).collect();
    assert_eq!(judged(&checks(), &json!({"scope": many})).map(|_| ()), Err(Reason::Claim));
}

proptest! {
    #[test]
    fn nothing_is_believed_after_its_end_nor_before_its_beginning(
        exp in 0u64..2_000_000, nbf in 0u64..2_000_000, leeway_s in 0u64..300
    ) {
        let checks = Checks { leeway_s, ..checks() };
        let is_believed = judged(&checks, &json!({"exp": exp, "nbf": nbf, "iat": null})).is_ok();
        prop_assert_eq!(is_believed, NOW < exp + leeway_s && nbf <= NOW + leeway_s);
    }
}
