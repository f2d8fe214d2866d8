//! The certificate that all gateways show: ECDSA with P-256, signed by itself, made anew in every run.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

/// The name in it, which clients ask for.
pub const NAME: &str = "api.example.test";
/// The certificate's file.
pub const CERTIFICATE: &str = "site.pem";
/// The key's file.
pub const KEY: &str = "site.key";
/// Both in one file, as HAProxy wants them.
pub const BOTH: &str = "site.both";

/// Writes all three files.
pub fn issue(dir: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
    std::fs::write(dir.join(CERTIFICATE), certificate.pem())?;
    std::fs::write(dir.join(KEY), key.serialize_pem())?;
    std::fs::write(dir.join(BOTH), certificate.pem() + &key.serialize_pem())?;
    Ok(())
}
