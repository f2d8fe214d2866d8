//! etcd v3 by its JSON gateway: reading what is below a prefix, and being told when that changes.
//!
//! Owns which of several endpoints is asked, and the token that a user is given for a while. Keeps no values: whoever is told of a
//! change reads the prefix again, which is one request whatever has happened meanwhile.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::lines::Lines;
use super::{Answer, Credential, HttpClient, HttpError, Url};
use crate::config::secret::Secret;
use crate::http::base64;

/// For an answer that does not stream.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes that base64 and names add to what is asked for, at most.
const OVERHEAD: usize = 2;

/// A cluster of etcd.
#[derive(Debug, Clone)]
pub struct Etcd {
    client: HttpClient,
    endpoints: Vec<Url>,
    /// The endpoint that is asked; another one after it failed.
    at: usize,
    user: Option<(String, Secret)>,
}

/// What is below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The revision of the store that this is of.
    pub revision: i64,
    /// Keys with their values, in the order of the keys.
    pub pairs: Vec<(String, Vec<u8>)>,
}

/// What a watch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It stands.
    Created,
    /// Something has changed.
    Changed,
    /// Nothing has changed, and it still stands.
    Progress,
    /// What it was to begin with has been forgotten (compaction), or it was ended: read again.
    Lost,
}

/// A watch that stands.
#[derive(Debug)]
pub struct Watch(Lines);

impl Etcd {
    /// A client of these endpoints, which are one cluster; there is at least one.
    pub fn new(client: HttpClient, endpoints: Vec<Url>, user: Option<(String, Secret)>) -> Self {
        Self { client, endpoints, at: 0, user }
    }

    /// Everything below a prefix, at most `bytes_max` of values.
    ///
    /// # Errors
    /// When no endpoint answers, it refuses, or there is more.
    pub async fn range(&mut self, prefix: &str, bytes_max: usize) -> Result<Range, HttpError> {
        let (key, end) = bounds(prefix);
        let asked = json!({ "key": key, "range_end": end });
        let answer = self.ask("v3/kv/range", &asked, false).await?;
        let read: RangeAnswer = answer.json(bytes_max.saturating_mul(OVERHEAD)).await?;
        let pairs = read.kvs.into_iter().map(|pair| {
            let key =
                String::from_utf8(decoded(&pair.key)?).map_err(|_| not_expected("a key is not text"))?;
            Ok((key, decoded(&pair.value)?))
        });
        Ok(Range { revision: read.header.revision()?, pairs: pairs.collect::<Result<_, HttpError>>()? })
    }

    /// Watches what is below a prefix, from a revision on.
    ///
    /// # Errors
    /// When no endpoint answers, or it refuses.
    pub async fn watch(&mut self, prefix: &str, from_revision: i64) -> Result<Watch, HttpError> {
        let (key, end) = bounds(prefix);
        let asked = json!({ "create_request": {
            "key": key, "range_end": end, "start_revision": from_revision.to_string(), "progress_notify": true,
        }});
        Ok(Watch(self.ask("v3/watch", &asked, true).await?.lines()))
    }

    /// Asks an endpoint, and the others if it cannot be reached. A token that has run out is replaced once.
    async fn ask(
        &mut self,
        path: &str,
        json: &serde_json::Value,
        streams: bool,
    ) -> Result<Answer, HttpError> {
        let mut failed = HttpError::new("no endpoint");
        for _ in 0..self.endpoints.len() {
            match self.ask_one(path, json, streams).await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.status.is_some_and(|status| status < 500) => return Err(error),
                Err(error) => failed = error,
            }
            self.at = (self.at + 1) % self.endpoints.len();
        }
        Err(failed)
    }

    async fn ask_one(
        &mut self,
        path: &str,
        json: &serde_json::Value,
        streams: bool,
    ) -> Result<Answer, HttpError> {
        let has_token = !matches!(self.client.credential, Credential::None);
        if self.user.is_some() && !has_token {
            self.authenticate().await?;
        }
        match self.post(path, json, streams).await?.wanted().await {
            // RFC 9110 15.5.2; tokens of etcd end after five minutes without use.
            Err(HttpError { status: Some(401), .. }) if self.user.is_some() && has_token => {
                self.authenticate().await?;
                self.post(path, json, streams).await?.wanted().await
            }
            outcome => outcome,
        }
    }

    async fn post(&self, path: &str, json: &serde_json::Value, streams: bool) -> Result<Answer, HttpError> {
        let asking = self.client.post(self.url(path)?, json);
        if streams { asking.stream(ANSWER_WITHIN).await } else { asking.send(ANSWER_WITHIN).await }
    }

    async fn authenticate(&mut self) -> Result<(), HttpError> {
        let Some((name, password)) = &self.user else { return Ok(()) };
        self.client.credential = Credential::None;
        let asked = json!({ "name": name, "password": password.expose() });
        let answer = self.client.post(self.url("v3/auth/authenticate")?, &asked).send(ANSWER_WITHIN).await?;
        let read: TokenAnswer = answer.wanted().await?.json(64 * 1024).await?;
        self.client.credential = Credential::Plain(Secret::new(read.token));
        Ok(())
    }

    fn url(&self, path: &str) -> Result<Url, HttpError> {
        self.endpoints[self.at].join(path).map_err(|error| HttpError::new(error.to_string()))
    }
}

