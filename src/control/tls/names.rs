//! From the name that a client asks for to a certificate: exact, then wildcard, then the first.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

type Candidates = Vec<Arc<CertifiedKey>>;

/// The certificates of a listener by their names.
#[derive(Debug, Default)]
pub(super) struct ByName {
    exact: HashMap<String, Candidates>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Candidates>,
    /// For clients that ask for none of these.
    default: Candidates,
}

impl ByName {
    /// Certificates in the order written, each with its names.
    pub(super) fn new(certificates: Vec<(Vec<String>, CertifiedKey)>) -> Self {
        let mut all = Self::default();
        let first_names = certificates.first().map(|(names, _)| names.clone()).unwrap_or_default();
        for (at, (names, certificate)) in certificates.into_iter().enumerate() {
            let certificate = Arc::new(certificate);
            // The first, and what is for the same name with another kind of key.
            if at == 0 || names.iter().any(|name| first_names.contains(name)) {
                insert(&mut all.default, &certificate);
            }
            for name in names {
                let candidates = match name.strip_prefix("*.") {
                    Some(parent) => all.wildcard.entry(parent.to_owned()),
                    None => all.exact.entry(name),
                };
                insert(candidates.or_default(), &certificate);
            }
        }
        all
    }

    fn candidates(&self, name: Option<&str>) -> &Candidates {
        let find = |name: &str| {
            let name = name.to_ascii_lowercase();
            // RFC 6125 6.4.3: a wildcard stands for one label.
            let parent = name.split_once('.').map(|(_, parent)| parent);
            self.exact.get(&name).or_else(|| self.wildcard.get(parent?))
        };
        name.and_then(find).unwrap_or(&self.default)
    }
}

/// ECDSA and Ed25519 before RSA, whose signatures cost ten times as much; otherwise in the order written.
fn insert(candidates: &mut Candidates, certificate: &Arc<CertifiedKey>) {
    let is_rsa = |it: &CertifiedKey| it.key.algorithm() == SignatureAlgorithm::RSA;
    let place = if is_rsa(certificate) {
        candidates.len()
    } else {
        candidates.iter().position(|it| is_rsa(it)).unwrap_or(candidates.len())
    };
    candidates.insert(place, certificate.clone());
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let fits = |it: &&Arc<CertifiedKey>| it.key.choose_scheme(hello.signature_schemes()).is_some();
        candidates.iter().find(fits).or_else(|| candidates.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::PrivateKeyDer;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> CertifiedKey {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let cert = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        CertifiedKey::from_der(vec![cert.der().clone()], der, &crate::control::tls::provider()).unwrap()
    }

    fn by_name(lists: &[&[&str]]) -> ByName {
        let owned = |names: &&[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let made = lists.iter().map(|names| (owned(names), certificate(&rcgen::PKCS_ECDSA_P256_SHA256)));
        ByName::new(made.collect())
    }

    #[test]
    fn exact_goes_before_wildcard_and_the_first_takes_the_rest() {
        let all = by_name(&[&["a.test"], &["*.b.test"], &["x.b.test"]]);
        let chosen = |name: Option<&str>| all.candidates(name)[0].clone();
        let is = |name, other| Arc::ptr_eq(&chosen(name), &chosen(other));
        assert!(!is(Some("x.b.test"), Some("y.b.test")));
        assert!(is(Some("Y.B.test"), Some("z.b.test")));
        assert!(is(None, Some("a.test")));
        assert!(is(Some("x.y.b.test"), Some("a.test")), "a wildcard is for one level");
        assert!(is(Some("b.test"), None));
    }

    #[test]
    fn the_cheaper_key_goes_first_whatever_the_order() {
        let rsa_like = certificate(&rcgen::PKCS_RSA_SHA256);
        let ec = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let all = ByName::new(vec![(vec!["a".to_owned()], rsa_like), (vec!["a".to_owned()], ec)]);
        let kinds: Vec<_> = all.candidates(None).iter().map(|it| it.key.algorithm()).collect();
        assert_eq!(kinds, [SignatureAlgorithm::ECDSA, SignatureAlgorithm::RSA]);
    }
}
