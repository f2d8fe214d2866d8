//! Consul's HTTP API, as far as it is followed by blocking queries.
//!
//! Owns which of several agents is asked, the index, and the pace. As Consul's documentation of blocking queries has it: an
//! index that goes backwards, or is zero, begins anew; and a query that answers at once, whatever the agent does, is
//! asked no more than once a second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Answer, HttpClient, HttpError, Url};

/// For a query that does not block.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long a query may block. Consul adds up to a sixteenth, so that its clients do not ask in step.
const BLOCKS: Duration = Duration::from_secs(240);
/// Between two queries that block, at least.
const SPACING: Duration = Duration::from_secs(1);

/// An agent of Consul, or several of which the next is asked where one does not answer.
#[derive(Debug)]
pub struct Consul {
    client: HttpClient,
    urls: Vec<Url>,
    at: usize,
    not_before: Instant,
    /// Of the last answer. Zero: what comes next is new.
    index: u64,
}

impl Consul {
    /// A client of these agents; there is at least one.
    pub fn new(client: HttpClient, urls: Vec<Url>) -> Self {
        Self { client, urls, at: 0, not_before: Instant::now(), index: 0 }
    }

    /// The index of the last answer.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Asks what there is. `path` in segments below `/v1`. Status 404 is an answer: there is nothing.
    ///
    /// # Errors
    /// When no agent answers, or it refuses.
    pub async fn ask(&mut self, path: &[&str], parameters: &[(&str, &str)]) -> Result<Answer, HttpError> {
        let mut failed = HttpError::new("no address");
        for _ in 0..self.urls.len() {
            match self.ask_one(path, parameters, ANSWER_WITHIN).await {
                Ok(answer) => return Ok(answer),
                Err(error) => failed = error,
            }
            self.at = (self.at + 1) % self.urls.len();
        }
        Err(failed)
    }

    /// The same, but waits until there is something else than at the last answer, or for some minutes.
    ///
    /// # Errors
    /// When the agent does not answer, or refuses.
    pub async fn wait(&mut self, path: &[&str], parameters: &[(&str, &str)]) -> Result<Answer, HttpError> {
        sleep_until(self.not_before).await;
        self.not_before = Instant::now() + SPACING;
        let (index, wait) = (self.index.to_string(), format!("{}s", BLOCKS.as_secs()));
        let parameters = [parameters, &[("index", &*index), ("wait", &*wait)]].concat();
        let before = self.index;
        let answer = self.ask_one(path, &parameters, BLOCKS + BLOCKS / 8 + ANSWER_WITHIN).await?;
        if self.index < before {
            // The servers' state was restored: what they say next is not to be compared with this.
            self.index = 0;
        }
        Ok(answer)
    }

    async fn ask_one(
        &mut self,
        path: &[&str],
        parameters: &[(&str, &str)],
        within: Duration,
    ) -> Result<Answer, HttpError> {
        let mut url = self.urls[self.at].clone();
        // Segment by segment, so that what is special in a URL is written as Consul reads it.
        url.path_segments_mut()
            .map_err(|()| HttpError::new("the address has no path"))?
            .extend(["v1"])
            .extend(path);
        url.query_pairs_mut().extend_pairs(parameters);
        let answer = self.client.get(url).send(within).await?;
        let index = answer.field("x-consul-index").and_then(|index| index.parse().ok()).unwrap_or(0);
        let answer = if answer.status() == 404 { answer } else { answer.wanted().await? };
        self.index = index;
        Ok(answer)
    }
}
