//! Whole tokens: the examples of the RFCs, and what attackers send.

use serde_json::{Map, Value, json};

use super::*;
use crate::policy::auth::jwt::base64url;
use crate::policy::auth::jwt::jwk::{self, Symmetric};
use crate::policy::auth::jwt::keys::{Key, KeyFault};
use crate::policy::auth::jwt::signing::SigningKey;
use crate::policy::scope::Scope;

pub(super) const NOW: u64 = 1_700_000_000;

fn plan(changes: &Value) -> JwtPlan {
    let mut config = json!({
        "issuer": "https://id.example", "audiences": ["orders"], "keys": {"jwks_url": "https://id.example/keys"}
    });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    let config = serde_json::from_value(config).unwrap();
    let mut scope = Scope::new(&|_| None);
    let plan = JwtPlan::compile(&config, "partners", &mut scope);
    assert_eq!(scope.problems, []);
    plan
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "orders", "sub": "ann", "exp": NOW + 300})
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn made(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().0
}

fn of(key: SigningKey) -> KeySet {
    KeySet::new(vec![key.into_verifying()])
}

fn reason(plan: &JwtPlan, keys: &KeySet, token: &str) -> Reason {
    plan.verify(token.as_bytes(), keys, NOW).expect_err(token)
}

#[test]
fn a_good_token_says_who_it_is() {
    let key = made(Algorithm::Es256);
    let token = key.sign("at+jwt", &object(claims())).unwrap();
    let verified = plan(&json!({})).verify(token.as_bytes(), &of(key), NOW).unwrap();
    assert_eq!((&*verified.principal.subject, verified.principal.expires_s), ("ann", Some(NOW + 300)));
}

#[test]
fn examples_of_the_rfcs_verify() {
    let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let examples = [
        // RFC 7515 A.1
        (
            json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}),
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ),
        // RFC 7515 A.2
        (
            json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
            format!("eyJhbGciOiJSUzI1NiJ9.{payload}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"),
        ),
        // RFC 7515 A.3
        (
            json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            format!("eyJhbGciOiJFUzI1NiJ9.{payload}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        ),
        // RFC 8037 A.4
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".to_owned(),
        ),
    ];
    for (jwk, token) in examples {
        let keys = KeySet::new(vec![key(&jwk).unwrap()]);
        let compact = Compact::split(token.as_bytes()).unwrap();
        let header = compact.header().unwrap();
        assert!(
            keys.verify(&compact, &header, crate::policy::auth::jwt::algorithm::AlgorithmSet::all()).is_ok(),
            "{jwk}"
        );
    }
    // RFC 7515 A.5, unsecured.
    let unsecured = Compact::split(b"eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.");
    assert_eq!(unsecured.map(|_| ()), Err(Reason::Malformed));
}

