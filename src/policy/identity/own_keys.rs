//! The gateway's own keys: what workers sign with, and what services verify by.
//!
//! A key is announced before it is used and is published for as long as a token of it may be good, so a service that
//! fetches the set now and then never meets a key that it does not know. Owns keys and the plain rules of their succession;
//! when one is made, and where they are kept, is control's.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config::units::Span;
use crate::policy::auth::jwt::base64url;

/// How long a new key is published before tokens are signed with it: as long as services keep a fetched set.
pub const ANNOUNCED_S: u64 = 600;
/// The longest life of a token.
pub const LIFETIME_S_MAX: u64 = 3_600;
/// How long a key is published after its successor has begun to sign.
const RETIRED_S: u64 = LIFETIME_S_MAX + 300;

/// The keys that the gateway signs its own tokens with.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnKeysConfig {
    /// After this long a new key is made.
    pub rotate: Span,
    /// A private key instead: P-256, PKCS #8, in PEM. For several hosts that services take for one. It is followed: replace
    /// it on all hosts within ten minutes. Default: each host makes its own, and keeps it in `--state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<std::path::PathBuf>,
}

impl Default for OwnKeysConfig {
    fn default() -> Self {
        Self { rotate: Span::from_secs(7 * 86_400), file: None }
    }
}

/// One key.
#[derive(Debug)]
pub struct OwnKey {
    pair: EcdsaKeyPair,
    /// Its name: the thumbprint of RFC 7638.
    pub kid: Box<str>,
    /// When it was announced, in seconds since 1970.
    pub since_s: u64,
    /// As it is kept.
    pub pkcs8: Box<[u8]>,
}

/// All keys, the newest last.
#[derive(Debug)]
pub struct OwnKeys {
    keys: Vec<crate::shared::Frozen<OwnKey>>,
    /// Which of them signs.
    signs: usize,
    /// The set as it is published (RFC 7517 5).
    pub document: Bytes,
}

/// A key that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no private key for P-256 in PKCS #8")]
pub struct NoKey;

impl OwnKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(now_s: u64) -> Result<Self, NoKey> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::of(pkcs8.map_err(|_| NoKey)?.as_ref(), now_s)
    }

    /// One that has been kept.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(pkcs8: &[u8], since_s: u64) -> Result<Self, NoKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| NoKey)?;
        let (x, y) = coordinates(&pair);
        // RFC 7638 3.2: these members, in this order, without white space.
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
        Ok(Self { pair, kid: base64url::encode(&thumbprint).into(), since_s, pkcs8: pkcs8.into() })
    }

    /// Signs as ES256 does (RFC 7518 3.4).
    pub fn sign(&self, message: &[u8]) -> Option<Box<[u8]>> {
        self.pair.sign(&SystemRandom::new(), message).ok().map(|signature| signature.as_ref().into())
    }

    fn public(&self) -> Value {
        let (x, y) = coordinates(&self.pair);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y})
    }
}

/// Both halves of an uncompressed point (SEC 1 2.3.3).
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    let point = pair.public_key().as_ref();
    let (x, y) = point.get(1..).unwrap_or_default().split_at(32.min(point.len().saturating_sub(1)));
    (base64url::encode(x), base64url::encode(y))
}

impl Default for OwnKeys {
    fn default() -> Self {
        Self::at(Vec::new(), 0)
    }
}

