//! TLS of the programs that ask a gateway: the command line, towards the admin listener.

use std::path::Path;

use rustls::{ClientConfig, RootCertStore};

use super::files::{Files, TlsError};
use super::provider;
use super::upstream::system_roots;

/// Whom such a program believes, and what it proves of itself. Paths are relative to `base`.
#[derive(Debug, Clone, Copy)]
pub struct ClientFiles<'a> {
    /// Relative paths begin here.
    pub base: &'a Path,
    /// The only authorities that are believed. Default: those of the system.
    pub ca: Option<&'a Path>,
    /// Certificate and key.
    pub pair: Option<(&'a Path, &'a Path)>,
}

/// A client's configuration from these files.
///
/// # Errors
/// When one cannot be read or used.
pub fn client_config(from: ClientFiles<'_>) -> Result<ClientConfig, TlsError> {
    let files = Files { base: from.base };
    let roots = match from.ca {
        Some(path) => files.authorities("ca", path)?,
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new("bad-tls", "", error.to_string(), ""))?
        .with_root_certificates(roots);
    match from.pair {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let pair = files.pair("", cert, key)?;
            let resolver = rustls::sign::SingleCertAndKey::from(pair);
            Ok(builder.with_client_cert_resolver(std::sync::Arc::new(resolver)))
        }
    }
}

/// A client that believes nobody, for connections without TLS.
///
/// # Errors
/// When the provider has no version of TLS in common with rustls, which it has.
pub fn no_server() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new("bad-tls", "", error.to_string(), ""))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
