//! What does not fit together is said where it is written.

use serde_json::{Value, json};

use super::*;
use crate::config::secret::Secret;
use crate::policy::auth::jwt::signing::SigningKey;
use crate::policy::scope::Surroundings;

fn compiled(changes: &Value, base: Option<&Path>) -> (JwtPlan, Vec<(String, String)>) {
    let mut written = json!({"issuer": "https://id.example", "audiences": ["a"], "keys": "discovery"});
    for (name, value) in changes.as_object().unwrap() {
        written[name] = value.clone();
    }
    let config: JwtConfig = serde_json::from_value(written).unwrap();
    let secrets = |name: &str| match name {
        "long" => Some(Secret::new("x".repeat(64))),
        "middle" => Some(Secret::new("x".repeat(40))),
        "short" => Some(Secret::new("x".repeat(31))),
        _ => None,
    };
    let mut scope = Scope::new(&secrets).around(Surroundings { base, ..Surroundings::default() });
    let plan = JwtPlan::compile(&config, "partners", &mut scope);
    (plan, scope.problems.into_iter().map(|problem| (problem.path, problem.reason)).collect())
}

#[track_caller]
fn says(changes: Value, path: &str, words: &str) {
    let problems = compiled(&changes, None).1;
    let is_said = problems.len() == 1 && problems[0].0 == path && problems[0].1.contains(words);
    assert!(is_said, "{changes}: {problems:?}");
}

#[test]
fn the_least_that_can_be_written_is_strict() {
    let (plan, problems) = compiled(&json!({}), None);
    assert_eq!(problems, []);
    assert!(plan.checks.wants_expiry && plan.forwards && plan.takes_untyped);
    assert!(plan.place.header.is_some() && plan.place.query.is_none() && plan.place.cookie.is_none());
    assert!(plan.allowed.contains(Algorithm::Rs256) && !plan.allowed.contains(Algorithm::Hs256));
    assert_eq!((plan.token_bytes, plan.remember, plan.checks.leeway_s), (8192, 4096, 60));
    assert!(!plan.keys.load().1.is_known() && plan.newer.is_some());
}

#[test]
fn mistakes_are_told_where_they_are() {
    says(json!({"issuer": ""}), "issuer", "");
    says(json!({"audiences": []}), "audiences", "made for other services");
    says(json!({"any_audience": true}), "any_audience", "both");
    says(json!({"leeway": "11m"}), "leeway", "not within");
    says(json!({"fetch": {"cool_down": "0s"}}), "fetch.cool_down", "not within");
    says(json!({"fetch": {"lifetime": "2d"}}), "fetch.lifetime", "not within");
    says(json!({"fetch": {"wait": "11s"}}), "fetch.wait", "not within");
    says(json!({"token_bytes": "1MiB"}), "token_bytes", "64KiB");
    says(json!({"remember": 100_001}), "remember", "100000");
    says(json!({"realm": "a\"b"}), "realm", "quotes");
    says(json!({"issuer": "http://id.example"}), "issuer", "without TLS");
    says(json!({"keys": {"jwks_url": "http://id.example/k"}}), "keys.jwks_url", "without TLS");
    says(json!({"keys": {"jwks_url": "id.example/k"}}), "keys.jwks_url", "https://");
    says(json!({"keys": {"secret": "nobody"}}), "keys.secret", "there is no secret");
    says(json!({"keys": {"secret": "short"}}), "keys.secret", "31 bytes");
    says(json!({"keys": {"secrets": ["long", "short"]}}), "keys.secrets[1]", "31 bytes");
    says(
        json!({"keys": {"secret": "middle"}, "algorithms": ["HS384"]}),
        "keys.secret",
        "too short for HS384",
    );
    says(json!({"keys": {"pem_text": "no key"}}), "keys.pem_text", "PUBLIC KEY");
    says(json!({"keys": {"pem": []}}), "keys.pem", "no file");
    says(json!({"algorithms": ["ES256", "HS256"]}), "algorithms[1]", "anybody could sign");
    says(json!({"keys": {"secret": "long"}, "algorithms": ["RS256"]}), "algorithms[0]", "public keys");
    says(json!({"from": {"cookie": "a b"}}), "from.cookie", "not a name");
    says(json!({"from": {"cookie": "a", "scheme": "Bearer"}}), "from.scheme", "there is none");
}

#[test]
fn an_algorithm_that_is_no_algorithm_cannot_be_written() {
    for wrong in ["none", "RSA-OAEP", "rs256"] {
        let written = json!({"issuer": "i", "keys": "discovery", "algorithms": [wrong]});
        assert!(serde_json::from_value::<JwtConfig>(written).is_err(), "{wrong}");
    }
}

#[test]
fn keys_that_are_written_down_are_there_at_once() {
    let (key, _) = SigningKey::generate(Algorithm::Hs512).unwrap();
    drop(key);
    let (plan, problems) = compiled(&json!({"keys": {"secrets": ["long", "middle"]}}), None);
    assert_eq!((problems, plan.keys.load().1.keys().len()), (Vec::new(), 2));
    assert!(plan.newer.is_none() && plan.allowed.contains(Algorithm::Hs256));
    assert!(!plan.allowed.contains(Algorithm::Rs256));
}

#[test]
fn pem_files_are_looked_for_in_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(folder.path().join("a.pem"), pair.public_key_pem()).unwrap();
    let keys = json!({"keys": {"pem": ["a.pem"]}});
    let (plan, problems) = compiled(&keys, Some(folder.path()));
    assert_eq!((problems, plan.keys.load().1.keys().len()), (Vec::new(), 1));
    let problems = compiled(&json!({"keys": {"pem": ["b.pem"]}}), Some(folder.path())).1;
    assert!(problems[0].0 == "keys.pem[0]" && problems[0].1.contains("`b.pem`"), "{problems:?}");
    assert_eq!(compiled(&keys, None).1, [], "a check reads no file");
}

#[test]
fn a_token_may_stand_in_several_places() {
    let (plan, problems) =
        compiled(&json!({"from": {"header": "X-Token", "cookie": "session", "query": "access_token"}}), None);
    assert_eq!(problems, []);
    let header = plan.place.header.as_ref().unwrap();
    assert_eq!((&*header.name, header.scheme.as_deref()), (&b"X-Token"[..], None));
    let (plan, _) = compiled(&json!({"from": {"cookie": "session"}}), None);
    assert!(plan.place.header.is_none());
}

#[test]
fn rules_differ_with_anything_that_is_judged_by() {
    let rules = |changes: Value| compiled(&changes, None).0.rules;
    assert_eq!(rules(json!({})), rules(json!({"remember": 1, "forward": false})));
    for changes in [json!({"audiences": ["b"]}), json!({"leeway": "1s"}), json!({"claims": {"subject": "x"}})]
    {
        assert_ne!(rules(json!({})), rules(changes));
    }
    assert_ne!(
        rules(json!({"keys": {"secret": "long"}})),
        rules(json!({"keys": {"secret": "middle"}})),
        "secrets differ by what they are"
    );
}