impl OwnKeys {
    /// These keys as they are to be used now.
    pub fn at(mut keys: Vec<crate::shared::Frozen<OwnKey>>, now_s: u64) -> Self {
        keys.sort_by_key(|key| key.since_s);
        let is_announced = |key: &OwnKey| now_s >= key.since_s + ANNOUNCED_S;
        let signs = keys.iter().rposition(|key| is_announced(key)).unwrap_or(0);
        // Of those before the one that signs, keep what still has tokens out.
        let retired_s = keys.get(signs).map_or(0, |key| key.since_s + ANNOUNCED_S + RETIRED_S);
        let gone = if now_s >= retired_s { signs } else { signs.saturating_sub(1) };
        keys.drain(..gone.min(keys.len()));
        let set = json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()});
        Self { signs: signs - gone, document: set.to_string().into(), keys }
    }

    /// The same with one key more.
    #[must_use]
    pub fn with(&self, key: OwnKey, now_s: u64) -> Self {
        let mut keys = self.keys.clone();
        if keys.iter().all(|known| known.kid != key.kid) {
            keys.push(crate::shared::Frozen::new(key));
        }
        Self::at(keys, now_s)
    }

    /// The same, later.
    #[must_use]
    pub fn later(&self, now_s: u64) -> Self {
        Self::at(self.keys.clone(), now_s)
    }

    /// The one that signs.
    pub fn signer(&self) -> Option<&OwnKey> {
        self.keys.get(self.signs).map(|key| &**key)
    }

    /// All of them, the newest last.
    pub fn keys(&self) -> &[crate::shared::Frozen<OwnKey>] {
        &self.keys
    }

    /// True if the newest is older than this.
    pub fn is_due(&self, rotate_s: u64, now_s: u64) -> bool {
        self.keys.last().is_none_or(|key| now_s >= key.since_s.saturating_add(rotate_s))
    }

    /// Whether the same keys are published and the same one signs.
    pub fn is_same(&self, other: &Self) -> bool {
        let kid = |keys: &Self| keys.signer().map(|key| key.kid.clone());
        self.document == other.document && kid(self) == kid(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &OwnKeys) -> Vec<String> {
        let set: Value = serde_json::from_slice(&keys.document).expect("a set is JSON");
        let kids = set["keys"].as_array().expect("a list of keys").iter();
        kids.map(|key| key["kid"].as_str().expect("a name").to_owned()).collect()
    }

    #[test]
    fn a_key_is_announced_before_it_signs_and_published_until_its_tokens_have_ended() {
        let first = OwnKey::make(1_000).unwrap();
        let second = OwnKey::make(100_000).unwrap();
        let (one, two) = (first.kid.to_string(), second.kid.to_string());
        let keys = OwnKeys::default().with(first, 1_000);
        let signer = |keys: &OwnKeys| keys.signer().unwrap().kid.to_string();
        assert_eq!(signer(&keys), one, "there is no other to wait for");
        let keys = keys.with(second, 100_000);
        assert_eq!((signer(&keys), kids(&keys)), (one.clone(), vec![one.clone(), two.clone()]));
        let keys = keys.later(100_000 + ANNOUNCED_S - 1);
        assert_eq!(signer(&keys), one);
        let keys = keys.later(100_000 + ANNOUNCED_S);
        assert_eq!((signer(&keys), kids(&keys)), (two.clone(), vec![one.clone(), two.clone()]));
        let end = 100_000 + ANNOUNCED_S + RETIRED_S;
        assert_eq!(kids(&keys.later(end - 1)), [one, two.clone()]);
        assert_eq!(kids(&keys.later(end)), std::slice::from_ref(&two));
        assert_eq!(signer(&keys.later(end)), two);
        assert!(!keys.is_due(7_000, 106_999) && keys.is_due(7_000, 107_000));
    }

    #[test]
    fn a_key_that_was_kept_is_the_same_key() {
        let key = OwnKey::make(5).unwrap();
        let again = OwnKey::of(&key.pkcs8, 5).unwrap();
        assert_eq!(key.kid, again.kid);
        assert_eq!(key.sign(b"x").unwrap().len(), 64, "RFC 7518 3.4: R and S, 32 bytes each");
        assert_eq!(OwnKey::of(b"nonsense", 5).err(), Some(NoKey));
    }

    #[test]
    fn digits_are_those_of_urls() {
        assert_eq!(base64url::encode(&[0xfb, 0xff, 0xfe]), "-__-");
        assert_eq!(base64url::encode(b"a"), "YQ");
    }
}
