//! From a cluster's written form to a client's configuration.
//!
//! Roots are the system's, as the distribution and the operator keep them, or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::files::{Files, TlsError};
use super::provider;
use crate::net::tls::plan::ClusterTls;
use crate::upstream::config::ClusterTlsConfig;

/// How a cluster's endpoints are spoken to.
pub fn cluster_tls(config: &ClusterTlsConfig, base: &Path) -> Result<ClusterTls, TlsError> {
    client_config(config, base).map(ClusterTls::new)
}

/// The same as rustls has it: for whatever of control's speaks TLS itself.
pub fn client_config(config: &ClusterTlsConfig, base: &Path) -> Result<ClientConfig, TlsError> {
    let files = Files { base };
    let unusable = |error: rustls::Error| TlsError::new("bad-tls", "", error.to_string(), "");
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = if config.verify {
        let roots = match &config.ca {
            Some(path) => files.authorities("ca", path)?,
            None => system_roots()?,
        };
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous { provider: provider() }))
    };
    Ok(match &config.certificate {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let pair = files.pair("certificate", &pair.cert, &pair.key)?;
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair)))
        }
    })
}

/// A client that believes nobody: for what speaks no TLS, but has to be given something.
pub fn no_server() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new("bad-tls", "", error.to_string(), ""))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn system_roots() -> Result<Arc<RootCertStore>, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A single one that cannot be read is no reason to do without the others.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = "the system has no trusted authorities".to_owned();
        let hint = "install ca-certificates, or write `ca:` with a file of your own";
        return Err(TlsError::new("no-roots", "", reason, hint));
    }
    Ok(Arc::new(roots))
}

/// What the certificate of an endpoint must be for.
pub fn endpoint_name(config: &ClusterTlsConfig, endpoint: &str) -> Result<ServerName<'static>, TlsError> {
    let (at, text) = match &config.name {
        Some(name) => ("name", name.as_str()),
        None if endpoint.starts_with("unix:") => {
            let reason = format!("`{endpoint}` has no name that a certificate could be for");
            return Err(TlsError::new("no-name", "", reason, "write `name:` under `tls:`"));
        }
        None => ("", endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host)),
    };
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let reason = format!("`{bare}` is not a name that a certificate could be for");
        TlsError::new("bad-name", at, reason, "write a host name or an address")
    })
}

/// A client that believes every certificate: to look at what a server shows.
pub fn any_server() -> Result<ClientConfig, rustls::Error> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?.dangerous();
    let credulous = Arc::new(Credulous { provider: provider() });
    Ok(builder.with_custom_certificate_verifier(credulous).with_no_client_auth())
}

/// Believes every certificate, as `verify: false` wants it. The handshake itself is still held to the key shown.
#[derive(Debug)]
struct Credulous {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_endpoints_unless_another_is_written() {
        let plain = ClusterTlsConfig::default();
        let name = |config: &ClusterTlsConfig, endpoint: &str| {
            endpoint_name(config, endpoint).map(|name| name.to_str().into_owned())
        };
        assert_eq!(name(&plain, "api.test:443").unwrap(), "api.test");
        assert_eq!(name(&plain, "[2001:db8::1]:443").unwrap(), "2001:db8::1");
        assert_eq!(name(&plain, "unix:/run/it").unwrap_err().code, "no-name");
        let named = ClusterTlsConfig { name: Some("other.test".to_owned()), ..plain };
        assert_eq!(name(&named, "192.0.2.1:443").unwrap(), "other.test");
    }
}