impl Watch {
    /// The next thing it tells; nothing when its connection ends. Nothing is lost when this is dropped while it waits.
    ///
    /// # Errors
    /// When the connection breaks off.
    pub async fn next(&mut self) -> Result<Option<Told>, HttpError> {
        Ok(self.0.json::<WatchLine>().await?.map(|line| line.told()))
    }
}

#[derive(Deserialize)]
struct RangeAnswer {
    header: Header,
    #[serde(default)]
    kvs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Header {
    /// 64-bit numbers are text in the JSON of gRPC.
    revision: String,
}

impl Header {
    fn revision(&self) -> Result<i64, HttpError> {
        self.revision.parse().map_err(|_| not_expected("a revision is no number"))
    }
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    /// Absent where it is empty.
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
}

#[derive(Deserialize)]
struct WatchLine {
    result: Option<WatchResult>,
}

#[derive(Deserialize)]
struct WatchResult {
    #[serde(default)]
    created: bool,
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    events: Vec<serde::de::IgnoredAny>,
}

impl WatchLine {
    fn told(&self) -> Told {
        match &self.result {
            // An error, or the end of the watch. After a compaction it has `compact_revision` as well.
            None | Some(WatchResult { canceled: true, .. }) => Told::Lost,
            Some(result) if !result.events.is_empty() => Told::Changed,
            Some(WatchResult { created: true, .. }) => Told::Created,
            Some(_) => Told::Progress,
        }
    }
}

/// Key and end of a range that has everything with a prefix, in base64.
fn bounds(prefix: &str) -> (String, String) {
    let mut end = prefix.as_bytes().to_vec();
    // The first key behind: its last byte that can be is one larger. UTF-8 has no 0xff, so there is one.
    match end.last_mut() {
        Some(last) => *last += 1,
        // All keys: from the first to the end, both of which are written as a zero byte.
        None => return (encoded(&[0]), encoded(&[0])),
    }
    (encoded(prefix.as_bytes()), encoded(&end))
}

fn encoded(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(base64::encoded_len(bytes.len()));
    base64::encode(bytes, &mut digits);
    digits.into_iter().map(char::from).collect()
}

/// Base64 to bytes, as registries send values.
pub fn decoded(digits: &str) -> Result<Vec<u8>, HttpError> {
    let (mut decoder, mut bytes) = (base64::Decoder::default(), Vec::with_capacity(digits.len() / 4 * 3));
    match decoder.decode(digits.as_bytes(), &mut bytes) {
        Ok(()) if decoder.is_whole() => Ok(bytes),
        _ => Err(not_expected("a value is not base64")),
    }
}

fn not_expected(why: &str) -> HttpError {
    HttpError::new(format!("the answer is not as expected: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Told {
        serde_json::from_str::<WatchLine>(line).unwrap().told()
    }

    /// Lines as etcd 3.4.23 sends them.
    #[test]
    fn a_watch_tells_of_changes_and_of_its_end() {
        let created = r#"{"result":{"header":{"cluster_id":"1","member_id":"2","revision":"5","raft_term":"2"},"created":true}}"#;
        assert_eq!(told(created), Told::Created);
        let progress = r#"{"result":{"header":{"revision":"7","raft_term":"2"}}}"#;
        assert_eq!(told(progress), Told::Progress);
        let changed = r#"{"result":{"header":{"revision":"6"},"events":[{"kv":{"key":"YQ==","version":"1","value":"Yg=="}},{"type":"DELETE","kv":{"key":"YQ=="}}]}}"#;
        assert_eq!(told(changed), Told::Changed);
        let compacted = r#"{"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"8"}}"#;
        assert_eq!(told(compacted), Told::Lost);
        let failed = r#"{"error":{"grpc_code":14,"http_code":503,"message":"transport is closing"}}"#;
        assert_eq!(told(failed), Told::Lost);
    }

    #[test]
    fn a_range_is_everything_with_the_prefix() {
        assert_eq!(bounds("gw/"), (encoded(b"gw/"), encoded(b"gw0")));
        assert_eq!(bounds(""), (encoded(&[0]), encoded(&[0])));
    }
}
