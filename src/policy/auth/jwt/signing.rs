//! Signing tokens: for `ringgate token`, for tests, and for what the gateway itself says upstream.
//!
//! Owns private keys while they are used: reading and making them, and what of them may be published. Nothing here prints
//! one. The path of a client's request only ever verifies.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};
use jsonwebtoken::EncodingKey;
use rustls::pki_types::pem::{PemObject, SectionKind};
use serde_json::{Map, Value, json};

use super::algorithm::{Algorithm, Family};
use super::base64url;
use super::keys::{Key, KeyFault};
use crate::http::base64;

/// Why a key cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningFault {
    /// Neither PEM with a private key nor a secret.
    #[error("this is no private key in PEM (PKCS #8): openssl pkcs8 -topk8 -nocrypt makes one of others")]
    NotAKey,
    /// The algorithm is for other keys.
    #[error("{0} is not for this key")]
    Unfit(&'static str),
    /// A key that nobody would accept.
    #[error("it is {0}")]
    Key(#[from] KeyFault),
    /// The library failed.
    #[error("it cannot be signed with this key")]
    Failed,
}

/// A private key or a shared secret.
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    verifying: Key,
    /// What may be published. None of a shared secret.
    public: Option<Map<String, Value>>,
}

impl SigningKey {
    /// Makes a key for this algorithm. Gives it, and the text that [`Self::read`] reads.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<(Self, String), SigningFault> {
        let random = SystemRandom::new();
        let der = match algorithm.family() {
            Family::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningFault::Failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SigningFault::Failed)?;
                der.as_ref().to_vec()
            }
            Family::P256 => ec_document(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?,
            Family::P384 => ec_document(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)?,
            Family::Ed25519 => {
                let document = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(|_| SigningFault::Failed)?;
                document.as_ref().to_vec()
            }
            Family::Shared => {
                let mut bytes = [0; 64];
                aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SigningFault::Failed)?;
                let text = base64url::encode(&bytes);
                return Ok((Self::shared(&text, Some(algorithm))?, text));
            }
        };
        let text = pem(&der);
        Ok((Self::read(&text, Some(algorithm))?, text))
    }

    /// The key in `text`: PEM, or a shared secret as it is, without its line end. Without an `algorithm`, the usual one.
    ///
    /// # Errors
    /// When it cannot sign, or not so.
    pub fn read(text: &str, algorithm: Option<Algorithm>) -> Result<Self, SigningFault> {
        if !text.contains("-----BEGIN ") {
            return Self::shared(text.trim_end_matches(['\r', '\n']), algorithm);
        }
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            match section.map_err(|_| SigningFault::NotAKey)? {
                (SectionKind::PrivateKey, der) => return Self::pkcs8(&der, text, algorithm),
                (SectionKind::RsaPrivateKey, der) => {
                    let pair = RsaKeyPair::from_der(&der).map_err(|_| SigningFault::NotAKey)?;
                    return Self::rsa(&pair, text, algorithm);
                }
                _ => {}
            }
        }
        Err(SigningFault::NotAKey)
    }

    fn pkcs8(der: &[u8], text: &str, algorithm: Option<Algorithm>) -> Result<Self, SigningFault> {
        for (family, signing, name) in [
            (Family::P256, &ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            (Family::P384, &ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing, der) {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let public =
                    json!({"kty": "EC", "crv": name, "x": base64url::encode(x), "y": base64url::encode(y)});
                return Self::new(
                    EncodingKey::from_ec_der(der),
                    Key::ec(family, x, y)?,
                    Some(public),
                    algorithm,
                );
            }
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            let x = pair.public_key().as_ref();
            let public = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x)});
            return Self::new(EncodingKey::from_ed_der(der), Key::ed25519(x)?, Some(public), algorithm);
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| SigningFault::NotAKey)?;
        Self::rsa(&pair, text, algorithm)
    }

    fn rsa(pair: &RsaKeyPair, text: &str, algorithm: Option<Algorithm>) -> Result<Self, SigningFault> {
        let RsaPublicKeyComponents { n: modulus, e: exponent } =
            RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let key = EncodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| SigningFault::NotAKey)?;
        let jwk = json!({"kty": "RSA", "n": base64url::encode(&modulus), "e": base64url::encode(&exponent)});
        Self::new(key, Key::rsa(&modulus, &exponent)?, Some(jwk), algorithm)
    }

    /// A shared secret.
    ///
    /// # Errors
    /// When it is too short.
    pub fn shared(secret: &str, algorithm: Option<Algorithm>) -> Result<Self, SigningFault> {
        let key = Key::shared(secret.as_bytes())?;
        Self::new(EncodingKey::from_secret(secret.as_bytes()), key, None, algorithm)
    }

    fn new(
        key: EncodingKey,
        verifying: Key,
        public: Option<Value>,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, SigningFault> {
        let fitting = verifying.algorithms();
        let usual = Algorithm::ALL.iter().copied().find(|one| fitting.contains(*one));
        let algorithm = algorithm.or(usual).ok_or(SigningFault::NotAKey)?;
        if !fitting.contains(algorithm) {
            return Err(SigningFault::Unfit(algorithm.name()));
        }
        let public = public.and_then(|public| match public {
            Value::Object(members) => Some(members),
            _ => None,
        });
        Ok(Self { key, algorithm, verifying, public })
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name that its tokens and its published key go by: the thumbprint (RFC 7638).
    pub fn id(&self) -> String {
        base64url::encode(self.verifying.thumbprint())
    }

    /// The key as it may be published (RFC 7517). None of a shared secret.
    pub fn public_jwk(&self) -> Option<Value> {
        let mut jwk = self.public.clone()?;
        jwk.insert("use".into(), "sig".into());
        jwk.insert("alg".into(), self.algorithm.name().into());
        jwk.insert("kid".into(), self.id().into());
        Some(jwk.into())
    }

    /// The key that verifies what this one signs.
    pub fn into_verifying(self) -> Key {
        let id = self.public.is_some().then(|| self.id());
        self.verifying.named(id.as_deref())
    }

    /// A token of these claims, with this `typ`.
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign(&self, kind: &str, claims: &Map<String, Value>) -> Result<String, SigningFault> {
        let mut header = json!({"typ": kind, "alg": self.algorithm.name()});
        if self.public.is_some() {
            header["kid"] = self.id().into();
        }
        self.sign_parts(&header.to_string(), &Value::Object(claims.clone()).to_string())
    }

    /// A token of this header and these claims, whatever they say.
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign_parts(&self, header: &str, claims: &str) -> Result<String, SigningFault> {
        let message =
            format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm.library())
            .map_err(|_| SigningFault::Failed)?;
        Ok(format!("{message}.{signature}"))
    }
}

