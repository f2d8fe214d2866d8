//! Keys: which one a token is tried with, and which are never taken.

use super::*;
use crate::policy::auth::jwt::signing::SigningKey;

const EVERY: AlgorithmSet = AlgorithmSet::all();

fn made(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().0
}

fn verify<'k>(keys: &'k KeySet, token: &str, allowed: AlgorithmSet) -> Result<&'k Key, Reason> {
    let compact = Compact::split(token.as_bytes())?;
    keys.verify(&compact, &compact.header()?, allowed)
}

fn header(algorithm: Algorithm, key_id: &str) -> String {
    format!(r#"{{"alg":"{}","kid":"{key_id}"}}"#, algorithm.name())
}

#[test]
fn a_name_leads_to_its_key_and_no_other() {
    let (one, other) = (made(Algorithm::Es256), made(Algorithm::Es256));
    let by_one = |id: &str| one.sign_parts(&header(Algorithm::Es256, id), "{}").unwrap();
    let (own, others, unknown) = (by_one("one"), by_one("other"), by_one("third"));
    let nameless = one.sign_parts(r#"{"alg":"ES256"}"#, "{}").unwrap();
    let keys = KeySet::new(vec![
        other.into_verifying().named(Some("other")),
        one.into_verifying().named(Some("one")),
    ]);
    assert_eq!(verify(&keys, &own, EVERY).unwrap().id(), Some("one"));
    assert_eq!(verify(&keys, &others, EVERY).unwrap_err(), Reason::Signature);
    assert_eq!(verify(&keys, &unknown, EVERY).unwrap_err(), Reason::Key);
    assert_eq!(
        verify(&keys, &nameless, EVERY).unwrap().id(),
        Some("one"),
        "a token without a name tries all"
    );
    assert_eq!(verify(&KeySet::new(Vec::new()), &own, EVERY).unwrap_err(), Reason::Key);
}

#[test]
fn an_algorithm_must_be_the_issuers_and_the_keys() {
    let rsa = made(Algorithm::Rs256);
    let token = rsa.sign_parts(&header(Algorithm::Rs256, "k"), "{}").unwrap();
    let key = || SigningKey::read(&SigningKey::generate(Algorithm::Rs256).unwrap().1, None).unwrap();
    let issuers = AlgorithmSet::of(&[Algorithm::Ps256]);
    let plain = KeySet::new(vec![rsa.into_verifying().named(Some("k"))]);
    assert!(verify(&plain, &token, EVERY).is_ok());
    assert_eq!(verify(&plain, &token, issuers).unwrap_err(), Reason::Algorithm);
    let pinned = KeySet::new(vec![key().into_verifying().named(Some("k")).only(issuers)]);
    assert_eq!(verify(&pinned, &token, EVERY).unwrap_err(), Reason::Algorithm);
}

#[test]
fn a_public_key_is_no_shared_secret() {
    // The attack: HMAC under the bytes of the public key, which everybody has.
    let (_, text) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let public = SigningKey::read(&text, None).unwrap();
    let jwk = public.public_jwk().unwrap();
    let modulus = base64url::decode(jwk["n"].as_str().unwrap().as_bytes()).unwrap();
    let keys = KeySet::new(vec![public.into_verifying()]);
    for secret in [jwk.to_string(), text, jwk["n"].as_str().unwrap().to_owned(), format!("{modulus:?}")] {
        let forger = SigningKey::shared(&secret, Some(Algorithm::Hs256)).unwrap();
        let token = forger.sign_parts(r#"{"alg":"HS256"}"#, "{}").unwrap();
        assert_eq!(verify(&keys, &token, EVERY).unwrap_err(), Reason::Algorithm);
    }
}

#[test]
fn a_secret_goes_with_hashes_that_are_not_longer() {
    let fits = |bytes: usize| {
        let algorithms = Key::shared(&vec![1; bytes]).map(|key| key.algorithms());
        [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512]
            .map(|one| algorithms.is_ok_and(|all| all.contains(one)))
    };
    assert_eq!(fits(31), [false, false, false]);
    assert_eq!(fits(32), [true, false, false]);
    assert_eq!(fits(63), [true, true, false]);
    assert_eq!(fits(64), [true, true, true]);
}

#[test]
fn points_must_be_on_their_curve() {
    let jwk = made(Algorithm::Es256).public_jwk().unwrap();
    let coordinate = |name: &str| base64url::decode(jwk[name].as_str().unwrap().as_bytes()).unwrap();
    let (x, mut y) = (coordinate("x"), coordinate("y"));
    assert!(Key::ec(Family::P256, &x, &y).is_ok());
    assert_eq!(Key::ec(Family::P384, &x, &y).unwrap_err(), KeyFault::Point);
    assert_eq!(Key::ec(Family::P256, &x[1..], &y).unwrap_err(), KeyFault::Point);
    y[31] ^= 1;
    assert_eq!(Key::ec(Family::P256, &x, &y).unwrap_err(), KeyFault::Point);
    assert_eq!(Key::ed25519(&x[..31]).unwrap_err(), KeyFault::Point);
    assert!(Key::ec(Family::P256, &[0; 32], &[0; 32]).is_err());
}

#[test]
fn signatures_of_another_length_or_another_bit_are_none() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Hs256] {
        let key = made(algorithm);
        let token = key.sign("JWT", &serde_json::Map::new()).unwrap();
        let keys = KeySet::new(vec![key.into_verifying()]);
        assert!(verify(&keys, &token, EVERY).is_ok());
        for cut in [1, 2, 4, 20] {
            let short = &token[..token.len() - cut];
            assert!(verify(&keys, short, EVERY).is_err(), "{algorithm:?} without {cut}");
        }
        assert!(verify(&keys, &format!("{token}AAAA"), EVERY).is_err());
        assert!(verify(&keys, &format!("{token}="), EVERY).is_err());
        let at = token.rfind('.').unwrap() + 5;
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut forged = token.clone();
        forged.replace_range(at..=at, other);
        assert_eq!(verify(&keys, &forged, EVERY).unwrap_err(), Reason::Signature);
    }
}

#[test]
fn a_nameless_token_is_not_tried_with_every_key() {
    let right = made(Algorithm::EdDsa);
    let token = right.sign_parts(r#"{"alg":"EdDSA"}"#, "{}").unwrap();
    let mut keys: Vec<Key> = (0..KEYS_TRIED_MAX).map(|_| made(Algorithm::EdDsa).into_verifying()).collect();
    keys.push(right.into_verifying());
    assert_eq!(verify(&KeySet::new(keys), &token, EVERY).unwrap_err(), Reason::Signature);
}
