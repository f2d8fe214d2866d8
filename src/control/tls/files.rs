//! Reading certificates, keys and lists from PEM files, with errors that say which file and what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider;

/// Largest file of certificates: some hundreds of authorities.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Something that keeps a listener or a cluster from speaking TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    /// Short and stable: `bad-certificate`.
    pub code: &'static str,
    /// Path below `tls`: `certificates[0].key`.
    pub at: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl TlsError {
    /// An error of the value at `at`.
    pub fn new(code: &'static str, at: &str, reason: String, hint: &'static str) -> Self {
        Self { code, at: at.to_owned(), reason, hint }
    }
}

/// Reads the files that a configuration in `base` names.
pub(super) struct Files<'a> {
    /// The folder of the configuration.
    pub base: &'a Path,
}

impl Files<'_> {
    /// The bytes of a file.
    pub(super) fn bytes(&self, at: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
        let whole: PathBuf = self.base.join(path);
        let failed = |why: String| {
            let reason = format!("file `{}` cannot be read: {why}", whole.display());
            TlsError::new("no-file", at, reason, "a relative path begins at the folder of the configuration")
        };
        // Before it is opened: opening a named pipe would wait for its writer.
        let meta = std::fs::metadata(&whole).map_err(|error| failed(error.to_string()))?;
        if !meta.is_file() {
            return Err(failed("it is not a file".to_owned()));
        }
        if meta.len() > FILE_BYTES_MAX {
            return Err(failed(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        std::fs::read(&whole).map_err(|error| failed(error.to_string()))
    }

    /// The certificates of a file, at least one.
    pub(super) fn certificates(
        &self,
        at: &str,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let bytes = self.bytes(at, path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let hint = "it has to hold certificates in PEM: `-----BEGIN CERTIFICATE-----`";
        match read {
            Ok(list) if !list.is_empty() => Ok(list),
            Ok(_) => {
                let reason = format!("`{}` holds no certificate", path.display());
                Err(TlsError::new("bad-certificate", at, reason, hint))
            }
            Err(error) => {
                let reason = format!("`{}` is not PEM: {error}", path.display());
                Err(TlsError::new("bad-certificate", at, reason, hint))
            }
        }
    }

    /// The lists of what authorities have revoked.
    pub(super) fn revocation_lists(
        &self,
        at: &str,
        path: &Path,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let bytes = self.bytes(at, path)?;
        let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
        read.ok().filter(|lists| !lists.is_empty()).ok_or_else(|| {
            let reason = format!("`{}` holds no list of revoked certificates", path.display());
            TlsError::new("bad-crl", at, reason, "it has to hold `-----BEGIN X509 CRL-----`")
        })
    }

    /// The authorities of a file.
    pub(super) fn authorities(&self, at: &str, path: &Path) -> Result<Arc<RootCertStore>, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(at, path)? {
            roots.add(certificate).map_err(|error| {
                let reason = format!("`{}` holds a certificate that cannot be read: {error}", path.display());
                TlsError::new("bad-certificate", at, reason, "")
            })?;
        }
        Ok(Arc::new(roots))
    }

    /// A certificate with its key. `at` is the path of the pair.
    pub(super) fn pair(&self, at: &str, cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
        let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let chain = self.certificates(&below("cert"), cert)?;
        let private = self.key(&below("key"), key)?;
        CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let reason = format!("the key in `{}` is not that of `{}`", key.display(), cert.display());
                let hint = "the certificate comes first in its file, the chain after it";
                TlsError::new("key-mismatch", &below("key"), reason, hint)
            }
            error => {
                let reason = format!("`{}` with `{}` cannot be used: {error}", cert.display(), key.display());
                TlsError::new("bad-certificate", &below("cert"), reason, "")
            }
        })
    }

    fn key(&self, at: &str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
        let bytes = self.bytes(at, path)?;
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let reason = format!("`{}` holds no private key that can be read", path.display());
            let hint = "it has to be in PEM and without a passphrase: `-----BEGIN PRIVATE KEY-----`";
            TlsError::new("bad-key", at, reason, hint)
        })
    }
}