fn ec_document(
    algorithm: &'static EcdsaSigningAlgorithm,
    random: &SystemRandom,
) -> Result<Vec<u8>, SigningFault> {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, random).map_err(|_| SigningFault::Failed)?;
    Ok(document.as_ref().to_vec())
}

/// A private key as PEM (RFC 7468 10).
fn pem(der: &[u8]) -> String {
    let mut digits = Vec::with_capacity(base64::encoded_len(der.len()));
    base64::encode(der, &mut digits);
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in digits.chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::auth::jwt::algorithm::AlgorithmSet;
    use crate::policy::auth::jwt::keys::KeySet;
    use crate::policy::auth::jwt::token::Compact;

    #[test]
    fn signs_what_its_own_key_verifies_with_every_algorithm() {
        for &algorithm in Algorithm::ALL {
            let (key, text) = SigningKey::generate(algorithm).unwrap();
            assert_eq!(SigningKey::read(&text, Some(algorithm)).unwrap().id(), key.id());
            let token = key.sign("at+jwt", &Map::new()).unwrap();
            let compact = Compact::split(token.as_bytes()).unwrap();
            let header = compact.header().unwrap();
            let keys = KeySet::new(vec![key.into_verifying()]);
            let all = AlgorithmSet::of(Algorithm::ALL);
            assert!(keys.verify(&compact, &header, all).is_ok(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_published_key_has_no_private_part() {
        let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
        let jwk = key.public_jwk().unwrap();
        let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["kty", "crv", "x", "y", "use", "alg", "kid"]);
        let (secret, _) = SigningKey::generate(Algorithm::Hs256).unwrap();
        assert_eq!(secret.public_jwk(), None);
    }

    #[test]
    fn a_key_signs_with_its_own_algorithms_alone() {
        let (_, text) = SigningKey::generate(Algorithm::Es256).unwrap();
        let fault = SigningKey::read(&text, Some(Algorithm::Rs256)).err();
        assert_eq!(fault, Some(SigningFault::Unfit("RS256")));
        assert_eq!(SigningKey::read(&text, None).unwrap().algorithm(), Algorithm::Es256);
        assert!(
            SigningKey::read("short", None).is_err() && SigningKey::read("-----BEGIN X-----", None).is_err()
        );
    }
}
