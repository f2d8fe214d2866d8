//! Somebody who issues tokens: the program's own commands.

use std::path::{Path, PathBuf};

use super::ringgate;

/// An issuer of tokens, `https://id.test`.
pub struct Issuer(PathBuf);

impl Issuer {
    /// One whose keys are in `keys` of this folder: `jwks.json` is what a gateway needs.
    pub fn new(folder: &Path) -> Self {
        let keys = folder.join("keys");
        ringgate(&["token", "keys", "--out", &keys.display().to_string()]).succeeded();
        Self(keys.join("private.pem"))
    }

    /// The written form of the authenticator `tokens`, which believes this one, with `more` of its `jwt`.
    pub fn authenticator(&self, more: &str) -> String {
        let keys = self.0.with_file_name("jwks.json");
        format!(
            "authenticators: {{tokens: {{jwt: {{issuer: 'https://id.test', any_audience: true, keys: {{jwks_file: '{}'}}{more}}}}}}}",
            keys.display()
        )
    }

    /// A token of this subject, with claims as `NAME=VALUE`.
    #[track_caller]
    pub fn token(&self, subject: &str, claims: &[&str]) -> String {
        let key = self.0.display().to_string();
        let mut arguments =
            vec!["token", "sign", "--key", &key, "--issuer", "https://id.test", "--subject", subject];
        claims.iter().for_each(|claim| arguments.extend(["--claim", claim]));
        ringgate(&arguments).succeeded().trim().to_owned()
    }
}
