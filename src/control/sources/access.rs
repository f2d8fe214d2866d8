//! What a gateway proves itself with to the source of its configuration, and whom it believes.
//!
//! It cannot stand in the configuration, which is not there yet. Filled from variables of the environment, by way of
//! what `cli` has read of it.

use std::path::{Path, PathBuf};

use crate::config::secret::{Environment, Secret};
use crate::control::http_client::{Credential, HttpClient, HttpError, Url};
use crate::upstream::config::{ClusterTlsConfig, KeyPairConfig};

/// The token: of HTTP a bearer's, of Consul an ACL's, of etcd `user:password`.
pub const TOKEN_VARIABLE: &str = "RINGGATE_SOURCE_TOKEN";
/// File of the authorities that are trusted.
pub const CA_VARIABLE: &str = "RINGGATE_SOURCE_CA";
/// File of the gateway's certificate.
pub const CERT_VARIABLE: &str = "RINGGATE_SOURCE_CERT";
/// File of its key.
pub const KEY_VARIABLE: &str = "RINGGATE_SOURCE_KEY";

/// How a source elsewhere is spoken to.
#[derive(Debug, Clone, Default)]
pub struct SourceAccess {
    /// What is shown to the source.
    pub token: Option<Secret>,
    /// Whom to believe, and the certificate that is shown.
    pub tls: ClusterTlsConfig,
}

impl SourceAccess {
    /// From the variables that begin with `RINGGATE_SOURCE_`.
    ///
    /// # Errors
    /// When there is a certificate without key, or a key without certificate.
    pub fn from_environment(environment: &Environment) -> Result<Self, String> {
        let variable = |name| environment.variables.get(name).filter(|value| !value.is_empty());
        let file = |name| variable(name).map(PathBuf::from);
        let certificate = match (file(CERT_VARIABLE), file(KEY_VARIABLE)) {
            (Some(cert), Some(key)) => Some(KeyPairConfig { cert, key }),
            (None, None) => None,
            _ => return Err(format!("{CERT_VARIABLE} and {KEY_VARIABLE} are set together or not at all")),
        };
        let tls = ClusterTlsConfig { ca: file(CA_VARIABLE), certificate, ..ClusterTlsConfig::default() };
        let token = variable(TOKEN_VARIABLE).map(|token| Secret::new(token.trim_end()));
        Ok(Self { token, tls })
    }

    pub(super) fn client(
        &self,
        urls: &[Url],
        base: &Path,
        credential: Credential,
    ) -> Result<HttpClient, HttpError> {
        HttpClient::new(urls, &self.tls, base, credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_with_its_key_and_the_token_is_not_printed() {
        let environment = |set: &[(&str, &str)]| Environment {
            variables: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Environment::default()
        };
        let all =
            [(TOKEN_VARIABLE, "s3cr3t\n"), (CERT_VARIABLE, "c"), (KEY_VARIABLE, "k"), (CA_VARIABLE, "a")];
        let access = SourceAccess::from_environment(&environment(&all)).unwrap();
        assert_eq!(access.token.as_ref().unwrap().expose(), "s3cr3t");
        assert_eq!(access.tls.ca.as_deref(), Some(Path::new("a")));
        assert!(access.tls.certificate.is_some());
        assert!(!format!("{access:?}").contains("s3cr3t"));
        assert!(SourceAccess::from_environment(&environment(&all[..2])).is_err());
        assert!(SourceAccess::from_environment(&environment(&[])).unwrap().token.is_none());
    }
}