fn key(jwk: &Value) -> Result<Key, KeyFault> {
    jwk::key(jwk.as_object().unwrap(), Symmetric::Take).map(Option::unwrap)
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 8037 A.3, RFC 7638 3.1
    for (jwk, thumbprint) in [
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            json!({"kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
    ] {
        assert_eq!(base64url::encode(key(&jwk).unwrap().thumbprint()), thumbprint);
    }
}

#[test]
fn unsigned_tokens_are_refused_however_none_is_written() {
    let key = made(Algorithm::Es256);
    let body = base64url::encode(claims().to_string().as_bytes());
    let keys = of(key);
    for name in ["none", "None", "NONE", "nOnE", "", "null"] {
        let header = base64url::encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
        assert_eq!(reason(&plan(&json!({})), &keys, &format!("{header}.{body}.")), Reason::Malformed);
        assert_eq!(reason(&plan(&json!({})), &keys, &format!("{header}.{body}.AA")), Reason::Algorithm);
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_nobodys() {
    let (ours, forger) = (made(Algorithm::Es256), made(Algorithm::Es256));
    let mut header =
        json!({"alg": "ES256", "typ": "JWT", "kid": ours.id(), "jwk": forger.public_jwk().unwrap()});
    header["jku"] = "https://evil.example/keys".into();
    header["x5u"] = "https://evil.example/chain".into();
    header["x5c"] = json!(["AAAA"]);
    let token = forger.sign_parts(&header.to_string(), &claims().to_string()).unwrap();
    assert_eq!(reason(&plan(&json!({})), &of(ours), &token), Reason::Signature);
}

#[test]
fn a_kid_is_compared_and_does_nothing_else() {
    let key = made(Algorithm::Es256);
    let tokens: Vec<String> = ["../../dev/null", "' OR 1=1 --", "https://evil.example/", "\\u0000", "*"]
        .iter()
        .map(|kid| {
            key.sign_parts(&format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), &claims().to_string()).unwrap()
        })
        .collect();
    let keys = of(key);
    for token in tokens {
        assert_eq!(reason(&plan(&json!({})), &keys, &token), Reason::Key);
    }
}

#[test]
fn a_token_of_another_curve_is_refused() {
    let (ours, other) = (made(Algorithm::Es256), made(Algorithm::Es384));
    let header = format!(r#"{{"alg":"ES384","kid":"{}"}}"#, ours.id());
    let token = other.sign_parts(&header, &claims().to_string()).unwrap();
    let lying = token.replacen(
        &base64url::encode(header.as_bytes()),
        &base64url::encode(header.replace("ES384", "ES256").as_bytes()),
        1,
    );
    let keys = of(ours);
    assert_eq!(reason(&plan(&json!({})), &keys, &token), Reason::Algorithm);
    assert_eq!(reason(&plan(&json!({})), &keys, &lying), Reason::Signature);
}

#[test]
fn duplicate_members_are_refused_although_they_are_signed() {
    let key = made(Algorithm::Es256);
    let whole = claims().to_string();
    let twice = whole.replacen('{', r#"{"sub":"root","#, 1);
    let header = r#"{"alg":"ES256"}"#;
    let (claims, headers) = (
        key.sign_parts(header, &twice).unwrap(),
        key.sign_parts(r#"{"alg":"ES256","alg":"ES256"}"#, &whole).unwrap(),
    );
    let keys = of(key);
    assert_eq!(reason(&plan(&json!({})), &keys, &claims), Reason::Malformed);
    assert_eq!(reason(&plan(&json!({})), &keys, &headers), Reason::Malformed);
}

#[test]
fn huge_tokens_are_turned_away_unread() {
    let key = made(Algorithm::Es256);
    let long = json!({"pad": "x".repeat(9000)}).to_string();
    let token = key.sign_parts(r#"{"alg":"ES256"}"#, &long).unwrap();
    let keys = of(key);
    assert_eq!(reason(&plan(&json!({})), &keys, &token), Reason::TooLarge);
    assert_eq!(reason(&plan(&json!({"token_bytes": "16KiB"})), &keys, &token), Reason::Issuer);
    assert_eq!(reason(&plan(&json!({})), &keys, &".".repeat(8192)), Reason::Malformed);
}

#[test]
fn the_type_must_be_expected() {
    let key = made(Algorithm::Es256);
    let token = |header: &str| {
        key.sign_parts(&format!("{{\"alg\":\"ES256\"{header}}}"), &claims().to_string()).unwrap()
    };
    let (plain, jwt) = (token(""), token(r#","typ":"JWT""#));
    let (access, logout) = (token(r#","typ":"application/at+jwt""#), token(r#","typ":"logout+jwt""#));
    let judge = |changes: &Value| {
        let (plan, keys) = (plan(changes), KeySet::new(vec![key_of(&key)]));
        [&plain, &jwt, &access, &logout].map(|token| plan.verify(token.as_bytes(), &keys, NOW).is_ok())
    };
    assert_eq!(judge(&json!({})), [true, true, true, false]);
    assert_eq!(judge(&json!({"types": ["at+JWT"]})), [false, false, true, false]);
    assert_eq!(judge(&json!({"types": ["logout+jwt"], "untyped": true})), [true, false, false, true]);
    assert_eq!(judge(&json!({"untyped": false})), [false, true, true, false]);
}

fn key_of(key: &SigningKey) -> Key {
    self::key(&key.public_jwk().unwrap()).unwrap()
}

#[test]
fn only_a_token_that_would_hold_asks_for_its_key() {
    let key = made(Algorithm::Es256);
    let plan = plan(&json!({}));
    let token = |changes: Value| {
        let mut claims = object(claims());
        claims.extend(object(changes));
        key.sign("JWT", &claims).unwrap()
    };
    let asks = |token: &str| plan.missing_key(token.as_bytes(), NOW).is_some();
    assert!(asks(&token(json!({}))));
    assert!(!asks(&token(json!({"iss": "https://other.example"}))));
    assert!(!asks(&token(json!({"exp": NOW - 1000}))));
    assert!(!asks(&key.sign_parts(r#"{"alg":"ES256"}"#, &claims().to_string()).unwrap()), "without a name");
    assert!(!asks("a.b.c"));
}
