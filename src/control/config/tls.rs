//! The written form of TLS on a listener.
//!
//! Shapes and defaults only. Files are relative to the folder of the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;

/// How a listener speaks TLS.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTlsConfig {
    /// Certificates, chosen by the name that a client asks for. The first is for clients that ask for none, or for one
    /// that is not here. Of several for one name the client gets the first kind that it can verify, ECDSA before RSA.
    #[schemars(length(min = 1))]
    pub certificates: Vec<CertificateConfig>,
    /// Oldest version that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// For a whole handshake; the connection is closed beyond.
    #[serde(default = "handshake_timeout")]
    pub handshake_timeout: Span,
    /// Handshakes under way at once, per worker; further connections are closed.
    #[serde(default = "handshakes")]
    pub handshakes: u32,
    /// Asks clients for certificates. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificatesConfig>,
}

fn handshake_timeout() -> Span {
    Span::from_secs(10)
}

fn handshakes() -> u32 {
    1_000
}

/// A certificate of a listener. Its files may be replaced while the gateway runs.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// File of the certificate and its chain, in PEM.
    pub cert: PathBuf,
    /// File of its private key, in PEM.
    pub key: PathBuf,
    /// Names it is for; `*.example.com` is every name one level below. Default: those in the certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// File of an OCSP response in DER, which goes to clients with the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<PathBuf>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Which certificates of clients are believed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificatesConfig {
    /// File of the authorities that may have issued them, in PEM.
    pub ca: PathBuf,
    /// Whether a client has to have one.
    #[serde(default)]
    pub mode: ClientCertificateMode,
    /// File of the authorities' lists of what they have revoked, in PEM: one of every authority that has issued a
    /// certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<PathBuf>,
}

/// Whether a client has to have a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificateMode {
    /// Without one the handshake fails.
    #[default]
    Required,
    /// It may have none; one that it shows must be valid.
    Optional,
}
