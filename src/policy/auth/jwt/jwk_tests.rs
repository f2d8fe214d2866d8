//! Key sets: what is taken, what is passed over, what makes the whole set suspect.

use serde_json::json;

use super::*;
use crate::policy::auth::jwt::signing::SigningKey;

fn jwk(algorithm: Algorithm) -> Value {
    SigningKey::generate(algorithm).unwrap().0.public_jwk().unwrap()
}

fn with(mut jwk: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

fn set(keys: &[Value]) -> Result<Read, SetFault> {
    read(json!({ "keys": keys }).to_string().as_bytes(), Symmetric::PassOver)
}

fn one(key: &Value) -> Result<Option<Key>, KeyFault> {
    super::key(key.as_object().unwrap(), Symmetric::PassOver)
}

#[test]
fn takes_every_kind_that_verifies_and_passes_over_the_rest() {
    let read = set(&[
        jwk(Algorithm::Rs256),
        jwk(Algorithm::Es256),
        jwk(Algorithm::Es384),
        jwk(Algorithm::EdDsa),
        with(jwk(Algorithm::Rs256), &json!({"use": "enc", "alg": "RSA-OAEP"})),
        with(jwk(Algorithm::Rs256), &json!({"alg": "RSA-OAEP-256"})),
        with(jwk(Algorithm::Es256), &json!({"use": null, "key_ops": ["sign"]})),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "LATTICE"}),
        json!({"kty": "oct", "k": base64url::encode(&[7; 32])}),
    ]);
    let read = read.unwrap();
    assert_eq!((read.keys.keys().len(), read.remarks), (4, Vec::<String>::new()));
}

#[test]
fn alg_in_a_key_pins_it() {
    let pinned = one(&jwk(Algorithm::Ps256)).unwrap().unwrap();
    assert_eq!(pinned.algorithms(), AlgorithmSet::of(&[Algorithm::Ps256]));
    let free = one(&with(jwk(Algorithm::Ps256), &json!({"alg": null}))).unwrap().unwrap();
    assert_eq!(free.algorithms(), AlgorithmSet::of_family(Family::Rsa));
    for wrong in ["ES384", "RS256", "HS256"] {
        let key = with(jwk(Algorithm::Es256), &json!({ "alg": wrong }));
        assert_eq!(one(&key).unwrap_err(), KeyFault::Malformed, "{wrong}");
    }
    assert!(one(&with(jwk(Algorithm::Es256), &json!({"alg": "none"}))).unwrap().is_none());
}

#[test]
fn a_broken_key_is_left_out_with_a_remark_and_the_others_stay() {
    let good = jwk(Algorithm::Es256);
    let changes = [
        json!({"x": "AA"}),
        json!({"x": good["y"]}),
        json!({"x": null}),
        json!({"x": 7}),
        json!({"x": format!("{}=", good["x"].as_str().unwrap())}),
        json!({"kty": "RSA"}),
        json!({"crv": "P-384"}),
        json!({"d": "AAAA"}),
        json!({"use": 1}),
        json!({"key_ops": "verify"}),
    ];
    for change in changes {
        let read = set(&[good.clone(), with(jwk(Algorithm::Es256), &change)]).unwrap();
        assert_eq!((read.keys.keys().len(), read.remarks.len()), (1, 1), "{change}: {:?}", read.remarks);
    }
}

#[test]
fn two_keys_of_one_name_are_both_left_out() {
    let named = |algorithm, id: &str| with(jwk(algorithm), &json!({ "kid": id }));
    let read = set(&[
        named(Algorithm::Es256, "a"),
        named(Algorithm::Es256, "a"),
        named(Algorithm::Es256, "b"),
        named(Algorithm::EdDsa, "b"),
    ]);
    let read = read.unwrap();
    assert_eq!((read.keys.keys().len(), read.remarks.len()), (2, 2), "{:?}", read.remarks);
    assert!(read.keys.keys().iter().all(|key| key.id() == Some("b")));
}

#[test]
fn a_set_that_cannot_be_trusted_is_not_used_at_all() {
    let read = |text: &str| super::read(text.as_bytes(), Symmetric::Take).map(|read| read.keys.keys().len());
    for wrong in ["", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": [], "keys": []}"#, "<html>"] {
        assert_eq!(read(wrong), Err(SetFault::NotASet), "{wrong}");
    }
    let secret = json!({"kty": "oct", "k": base64url::encode(&[7; 32])});
    let mixed = json!({"keys": [jwk(Algorithm::Es256), secret]}).to_string();
    assert_eq!(read(&mixed), Err(SetFault::Mixed));
    assert_eq!(read(&json!({ "keys": [secret] }).to_string()), Ok(1));
    assert_eq!(set(&[secret]).unwrap_err(), SetFault::NoneUsable(1), "secrets are not for the public");
    assert_eq!(read(&json!({"keys": vec![1; KEYS_MAX + 1]}).to_string()), Err(SetFault::TooMany));
    assert_eq!(read(r#"{"keys": []}"#), Ok(0), "an issuer may take back all keys");
}

#[test]
fn remarks_are_short_and_plain() {
    let key = with(jwk(Algorithm::Es256), &json!({"kid": format!("a\nb{}", "x".repeat(500)), "x": "AA"}));
    let remarks = set(&[key, jwk(Algorithm::EdDsa)]).unwrap().remarks;
    assert!(remarks[0].len() < 200 && !remarks[0].contains('\n'), "{remarks:?}");
}
