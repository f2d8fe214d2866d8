//! Signature algorithms (RFC 7518 3.1, RFC 8037 3.1) and sets of them.
//!
//! Owns their names and which keys they go with. `none` is not among them and cannot be written; names are compared
//! as they are, because RFC 7515 4.1.1 makes them case-sensitive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident $text:literal $library:ident $family:ident;)*) => {
        /// How a token is signed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[repr(u8)]
        pub enum Algorithm { $($(#[$doc])* #[serde(rename = $text)] $name),* }

        impl Algorithm {
            /// Every algorithm.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As it stands in a token's header.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Which kind of key it goes with.
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family),* }
            }

            /// As the library that verifies has it.
            pub(crate) const fn library(self) -> jsonwebtoken::Algorithm {
                match self { $(Self::$name => jsonwebtoken::Algorithm::$library),* }
            }
        }
    };
}

algorithms! {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 "RS256" RS256 Rsa;
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384 "RS384" RS384 Rsa;
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512 "RS512" RS512 Rsa;
    /// RSASSA-PSS with SHA-256.
    Ps256 "PS256" PS256 Rsa;
    /// RSASSA-PSS with SHA-384.
    Ps384 "PS384" PS384 Rsa;
    /// RSASSA-PSS with SHA-512.
    Ps512 "PS512" PS512 Rsa;
    /// ECDSA on P-256 with SHA-256.
    Es256 "ES256" ES256 P256;
    /// ECDSA on P-384 with SHA-384.
    Es384 "ES384" ES384 P384;
    /// Ed25519.
    EdDsa "EdDSA" EdDSA Ed25519;
    /// HMAC with SHA-256: a shared secret of at least 32 bytes.
    Hs256 "HS256" HS256 Shared;
    /// HMAC with SHA-384: a shared secret of at least 48 bytes.
    Hs384 "HS384" HS384 Shared;
    /// HMAC with SHA-512: a shared secret of at least 64 bytes.
    Hs512 "HS512" HS512 Shared;
}

/// A kind of key. ECDSA's curves are kinds of their own: an algorithm is for one curve (RFC 7518 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// RSA.
    Rsa,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// The curve Ed25519.
    Ed25519,
    /// A shared secret.
    Shared,
}

impl Algorithm {
    /// The algorithm of this name. RFC 9864 names Ed25519 by itself; `EdDSA` with such a key is the same.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Shortest shared secret, in bytes: as long as the hash (RFC 7518 3.2). None for other keys.
    pub const fn secret_bytes_min(self) -> Option<usize> {
        match self {
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            Self::Hs512 => Some(64),
            _ => None,
        }
    }

    /// Length of its signatures, in bytes. None where that is the length of the key.
    pub const fn signature_bytes(self) -> Option<usize> {
        match self {
            Self::Es256 | Self::EdDsa | Self::Hs512 => Some(64),
            Self::Es384 => Some(96),
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            _ => None,
        }
    }
}

/// A set of algorithms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// These.
    pub fn of(algorithms: &[Algorithm]) -> Self {
        Self(algorithms.iter().fold(0, |set, algorithm| set | 1 << *algorithm as u16))
    }

    /// All of them.
    pub const fn all() -> Self {
        Self((1 << Algorithm::ALL.len()) - 1)
    }

    /// All that go with keys of this kind.
    pub fn of_family(family: Family) -> Self {
        let fitting: Vec<_> =
            Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.family() == family).collect();
        Self::of(&fitting)
    }

    /// Whether it has this one.
    #[inline]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u16 != 0
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are_and_none_is_no_algorithm() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
        for wrong in ["none", "None", "NONE", "", "rs256", "HS256 ", "ES512", "ES256K", "RSA-OAEP", "dir"] {
            assert_eq!(Algorithm::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_set_has_what_goes_with_a_key_and_nothing_else() {
        let rsa = AlgorithmSet::of_family(Family::Rsa);
        assert!(rsa.contains(Algorithm::Rs256) && rsa.contains(Algorithm::Ps512));
        assert!(!rsa.contains(Algorithm::Hs256) && !rsa.contains(Algorithm::Es256));
        assert!(rsa.and(AlgorithmSet::of_family(Family::Shared)).is_empty());
        assert_eq!(AlgorithmSet::of_family(Family::P384), AlgorithmSet::of(&[Algorithm::Es384]));
    }
}
