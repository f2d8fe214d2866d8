//! From a listener's written form to a server's configuration, and what is in its certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::files::{Files, TlsError};
use super::names::ByName;
use super::provider;
use crate::control::config::ListenerConfig;
use crate::control::config::tls::{
    CertificateConfig, ClientCertificateMode, ClientCertificatesConfig, ListenerTlsConfig, TlsVersion,
};
use crate::net::tls::certificate::Description;
use crate::net::tls::plan::ListenerTls;
use crate::shared::{Frozen, Published};

/// A certificate in use, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEntry {
    /// Which listener.
    pub listener: String,
    /// Its place, from 0.
    pub index: String,
    /// Its first name.
    pub name: String,
    /// Seconds since 1970 after which it is not valid any more.
    pub not_after: i64,
}

/// All certificates in use.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// In the order written.
    pub certificates: Vec<CertificateEntry>,
    /// Times that changed files were taken up.
    pub reloads: u64,
    /// Times that they could not be.
    pub reload_failures: u64,
}

/// What a listener offers to speak (ALPN), the best first.
pub fn protocols(listener: &ListenerConfig) -> Vec<Vec<u8>> {
    match listener.tcp {
        None if listener.http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        _ => vec![b"http/1.1".to_vec()],
    }
}

/// A server's configuration, with what is in its certificates. `tickets` go on from those of the one before.
pub fn server_config(
    config: &ListenerTlsConfig,
    protocols: &[Vec<u8>],
    base: &Path,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Result<(ServerConfig, Vec<Description>), Vec<TlsError>> {
    let files = Files { base };
    let mut errors = Vec::new();
    let mut certificates = Vec::new();
    let mut descriptions = Vec::new();
    for (index, written) in config.certificates.iter().enumerate() {
        match certificate(&files, &format!("certificates[{index}]"), written) {
            Ok((entry, description)) => {
                certificates.push(entry);
                descriptions.push(description);
            }
            Err(error) => errors.push(error),
        }
    }
    let clients = config.client_certificates.as_ref().map(|clients| verifier(&files, clients));
    let clients = match clients {
        Some(Err(error)) => {
            errors.push(error);
            None
        }
        Some(Ok(clients)) => Some(clients),
        None => None,
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let versions: &[&SupportedProtocolVersion] = match config.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let unusable = |error: rustls::Error| vec![TlsError::new("bad-tls", "", error.to_string(), "")];
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).map_err(unusable)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(Arc::new(ByName::new(certificates)));
    server.alpn_protocols = protocols.to_vec();
    // The strongest suite that both speak, in whichever order the client would like them.
    server.ignore_client_order = true;
    // Tickets alone: they are good on whichever worker the client comes back to.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.ticketer = match tickets {
        Some(tickets) => tickets,
        None => Ticketer::new().map_err(unusable)?,
    };
    Ok((server, descriptions))
}

type Named = (Vec<String>, rustls::sign::CertifiedKey);

fn certificate(
    files: &Files<'_>,
    at: &str,
    written: &CertificateConfig,
) -> Result<(Named, Description), TlsError> {
    let mut pair = files.pair(at, &written.cert, &written.key)?;
    if let Some(path) = &written.ocsp {
        pair.ocsp = Some(files.bytes(&format!("{at}.ocsp"), path)?);
    }
    let description = pair.cert.first().and_then(|der| Description::read(der)).ok_or_else(|| {
        let reason = format!("`{}` holds a certificate that cannot be read", written.cert.display());
        TlsError::new("bad-certificate", &format!("{at}.cert"), reason, "")
    })?;
    let names: Vec<String> = match written.names.is_empty() {
        true => description.names.clone(),
        false => written.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
    };
    Ok(((names, pair), description))
}

fn verifier(
    files: &Files<'_>,
    config: &ClientCertificatesConfig,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = files.authorities("client_certificates.ca", &config.ca)?;
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    if let Some(path) = &config.crl {
        let lists = files.revocation_lists("client_certificates.crl", path)?;
        builder = builder.with_crls(lists).only_check_end_entity_revocation();
    }
    if config.mode == ClientCertificateMode::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| {
        let reason = format!("clients cannot be verified with this: {error}");
        TlsError::new("bad-certificate", "client_certificates", reason, "")
    })
}

/// What a listener's workers run, as of now. `tickets` go on from those of the one before.
pub fn listener_tls(
    config: &ListenerTlsConfig,
    protocols: &[Vec<u8>],
    base: &Path,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Result<ListenerTls, Vec<TlsError>> {
    let (server, _) = server_config(config, protocols, base, tickets)?;
    Ok(ListenerTls {
        config: Published::new(Frozen::new(server)),
        handshake_timeout: config.handshake_timeout.duration(),
        handshakes_max: config.handshakes,
    })
}
