//! What a source gave, and what is kept of it to see whether it gives something else.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::BYTES_MAX;
use super::state::Ledger;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::secret::{Environment, SecretSource};
use crate::control::document::{Document, Looked};
use crate::control::http_client::HttpError;

/// A configuration as it came from its source.
#[derive(Debug, Clone)]
pub struct Fetched(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Read when it is loaded, because only that finds out what it includes.
    Local {
        path: PathBuf,
        ledger: Ledger,
    },
    Texts {
        described: String,
        files: Vec<(String, String)>,
        version: String,
    },
}

impl Fetched {
    pub(super) fn local(path: PathBuf, ledger: Ledger) -> Self {
        Self(Kind::Local { path, ledger })
    }

    pub(super) fn texts(described: &str, files: Vec<(String, String)>, version: String) -> Self {
        Self(Kind::Texts { described: described.to_owned(), files, version })
    }

    /// Where it came from, as it may be shown.
    pub fn describe(&self) -> String {
        match &self.0 {
            Kind::Local { path, .. } => path.display().to_string(),
            Kind::Texts { described, .. } => described.clone(),
        }
    }

    /// What the source calls this state of it: an ETag, an index, a revision, a digest. Empty for files.
    pub fn version(&self) -> &str {
        match &self.0 {
            Kind::Local { .. } => "",
            Kind::Texts { version, .. } => version,
        }
    }

    /// Names and texts; none for a file or folder, which is still to be read.
    pub fn files(&self) -> &[(String, String)] {
        match &self.0 {
            Kind::Local { .. } => &[],
            Kind::Texts { files, .. } => files,
        }
    }

    /// As a document. Files are read now, and remembered for whoever follows their source.
    pub fn document(&self, environment: &Environment) -> (Document, Diagnostics) {
        match &self.0 {
            Kind::Local { path, ledger } => {
                let (document, diagnostics) = Document::read(path, environment);
                ledger.read(Taken { looked: looked(&document, environment), ..Taken::default() });
                (document, diagnostics)
            }
            Kind::Texts { files, .. } => Document::from_files(files.clone()),
        }
    }
}

/// What a document was read from, and the files of its secrets, which are about to be.
fn looked(document: &Document, environment: &Environment) -> Looked {
    let mut looked = document.looked().clone();
    let base = document.environment(environment).base;
    for secret in document.config().iter().flat_map(|config| config.secrets.values()) {
        if let SecretSource::File(path) = secret {
            looked.at_file(&base.join(path));
        }
    }
    looked
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SourceError {
    /// A sentence, without credentials.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl SourceError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// As a diagnostic about the source of this name.
    pub fn diagnostics(&self, described: &str) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: "cannot-read",
            place: None,
            path: String::new(),
            text: described.to_owned(),
            reason: format!("{described}: {}", self.reason),
            hint: self.hint.clone(),
            line_text: None,
        });
        diagnostics
    }
}

impl From<HttpError> for SourceError {
    fn from(error: HttpError) -> Self {
        let hint = match error.status {
            Some(401 | 403) => Some("set RINGGATE_SOURCE_TOKEN where the gateway is started".to_owned()),
            _ => None,
        };
        Self { reason: error.reason, hint }
    }
}

/// What is kept of a reading, to ask whether there is something new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Of names and texts. Empty: never read.
    pub(super) digest: String,
    /// What the source calls it.
    pub(super) version: String,
    /// Of HTTP.
    pub(super) etag: Option<String>,
    /// Of HTTP.
    pub(super) modified: Option<String>,
    /// For how long HTTP wants not to be asked again.
    pub(super) max_age: Option<Duration>,
    /// Etcd's revision.
    pub(super) revision: i64,
    /// Of files.
    pub(super) looked: Looked,
}

/// What a source answers when it is asked whether there is something new.
#[derive(Debug)]
pub(super) enum Answered {
    /// Names and texts.
    Changed(Vec<(String, String)>, Taken),
    /// Nothing; what is kept of it may have changed all the same.
    Same(Taken),
}

impl Answered {
    pub(super) fn taken(self) -> Taken {
        match self {
            Self::Changed(_, taken) | Self::Same(taken) => taken,
        }
    }
}

/// Hexadecimal digits of the digest that names and texts are told apart by.
const DIGEST_DIGITS: usize = 32;

pub(super) fn digest(files: &[(String, String)]) -> String {
    let mut sha = Sha256::new();
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        // With its length in front, so that no two lists run together to the same bytes.
        sha.update(part.len().to_le_bytes());
        sha.update(part);
    }
    let mut hex: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(DIGEST_DIGITS);
    hex
}

/// Values below a prefix as files: in the order of their names, each with the name it is shown under.
pub(super) fn files(
    shown: &str,
    prefix: &str,
    pairs: Vec<(String, Vec<u8>)>,
) -> Result<Vec<(String, String)>, SourceError> {
    let mut pairs: Vec<_> = pairs
        .into_iter()
        // `gw` means what is in `gw/`, and not `gw2`; a key that ends in a slash is the folder itself.
        .filter(|(key, _)| is_below(key, prefix) && !key.ends_with('/'))
        .collect();
    pairs.sort();
    if pairs.is_empty() {
        let hint = format!("the keys have to be `{}` or below it", prefix.trim_end_matches('/'));
        return Err(SourceError::new(format!("there is no key at `{prefix}`")).hint(hint));
    }
    if pairs.iter().map(|(_, value)| value.len()).sum::<usize>() > BYTES_MAX {
        return Err(SourceError::new(format!("its keys hold more than {} MiB", BYTES_MAX >> 20)));
    }
    let file = |(key, value): (String, Vec<u8>)| {
        let name = format!("{shown}/{key}");
        match String::from_utf8(value) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(SourceError::new(format!("`{key}` is not UTF-8 text"))),
        }
    };
    pairs.into_iter().map(file).collect()
}

fn is_below(key: &str, prefix: &str) -> bool {
    let folder = prefix.strip_suffix('/').unwrap_or(prefix);
    prefix.is_empty() || key == folder || key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_below_a_prefix_are_files_in_the_order_of_their_names() {
        let pair = |key: &str| (key.to_owned(), key.as_bytes().to_vec());
        let pairs = || ["gw/b.yaml", "gw/", "gw2/c.yaml", "gw/a.yaml", "gw/deep/d.yaml"].map(pair).to_vec();
        for prefix in ["gw", "gw/"] {
            let found = files("etcd://h:1", prefix, pairs()).unwrap();
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["etcd://h:1/gw/a.yaml", "etcd://h:1/gw/b.yaml", "etcd://h:1/gw/deep/d.yaml"]);
        }
        assert_eq!(files("s", "gw/a.yaml", pairs()).unwrap().len(), 1);
        assert_eq!(files("s", "", pairs()).unwrap().len(), 4);
        assert!(files("s", "g", pairs()).unwrap_err().reason.contains("no key"));
        assert!(files("s", "gw", vec![("gw/a".to_owned(), vec![0xff])]).is_err());
        assert!(files("s", "gw", vec![("gw/a".to_owned(), vec![b'a'; BYTES_MAX + 1])]).is_err());
    }

    #[test]
    fn a_digest_tells_apart_what_runs_together() {
        let of = |files: &[(&str, &str)]| {
            digest(&files.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>())
        };
        assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
        assert_eq!(of(&[("a", "bc")]), of(&[("a", "bc")]));
        assert_eq!(of(&[]).len(), DIGEST_DIGITS);
    }
}
