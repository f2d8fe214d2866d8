//! Keys that signatures are verified with, and sets of them.
//!
//! Owns which key a token is tried with: its `kid` is compared, its `alg` must be one of the issuer's and one of the
//! key's (RFC 8725 3.1), and a public key is never a shared secret. Where keys come from is not known here.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

use super::algorithm::{Algorithm, AlgorithmSet, Family};
use super::base64url;
use super::reason::Reason;
use super::rsa;
use super::token::{Compact, Header};

/// Most keys a token without `kid` is tried with: each costs a signature.
const KEYS_TRIED_MAX: usize = 4;

/// SHA-256 of a key's required members (RFC 7638), which names it whatever it is called.
pub type Thumbprint = [u8; 32];

/// Why a key is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// RSA outside of the bounds.
    #[error("an RSA key of {bits} bits; 2048 to 8192 are taken")]
    RsaSize {
        /// Its length.
        bits: usize,
    },
    /// An exponent that proves nothing.
    #[error("an RSA key with an even modulus, or an exponent that is even, 1 or too long")]
    RsaExponent,
    /// Made by a generator that is known to be broken.
    #[error("an RSA key of a broken generator (CVE-2017-15361): its private key can be computed")]
    Roca,
    /// Not a point of its curve.
    #[error("not a public key of its curve")]
    Point,
    /// Shorter than its hash.
    #[error("a shared secret of {bytes} bytes; HS256 needs 32, HS384 48, HS512 64")]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
    /// Text that is not what it should be.
    #[error("a member is missing or malformed")]
    Malformed,
    /// It came with its private part.
    #[error("a private key, which is no longer private where it is published")]
    Private,
    /// Another one has its `kid`.
    #[error("two keys of one kind with the same `kid`")]
    Repeated,
}

/// A key.
#[derive(Debug)]
pub struct Key {
    id: Option<Box<str>>,
    thumbprint: Thumbprint,
    family: Family,
    algorithms: AlgorithmSet,
    material: DecodingKey,
    /// Length of its signatures, where the algorithm does not tell.
    modulus_bytes: usize,
}

