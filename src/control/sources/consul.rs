//! Keys of Consul's KV store, one a file, followed by blocking queries.
//!
//! As Consul's documentation of blocking queries has it: an index that goes backwards, or is zero, begins anew; a
//! query answers no sooner than once a second, whatever the agent does.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::BYTES_MAX;
use super::access::SourceAccess;
use super::fetched::{Answered, SourceError, Taken, digest, files};
use super::place::Keys;
use crate::control::http_client::etcd::decoded;
use crate::control::http_client::{Credential, HttpClient, HttpError, Url};

/// For a query that does not block.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long a query may block. Consul adds up to a sixteenth.
const BLOCKS: Duration = Duration::from_secs(240);
/// Between two queries that block, at least.
const SPACING: Duration = Duration::from_secs(1);
/// Base64 and the names around it.
const ANSWER_BYTES_MAX: usize = 2 * BYTES_MAX;

/// The KV store of an agent.
#[derive(Debug)]
pub(super) struct Consul {
    client: HttpClient,
    keys: Keys,
    at: usize,
    not_before: Instant,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Key")]
    key: String,
    /// Null where it is empty.
    #[serde(rename = "Value")]
    value: Option<String>,
}

impl Consul {
    pub(super) fn new(keys: &Keys, access: &SourceAccess, base: &Path) -> Result<Self, SourceError> {
        if keys.user.is_some() {
            let hint = "Consul has tokens: set RINGGATE_SOURCE_TOKEN";
            return Err(SourceError::new("Consul has no users").hint(hint));
        }
        let credential = access.token.clone().map_or(Credential::None, Credential::Consul);
        let client = access.client(&keys.urls, base, credential)?;
        Ok(Self { client, keys: keys.clone(), at: 0, not_before: Instant::now() })
    }

    pub(super) async fn next(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        sleep_until(self.not_before).await;
        self.not_before = Instant::now() + SPACING;
        let mut now = self.read(Some(taken.index)).await?.taken();
        if now.index < taken.index {
            // The agent's state was restored or is another's: what it says next is not to be compared with this.
            now.index = 0;
        }
        Ok(Answered::Same(now))
    }

    /// Asks an agent, or the next one if it does not answer. With an index it waits for a later one.
    pub(super) async fn read(&mut self, index: Option<u64>) -> Result<Answered, SourceError> {
        let mut failed = SourceError::new("no address");
        for _ in 0..self.keys.urls.len() {
            match self.ask(index).await {
                Ok(answered) => return Ok(answered),
                Err(error) => failed = error,
            }
            self.at = (self.at + 1) % self.keys.urls.len();
        }
        Err(failed)
    }

    async fn ask(&self, index: Option<u64>) -> Result<Answered, SourceError> {
        let within = if index.is_some() { BLOCKS + BLOCKS / 8 + ANSWER_WITHIN } else { ANSWER_WITHIN };
        let answer = self.client.get(self.url(index)?).send(within).await?;
        let index = answer.field("x-consul-index").and_then(|index| index.parse().ok()).unwrap_or(0);
        let entries: Vec<Entry> = match answer.status() {
            404 => Vec::new(),
            _ => answer.wanted().await?.json(ANSWER_BYTES_MAX).await?,
        };
        let pair = |entry: Entry| Ok((entry.key, decoded(entry.value.as_deref().unwrap_or(""))?));
        let pairs = entries.into_iter().map(pair).collect::<Result<_, HttpError>>()?;
        let files = files(&self.keys.shown, &self.keys.prefix, pairs)?;
        let taken = Taken { digest: digest(&files), version: index.to_string(), index, ..Taken::default() };
        Ok(Answered::Changed(files, taken))
    }

    fn url(&self, index: Option<u64>) -> Result<Url, SourceError> {
        let mut url = self.keys.urls[self.at].clone();
        // Key by key, so that what is special in a URL is written as Consul reads it.
        url.path_segments_mut()
            .map_err(|()| SourceError::new("the address has no path"))?
            .extend(["v1", "kv"])
            .extend(self.keys.prefix.split('/'));
        url.query_pairs_mut().append_pair("recurse", "true");
        if let Some(datacenter) = &self.keys.datacenter {
            url.query_pairs_mut().append_pair("dc", datacenter);
        }
        if let Some(index) = index {
            let wait = format!("{}s", BLOCKS.as_secs());
            url.query_pairs_mut().append_pair("index", &index.to_string()).append_pair("wait", &wait);
        }
        Ok(url)
    }
}
