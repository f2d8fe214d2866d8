//! Public keys in PEM: `PUBLIC KEY` (RFC 7468 13), or the key of a `CERTIFICATE`.
//!
//! Owns reading them. What a certificate says besides its key (names, times, issuer) counts for nothing here. A private
//! key is refused: it has no business where signatures are only verified.

use rustls::pki_types::pem::{PemObject, SectionKind};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::algorithm::Family;
use super::keys::{Key, KeyFault};

/// Why there are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// Nothing between `-----BEGIN PUBLIC KEY-----` and its end.
    #[error("there is no `PUBLIC KEY` and no `CERTIFICATE` in it")]
    Empty,
    /// A private key.
    #[error("it has a private key; the public one verifies: openssl pkey -in FILE -pubout")]
    Private,
    /// DER that is not what its label says, or of an unknown kind.
    #[error("it has a key that is neither RSA, P-256, P-384 nor Ed25519")]
    Unknown,
    /// A key that must not be used.
    #[error("it has {0}")]
    Key(#[from] KeyFault),
}

/// Every key of `text`.
///
/// # Errors
/// When there is none, or one that cannot be used.
pub fn read(text: &[u8]) -> Result<Vec<Key>, PemFault> {
    let mut keys = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        match section.map_err(|_| PemFault::Unknown)? {
            (SectionKind::PublicKey, der) => {
                let (rest, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| PemFault::Unknown)?;
                if !rest.is_empty() {
                    return Err(PemFault::Unknown);
                }
                keys.push(key(&info)?);
            }
            (SectionKind::Certificate, der) => {
                let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| PemFault::Unknown)?;
                keys.push(key(certificate.public_key())?);
            }
            (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _) => {
                return Err(PemFault::Private);
            }
            _ => {}
        }
    }
    if keys.is_empty() { Err(PemFault::Empty) } else { Ok(keys) }
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> Result<Key, PemFault> {
    let kind = &info.algorithm.algorithm;
    let point = &info.subject_public_key.data;
    if *kind == OID_SIG_ED25519 {
        return Ok(Key::ed25519(point)?);
    }
    if *kind == OID_PKCS1_RSAENCRYPTION {
        return match info.parsed() {
            Ok(PublicKey::RSA(rsa)) => Ok(Key::rsa(rsa.modulus, rsa.exponent)?),
            _ => Err(PemFault::Unknown),
        };
    }
    if *kind != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return Err(PemFault::Unknown);
    }
    let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    let family = match curve {
        Some(curve) if curve == OID_EC_P256 => Family::P256,
        Some(curve) if curve == OID_NIST_EC_P384 => Family::P384,
        _ => return Err(PemFault::Unknown),
    };
    // SEC 1 2.3.3: only uncompressed points are used in certificates and keys of today.
    match point.split_first() {
        Some((4, both)) if both.len().is_multiple_of(2) => {
            let (x, y) = both.split_at(both.len() / 2);
            Ok(Key::ec(family, x, y)?)
        }
        _ => Err(PemFault::Key(KeyFault::Point)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::auth::jwt::algorithm::Algorithm;

    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> rcgen::KeyPair {
        rcgen::KeyPair::generate_for(algorithm).unwrap()
    }

    #[test]
    fn reads_a_public_key_of_each_kind() {
        for (made, algorithm) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::Es256),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::Es384),
            (&rcgen::PKCS_ED25519, Algorithm::EdDsa),
        ] {
            let pair = pair(made);
            let keys = read(pair.public_key_pem().as_bytes()).unwrap();
            assert!(keys.len() == 1 && keys[0].algorithms().contains(algorithm), "{algorithm:?}");
            assert_eq!(read(pair.serialize_pem().as_bytes()).unwrap_err(), PemFault::Private);
        }
    }

    #[test]
    fn reads_the_key_of_a_certificate() {
        let pair = pair(&rcgen::PKCS_ED25519);
        let names = vec!["a.example".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&pair).unwrap();
        let of_certificate = read(certificate.pem().as_bytes()).unwrap();
        let of_key = read(pair.public_key_pem().as_bytes()).unwrap();
        assert_eq!(of_certificate[0].thumbprint(), of_key[0].thumbprint());
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(read(b"").unwrap_err(), PemFault::Empty);
        assert_eq!(read(b"secret").unwrap_err(), PemFault::Empty);
        let other = pair(&rcgen::PKCS_ECDSA_P521_SHA512).public_key_pem();
        assert_eq!(read(other.as_bytes()).unwrap_err(), PemFault::Unknown);
    }
}
