//! The written form of the operator's listener: who may ask it, and where what they change is written down.
//!
//! Shapes and defaults only. Files are relative to the folder of the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::{CertificateConfig, TlsVersion};
use crate::config::secret::SecretSource;
use crate::config::units::SocketAddress;

/// The operator's listener: metrics, health, the admin API and its page.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// `address:port`. Elsewhere than on the loopback it has to ask for a token or a certificate.
    pub address: SocketAddress,
    /// Asked for as `Authorization: Bearer ...` on everything but /healthz and /readyz; may read and change. Its
    /// author in the audit log is `admin`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretSource>,
    /// Further tokens, each with a name and a role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<AdminTokenConfig>,
    /// TLS on this listener. Default: none, plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<AdminTlsConfig>,
    /// Certificates instead of tokens; needs `tls`. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<AdminClientsConfig>,
    /// File that every change is appended to, each line bound to the one before by its hash. Default: the state
    /// folder's `audit.log`, or where there is none the last thousand in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<PathBuf>,
}

/// The author that the token without a name stands for.
pub const UNNAMED: &str = "admin";

/// What somebody may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at everything.
    #[default]
    Read,
    /// Look at everything and change it.
    Write,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTokenConfig {
    /// Who has it: the author in history and audit log; unique.
    pub name: String,
    /// Where its value is.
    pub token: SecretSource,
    /// What it is good for.
    #[serde(default)]
    pub role: Role,
}

/// TLS on the operator's listener.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTlsConfig {
    /// Certificates, as on any listener.
    #[schemars(length(min = 1))]
    pub certificates: Vec<CertificateConfig>,
    /// Oldest version that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// Which certificates of clients are believed, and what their holders may do.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminClientsConfig {
    /// File of the authorities that may have issued them, in PEM.
    pub ca: PathBuf,
    /// File of the authorities' lists of what they have revoked, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<PathBuf>,
    /// Who may do what; the first that fits counts. A certificate that none of them fits is as good as none.
    #[schemars(length(min = 1))]
    pub roles: Vec<CertificateRoleConfig>,
}

/// What the holder of a certificate may do. Exactly one of `subject` and `san`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateRoleConfig {
    /// The whole distinguished name, as in `CN=deploy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One of its alternative names: a host, an address, a URI or a mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub san: Option<String>,
    /// What they may do.
    #[serde(default)]
    pub role: Role,
}

impl AdminConfig {
    /// Whether nobody has to prove who they are.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.tokens.is_empty() && self.client_certificates.is_none()
    }

    /// Every token with its path, the one without a name first.
    pub fn secrets(&self) -> impl Iterator<Item = (String, &SecretSource)> {
        let first = self.token.iter().map(|token| ("admin.token".to_owned(), token));
        let others = self.tokens.iter().enumerate();
        first.chain(others.map(|(at, entry)| (format!("admin.tokens[{at}].token"), &entry.token)))
    }
}
