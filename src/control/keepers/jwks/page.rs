//! A key set that has an address.
//!
//! Owns asking for it: the issuer's description first where there is one (OpenID Connect Discovery 4), conditional requests,
//! and for how long an answer is good. What the keys are is not known here.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::BYTES_MAX;
use crate::control::http_client::{Answer, Credential, HttpClient, HttpError, Url};
use crate::policy::auth::jwt::source::{KeySetPlace, KeySetSource, LIFETIME, check_address};

/// For a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Largest description of an issuer.
const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;
/// Longest ETag that is kept.
const ETAG_CHARS_MAX: usize = 1024;

/// What came of asking.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The set's text; None if it is what it was.
    pub body: Option<Vec<u8>>,
    /// How long it is good for.
    pub lifetime: Duration,
    /// By which it is asked for again.
    pub etag: Option<String>,
}

/// The page, as it was asked for last.
pub(super) struct Page {
    source: KeySetSource,
    base: Box<Path>,
    etag: Option<String>,
    /// Where the description said that the keys are.
    found: Option<String>,
}

/// What is read of an issuer's description.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

impl Page {
    pub(super) fn new(source: &KeySetSource, base: &Path) -> Self {
        Self { source: source.clone(), base: base.into(), etag: None, found: None }
    }

    /// Asks for the set.
    pub(super) async fn fetch(&mut self) -> Result<Fetched, String> {
        let url = match &self.source.place {
            KeySetPlace::Url(url) => url.clone(),
            KeySetPlace::Discovery(issuer) => self.discover(&issuer.clone()).await?,
            KeySetPlace::File(_) => return Err("a file has no address".to_owned()),
        };
        self.fetch_from(&url).await.map_err(|error| error.reason)
    }

    /// Where the keys are. Where the description cannot be had, what it said the last time.
    async fn discover(&mut self, issuer: &str) -> Result<String, String> {
        match self.describe(issuer).await {
            Ok(url) => {
                if self.found.as_ref() != Some(&url) {
                    self.etag = None;
                    self.found = Some(url.clone());
                }
                Ok(url)
            }
            Err(reason) => self.found.clone().ok_or(reason),
        }
    }

    async fn describe(&self, issuer: &str) -> Result<String, String> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = self.ask(&url, None).await.map_err(|error| error.reason)?;
        let description: Description =
            answer.json(DESCRIPTION_BYTES_MAX).await.map_err(|error| format!("its description: {error}"))?;
        // OpenID Connect Discovery 4.3: a description speaks for its own issuer alone.
        if description.issuer != issuer {
            return Err("its description is another issuer's".to_owned());
        }
        check_address(&description.jwks_uri, self.source.plain_http)
            .map_err(|fault| format!("the address of its keys: {fault}"))?;
        Ok(description.jwks_uri)
    }

    async fn fetch_from(&self, url: &str) -> Result<Fetched, HttpError> {
        let answer = self.ask(url, self.etag.as_deref()).await?;
        let lifetime = self.lifetime(&answer);
        if answer.status() == 304 && self.etag.is_some() {
            return Ok(Fetched { body: None, lifetime, etag: None });
        }
        let etag = answer.field("etag").filter(|etag| etag.len() <= ETAG_CHARS_MAX).map(str::to_owned);
        let body = answer.bytes(BYTES_MAX).await?;
        Ok(Fetched { body: Some(body), lifetime, etag })
    }

    /// What was fetched is in use: only then may the server say that it has not changed.
    pub(super) fn accept(&mut self, etag: Option<String>) {
        self.etag = etag;
    }

    async fn ask(&self, url: &str, etag: Option<&str>) -> Result<Answer, HttpError> {
        let url = Url::parse(url).map_err(|error| HttpError::new(error.to_string()))?;
        let urls = std::slice::from_ref(&url);
        // A client for each fetch: authorities on disk may have changed, and minutes pass until the next.
        let client = HttpClient::new(urls, &self.source.tls, &self.base, Credential::None)?;
        let mut asking = client.get(url).field("accept", "application/jwk-set+json, application/json");
        if let Some(etag) = etag {
            asking = asking.field("if-none-match", etag);
        }
        let answer = asking.send(ANSWER_WITHIN).await?;
        match answer.status() {
            200 | 304 => Ok(answer),
            status => {
                let refused = answer.wanted().await.err();
                Err(refused.unwrap_or_else(|| HttpError::new(format!("status {status}"))))
            }
        }
    }

    fn lifetime(&self, answer: &Answer) -> Duration {
        let field = |name: &str| answer.field(name);
        let said = freshness(field("cache-control"), field("expires"), field("age"), SystemTime::now());
        said.unwrap_or(self.source.lifetime).clamp(LIFETIME.0, LIFETIME.1)
    }
}

/// For how long an answer is good, if it says so (RFC 9111 4.2.1). What must not be stored is good for no time.
fn freshness(
    cache_control: Option<&str>,
    expires: Option<&str>,
    age: Option<&str>,
    now: SystemTime,
) -> Option<Duration> {
    let directives = || cache_control.unwrap_or_default().split(',').map(str::trim);
    let is_fleeting =
        |word: &str| word.eq_ignore_ascii_case("no-store") || word.eq_ignore_ascii_case("no-cache");
    if directives().any(is_fleeting) {
        return Some(Duration::ZERO);
    }
    let max_age = directives().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let seconds = value.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then(|| Duration::from_secs(seconds))
    });
    if let Some(max_age) = max_age {
        let age = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        return Some(max_age.saturating_sub(Duration::from_secs(age)));
    }
    let expires = httpdate::parse_http_date(expires?).ok()?;
    Some(expires.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_an_answer_is_good() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:00:00 GMT").unwrap();
        let seconds = |control: Option<&str>, expires: Option<&str>, age: Option<&str>| {
            freshness(control, expires, age, now).map(|freshness| freshness.as_secs())
        };
        let later = Some("Sun, 06 Nov 1994 08:10:00 GMT");
        assert_eq!(seconds(Some("public, max-age=300"), None, None), Some(300));
        assert_eq!(seconds(Some("Max-Age=\"300\""), later, Some("100")), Some(200));
        assert_eq!(seconds(Some("max-age=300"), None, Some("400")), Some(0));
        assert_eq!(seconds(Some("no-cache, max-age=300"), None, None), Some(0));
        assert_eq!(seconds(None, later, None), Some(600));
        assert_eq!(seconds(None, Some("Sun, 06 Nov 1994 07:00:00 GMT"), None), Some(0));
        assert_eq!(seconds(None, Some("0"), None), None);
        assert_eq!(seconds(Some("public"), None, None), None);
    }
}
