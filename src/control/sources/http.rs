//! One file at a URL: asked for again and again, with what is known of it, so that an unchanged one costs a head.
//!
//! RFC 9110 section 13 and RFC 9111 section 5.2: `ETag` and `Last-Modified` go back as conditions; `max-age` says how
//! soon to ask again, within bounds.

use std::path::Path;
use std::time::Duration;

use super::BYTES_MAX;
use super::access::SourceAccess;
use super::fetched::{Answered, SourceError, Taken, digest};
use crate::control::http_client::backoff::{Backoff, seed};
use crate::control::http_client::{Credential, HttpClient, HttpError, Url};

/// Between two questions, where the source does not say otherwise.
const USUAL: Duration = Duration::from_secs(30);
/// What a source may ask for.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(600);
/// For a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Longest ETag that is kept.
const ETAG_CHARS_MAX: usize = 1024;

/// A page that can be asked for.
pub(super) struct Page {
    client: HttpClient,
    url: Url,
    shown: String,
    pace: Backoff,
}

impl Page {
    pub(super) fn new(
        url: &Url,
        shown: String,
        access: &SourceAccess,
        base: &Path,
    ) -> Result<Self, SourceError> {
        let credential = match &access.token {
            // A password in the URL is sent as such, and a request has one `Authorization`.
            Some(token) if url.password().is_none() => Credential::Bearer(token.clone()),
            _ => Credential::None,
        };
        let client = access.client(std::slice::from_ref(url), base, credential)?;
        let pace = Backoff::new(seed(&shown), USUAL);
        Ok(Self { client, url: url.clone(), shown, pace })
    }

    pub(super) async fn next(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        let usual = taken.max_age.unwrap_or(USUAL).clamp(SOONEST, LATEST);
        tokio::time::sleep(self.pace.around(usual)).await;
        self.read(taken).await
    }

    pub(super) async fn read(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        let mut asking =
            self.client.get(self.url.clone()).field("accept", "application/yaml, text/yaml, */*;q=0.5");
        if let Some(etag) = &taken.etag {
            asking = asking.field("if-none-match", etag);
        }
        if let Some(modified) = &taken.modified {
            asking = asking.field("if-modified-since", modified);
        }
        let answer = asking.send(ANSWER_WITHIN).await?;
        let max_age = answer.field("cache-control").and_then(max_age);
        if answer.status() == 304 && !taken.digest.is_empty() {
            return Ok(Answered::Same(Taken { max_age, ..taken.clone() }));
        }
        if answer.status() != 200 {
            let status = answer.status();
            let refused = answer.wanted().await.err();
            return Err(refused.unwrap_or_else(|| HttpError::new(format!("status {status}"))).into());
        }
        let field = |name| answer.field(name).filter(|it| it.len() <= ETAG_CHARS_MAX).map(str::to_owned);
        let (etag, modified) = (field("etag"), field("last-modified"));
        let files = vec![(self.shown.clone(), answer.text(BYTES_MAX).await?)];
        let digest = digest(&files);
        let version = etag.clone().unwrap_or_else(|| digest.clone());
        let taken = Taken { digest, version, etag, modified, max_age, ..Taken::default() };
        Ok(Answered::Changed(files, taken))
    }
}

/// For how long an answer need not be asked for again.
fn max_age(field: &str) -> Option<Duration> {
    field.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let seconds = value.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then(|| Duration::from_secs(seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_soon_to_ask_again() {
        let seconds = |field| max_age(field).map(|age| age.as_secs());
        assert_eq!(seconds("public, max-age=60"), Some(60));
        assert_eq!(seconds("Max-Age=\"5\", must-revalidate"), Some(5));
        assert_eq!(seconds("no-cache"), None);
        assert_eq!(seconds("max-age=soon"), None);
    }
}
