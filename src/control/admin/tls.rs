//! TLS of the operator's listener, and who the client's certificate says it is.
//!
//! The same machinery as on any listener; here rustls runs over tokio. A client need not show a certificate, because a
//! token may do as well; one that it shows has to be valid.

use std::net::SocketAddr;
use std::path::Path;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::units::Span;
use crate::control::config::AdminConfig;
use crate::control::config::tls::{ClientCertificateMode, ClientCertificatesConfig, ListenerTlsConfig};
use crate::control::tls::{TlsError, server_config};
use crate::shared::{Frozen, Published};

/// What is spoken inside.
pub const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// Handshakes take a few round trips; who takes longer holds one of few connections.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;

/// The listener's TLS as any listener would have it. None without `tls`.
pub fn listener_config(admin: &AdminConfig) -> Option<ListenerTlsConfig> {
    let tls = admin.tls.as_ref()?;
    let clients = admin.client_certificates.as_ref().map(|clients| ClientCertificatesConfig {
        ca: clients.ca.clone(),
        mode: ClientCertificateMode::Optional,
        crl: clients.crl.clone(),
    });
    Some(ListenerTlsConfig {
        certificates: tls.certificates.clone(),
        min_version: tls.min_version,
        handshake_timeout: Span::from_secs(HANDSHAKE_SECONDS_MAX),
        handshakes: 1,
        client_certificates: clients,
    })
}

/// What the listener speaks, from its files. Places of errors begin below `admin`. None without `tls`.
pub fn admin_tls(admin: &AdminConfig, base: &Path) -> Option<Result<ServerConfig, Vec<TlsError>>> {
    let config = listener_config(admin)?;
    let read = server_config(&config, &PROTOCOLS.map(<[u8]>::to_vec), base, None);
    Some(read.map(|(server, _)| server).map_err(|mut errors| {
        for error in &mut errors {
            if !error.at.starts_with("client_certificates") {
                error.at = format!("tls.{}", error.at).trim_end_matches('.').to_owned();
            }
        }
        errors
    }))
}

/// What the listener at `addr` starts with: TLS to serve it by, if it is to speak it.
///
/// # Errors
/// A sentence, when files cannot be used, or when whoever reaches the address could change the gateway.
pub fn opened(
    admin: &AdminConfig,
    base: &Path,
    is_open: bool,
    addr: SocketAddr,
) -> Result<Option<Published<ServerConfig>>, String> {
    // The configuration was checked, but a service manager may have passed another address.
    if is_open && !addr.ip().to_canonical().is_loopback() {
        return Err(format!(
            "admin: {addr} is open to a network; set `admin.token`, or listen on the loopback"
        ));
    }
    match admin_tls(admin, base) {
        None => Ok(None),
        Some(Ok(server)) => Ok(Some(Published::new(Frozen::new(server)))),
        Some(Err(errors)) => Err(errors.iter().map(|it| format!("admin.{}: {}", it.at, it.reason)).collect()),
    }
}

/// Who a client has proved to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Distinguished name, as text.
    pub subject: String,
    /// Alternative names: hosts, addresses, URIs, mail addresses.
    pub names: Vec<String>,
}

impl Identity {
    /// Reads a certificate that has been verified.
    pub fn read(der: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Self::default() };
        let extension = certificate.subject_alternative_name().ok().flatten();
        let names = extension.map(|it| it.value.general_names.iter().filter_map(name).collect());
        Self { subject: certificate.subject().to_string(), names: names.unwrap_or_default() }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        GeneralName::RFC822Name(mail) => Some((*mail).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|it| std::net::Ipv4Addr::from(it).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|it| std::net::Ipv6Addr::from(it).to_string()),
        },
        _ => None,
    }
}
