//! The laws of tokens for made-up input near the real thing. The fuzz target goes further.

use proptest::prelude::*;
use ringgate::policy::auth::jwt::algorithm::{Algorithm, AlgorithmSet};
use ringgate::policy::auth::jwt::keys::KeySet;
use ringgate::policy::auth::jwt::signing::SigningKey;
use ringgate::policy::auth::jwt::token::Compact;

use super::token_laws::holds;

const TOKEN: &[u8] = b"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJpIiwic3ViIjoiYW5uIn0.c2lnbmF0dXJl";
const CLAIMS: &[u8] = br#"{"iss": "i", "aud": ["a", "b"], "exp": 1.5e9, "a": {"b": [null, true, "\u00e9"]}}"#;
const KEYS: &[u8] = br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "use": "sig",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {"kty": "oct", "k": "AAAA"}]}"#;

fn mangled(beginning: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    changes.prop_map(move |changes| {
        let mut bytes = beginning.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn near_tokens(input in mangled(TOKEN)) {
        holds(&input);
    }

    #[test]
    fn near_claims(input in mangled(CLAIMS)) {
        holds(&input);
    }

    #[test]
    fn near_key_sets(input in mangled(KEYS)) {
        holds(&input);
    }

    #[test]
    fn whatever_bytes(input in prop::collection::vec(any::<u8>(), 0..200)) {
        holds(&input);
    }
}

#[test]
fn no_single_bit_of_a_signed_token_can_be_changed() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        let token = key.sign("JWT", &serde_json::Map::new()).unwrap();
        let keys = KeySet::new(vec![key.into_verifying()]);
        let is_good = |text: &[u8]| {
            let verify = || {
                let compact = Compact::split(text)?;
                keys.verify(&compact, &compact.header()?, AlgorithmSet::all()).map(|_| ())
            };
            verify().is_ok()
        };
        assert!(is_good(token.as_bytes()));
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.clone().into_bytes();
                changed[at] ^= 1 << bit;
                assert!(!is_good(&changed), "{algorithm:?}: bit {bit} of byte {at}");
            }
        }
    }
}
