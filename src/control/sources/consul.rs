//! Keys of Consul's KV store, one a file, followed by blocking queries.

use std::path::Path;

use serde::Deserialize;

use super::BYTES_MAX;
use super::access::SourceAccess;
use super::fetched::{Answered, SourceError, Taken, digest, files};
use super::place::Keys;
use crate::control::http_client::consul::Consul;
use crate::control::http_client::etcd::decoded;
use crate::control::http_client::{Answer, Credential, HttpError};

/// Base64 and the names around it.
const ANSWER_BYTES_MAX: usize = 2 * BYTES_MAX;

/// Keys that can be asked for.
pub(super) struct ConsulKeys {
    consul: Consul,
    keys: Keys,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Key")]
    key: String,
    /// Null where it is empty.
    #[serde(rename = "Value")]
    value: Option<String>,
}

impl ConsulKeys {
    pub(super) fn new(keys: &Keys, access: &SourceAccess, base: &Path) -> Result<Self, SourceError> {
        if keys.user.is_some() {
            let hint = "Consul has tokens: set RINGGATE_SOURCE_TOKEN";
            return Err(SourceError::new("Consul has no users").hint(hint));
        }
        let credential = access.token.clone().map_or(Credential::None, Credential::Consul);
        let client = access.client(&keys.urls, base, credential)?;
        Ok(Self { consul: Consul::new(client, keys.urls.clone()), keys: keys.clone() })
    }

    pub(super) async fn read(&mut self) -> Result<Answered, SourceError> {
        let path = path(&self.keys);
        let answer = self.consul.ask(&path, &parameters(&self.keys)).await?;
        self.answered(answer).await
    }

    pub(super) async fn next(&mut self) -> Result<Answered, SourceError> {
        let path = path(&self.keys);
        let answer = self.consul.wait(&path, &parameters(&self.keys)).await?;
        self.answered(answer).await
    }

    async fn answered(&self, answer: Answer) -> Result<Answered, SourceError> {
        let entries: Vec<Entry> =
            if answer.status() == 404 { Vec::new() } else { answer.json(ANSWER_BYTES_MAX).await? };
        let pair = |entry: Entry| Ok((entry.key, decoded(entry.value.as_deref().unwrap_or(""))?));
        let pairs = entries.into_iter().map(pair).collect::<Result<_, HttpError>>()?;
        let files = files(&self.keys.shown, &self.keys.prefix, pairs)?;
        let version = self.consul.index().to_string();
        let taken = Taken { digest: digest(&files), version, ..Taken::default() };
        Ok(Answered::Changed(files, taken))
    }
}

fn path(keys: &Keys) -> Vec<&str> {
    ["kv"].into_iter().chain(keys.prefix.split('/')).collect()
}

fn parameters(keys: &Keys) -> Vec<(&str, &str)> {
    let datacenter = keys.datacenter.as_deref().map(|name| ("dc", name));
    [("recurse", "true")].into_iter().chain(datacenter).collect()
}