impl Key {
    /// An RSA key from its numbers, big end first.
    ///
    /// # Errors
    /// When it must not be used.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        rsa::check(modulus, exponent)?;
        let json = format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            base64url::encode(exponent),
            base64url::encode(modulus)
        );
        let material = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Ok(Self { modulus_bytes: modulus.len(), ..Self::new(Family::Rsa, material, &json) })
    }

    /// A key of the curve P-256 or P-384 from its coordinates.
    ///
    /// # Errors
    /// When that is not a point of the curve.
    pub fn ec(family: Family, x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        let (name, bytes, check): (_, _, &'static dyn VerificationAlgorithm) = match family {
            Family::P256 => ("P-256", 32, &ECDSA_P256_SHA256_FIXED),
            Family::P384 => ("P-384", 48, &ECDSA_P384_SHA384_FIXED),
            _ => return Err(KeyFault::Malformed),
        };
        // RFC 7518 6.2.1.2: coordinates have the full length.
        if x.len() != bytes || y.len() != bytes {
            return Err(KeyFault::Point);
        }
        let point = [&[4], x, y].concat();
        UnparsedPublicKey::new(check, &point).parse().map_err(|_| KeyFault::Point)?;
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        let json = format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Ok(Self::new(family, DecodingKey::from_ec_der(&point), &json))
    }

    /// A key of the curve Ed25519.
    ///
    /// # Errors
    /// When it is not one.
    pub fn ed25519(x: &[u8]) -> Result<Self, KeyFault> {
        if x.len() != 32 {
            return Err(KeyFault::Point);
        }
        UnparsedPublicKey::new(&ED25519, x).parse().map_err(|_| KeyFault::Point)?;
        let json = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x));
        Ok(Self::new(Family::Ed25519, DecodingKey::from_ed_der(x), &json))
    }

    /// A shared secret. It goes with those algorithms only whose hash is not longer.
    ///
    /// # Errors
    /// When it is too short for any.
    pub fn shared(secret: &[u8]) -> Result<Self, KeyFault> {
        let fitting: Vec<_> = Algorithm::ALL
            .iter()
            .copied()
            .filter(|algorithm| algorithm.secret_bytes_min().is_some_and(|bytes| secret.len() >= bytes))
            .collect();
        if fitting.is_empty() {
            return Err(KeyFault::ShortSecret { bytes: secret.len() });
        }
        let json = format!(r#"{{"k":"{}","kty":"oct"}}"#, base64url::encode(secret));
        let key = Self::new(Family::Shared, DecodingKey::from_secret(secret), &json);
        Ok(key.only(AlgorithmSet::of(&fitting)))
    }

    fn new(family: Family, material: DecodingKey, json: &str) -> Self {
        Self {
            id: None,
            thumbprint: Sha256::digest(json).into(),
            family,
            algorithms: AlgorithmSet::of_family(family),
            material,
            modulus_bytes: 0,
        }
    }

    /// The same, by this name.
    #[must_use]
    pub fn named(self, id: Option<&str>) -> Self {
        Self { id: id.map(Into::into), ..self }
    }

    /// The same, for those of its algorithms alone that are in `algorithms`.
    #[must_use]
    pub fn only(self, algorithms: AlgorithmSet) -> Self {
        Self { algorithms: self.algorithms.and(algorithms), ..self }
    }

    /// Its `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What names it whatever it is called.
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Which kind of key it is.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// What it is for.
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    fn goes_by(&self, asked: Option<&str>) -> bool {
        match (self.id(), asked) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        }
    }

    /// Whether it has signed this. The library verifies in constant time where there is a secret (HMAC).
    fn has_signed(&self, algorithm: Algorithm, token: &Compact<'_>) -> bool {
        let bytes = algorithm.signature_bytes().unwrap_or(self.modulus_bytes);
        // A signature of another length is none, and costs nothing to turn away.
        self.algorithms.contains(algorithm)
            && token.signature.len() == (bytes * 4).div_ceil(3)
            && jsonwebtoken::crypto::verify(
                token.signature,
                token.message,
                &self.material,
                algorithm.library(),
            )
            .unwrap_or(false)
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[first..]
}

/// The keys of an issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    is_known: bool,
}

impl KeySet {
    /// Before the first set has come: nothing can be decided.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// These keys. An empty set is a set: it accepts nothing.
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys, is_known: true }
    }

    /// Whether there is a set at all.
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Every key.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Whether the key is still there, and still for this algorithm.
    pub fn still_has(&self, thumbprint: &Thumbprint, algorithm: Algorithm) -> bool {
        let is_it = |key: &Key| key.thumbprint == *thumbprint && key.algorithms.contains(algorithm);
        self.keys.iter().any(is_it)
    }

    /// The key that has signed `token`. `allowed` is what the issuer may sign with.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is no key of that name, which a newer set may have.
    pub fn verify(
        &self,
        token: &Compact<'_>,
        header: &Header,
        allowed: AlgorithmSet,
    ) -> Result<&Key, Reason> {
        let algorithm = header.algorithm;
        if !allowed.contains(algorithm) {
            return Err(Reason::Algorithm);
        }
        let mut named = self.keys.iter().filter(|key| key.goes_by(header.key_id.as_deref())).peekable();
        if named.peek().is_none() {
            return Err(Reason::Key);
        }
        let mut fitting =
            named.filter(|key| key.algorithms.contains(algorithm)).take(KEYS_TRIED_MAX).peekable();
        if fitting.peek().is_none() {
            return Err(Reason::Algorithm);
        }
        fitting.find(|key| key.has_signed(algorithm, token)).ok_or(Reason::Signature)
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
