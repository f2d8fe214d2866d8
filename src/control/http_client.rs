//! The one HTTP client of control: for configurations and registries elsewhere.
//!
//! Owns connections, their TLS and the bounds: every request has a time, every body a size. It follows no redirect to
//! another host, so that a token goes nowhere but where it was meant for, and asks no proxy of the environment. What
//! is asked, and how often, is its callers'.

pub mod backoff;
pub mod consul;
pub mod etcd;
pub mod lines;
#[cfg(test)]
#[path = "http_client/tests/scripted.rs"]
pub mod scripted;

use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;

pub use reqwest::Url;

use super::tls::{client_config, no_server};
use crate::config::secret::Secret;
use crate::upstream::config::ClusterTlsConfig;
use lines::Lines;

/// To connect, TLS included.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A peer that is gone without a word is noticed on a stream after about a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Most redirects, all of them within one host.
const REDIRECTS_MAX: usize = 5;
/// What is read of an answer that is an error, for its message.
const ERROR_BYTES_MAX: usize = 4 * 1024;
/// How much of that is shown.
const ERROR_CHARS_SHOWN: usize = 200;

/// What a client proves itself with, on every request.
#[derive(Debug, Clone, Default)]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// `Authorization` as it is, as etcd wants it, and `Basic` has it.
    Plain(Secret),
    /// `X-Consul-Token`.
    Consul(Secret),
}

/// A client of one server, or of several that are one.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    /// What it proves itself with. May be replaced when it runs out.
    pub credential: Credential,
}

/// Why there is no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct HttpError {
    /// The status, where it is the answer that is not wanted.
    pub status: Option<u16>,
    /// What happened, without credentials.
    pub reason: String,
}

impl HttpError {
    /// An error that is not a status.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { status: None, reason: reason.into() }
    }

    fn of(error: &reqwest::Error) -> Self {
        // The outermost layers say that something was being sent; what happened is said by the innermost.
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let said = innermost.to_string();
        let reason = match (error.is_timeout(), error.is_connect()) {
            (true, true) => "no connection in time".to_owned(),
            (true, false) => "no answer in time".to_owned(),
            (false, true) => format!("no connection: {said}"),
            (false, false) if error.is_redirect() => format!("redirect: {said}"),
            (false, false) => said,
        };
        Self::new(reason)
    }
}

/// Text in which everything but letters, digits and `plain` is percent-encoded (RFC 3986 2.1).
pub fn percent_encoded(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A request being written.
pub struct Asking {
    builder: reqwest::RequestBuilder,
}

impl HttpClient {
    /// A client for these addresses. `tls` counts where one of them begins with `https`; its files are looked for in `base`.
    ///
    /// # Errors
    /// When a certificate, key or authority cannot be used.
    pub fn new(
        urls: &[Url],
        tls: &ClusterTlsConfig,
        base: &Path,
        credential: Credential,
    ) -> Result<Self, HttpError> {
        let speaks_tls = urls.iter().any(|url| url.scheme() == "https");
        let config = if speaks_tls {
            client_config(tls, base).map_err(|error| HttpError::new(error.reason))?
        } else {
            no_server().map_err(|error| HttpError::new(error.reason))?
        };
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .no_proxy()
            .http1_only()
            .redirect(Policy::custom(within_host))
            .connect_timeout(CONNECT_WITHIN)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(3)
            .pool_max_idle_per_host(2)
            .build();
        Ok(Self { client: client.map_err(|error| HttpError::of(&error))?, credential })
    }

    /// A GET.
    pub fn get(&self, url: Url) -> Asking {
        self.asking(self.client.get(url))
    }

    /// A POST of JSON.
    pub fn post(&self, url: Url, json: &serde_json::Value) -> Asking {
        self.asking(self.client.post(url)).field("content-type", "application/json").body(json.to_string())
    }

    /// A POST of a form, encoded already.
    pub fn form(&self, url: Url, form: String) -> Asking {
        let asking = self.asking(self.client.post(url));
        asking.field("content-type", "application/x-www-form-urlencoded").body(form)
    }

    fn asking(&self, builder: reqwest::RequestBuilder) -> Asking {
        let asking = Asking { builder }.field(USER_AGENT.as_str(), AGENT);
        match &self.credential {
            Credential::None => asking,
            Credential::Bearer(token) => {
                asking.secret(AUTHORIZATION.as_str(), &format!("Bearer {}", token.expose()))
            }
            Credential::Plain(token) => asking.secret(AUTHORIZATION.as_str(), token.expose()),
            Credential::Consul(token) => asking.secret("x-consul-token", token.expose()),
        }
    }
}

impl Asking {
    /// With a field. One whose value cannot be sent is left out: the peer then says what it misses.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.with(name, value, false)
    }

    fn secret(self, name: &str, value: &str) -> Self {
        self.with(name, value, true)
    }

    fn with(self, name: &str, value: &str, is_secret: bool) -> Self {
        let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return self;
        };
        value.set_sensitive(is_secret);
        Self { builder: self.builder.header(name, value) }
    }

    fn body(self, text: String) -> Self {
        Self { builder: self.builder.body(text) }
    }

    /// Sends it. `within` is for the whole answer, body included.
    ///
    /// # Errors
    /// When there is no answer. A status is an answer, whatever it says.
    pub async fn send(self, within: Duration) -> Result<Answer, HttpError> {
        answer(self.builder.timeout(within)).await
    }

    /// Sends it and waits `within` for the head of the answer; its body may go on for ever.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn stream(self, within: Duration) -> Result<Answer, HttpError> {
        tokio::time::timeout(within, answer(self.builder))
            .await
            .unwrap_or_else(|_| Err(HttpError::new("no answer in time")))
    }
}

async fn answer(builder: reqwest::RequestBuilder) -> Result<Answer, HttpError> {
    match builder.send().await {
        Ok(response) => Ok(Answer { response }),
        Err(error) => Err(HttpError::of(&error)),
    }
}

/// The head of an answer, and its body to come.
#[derive(Debug)]
pub struct Answer {
    response: Response,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A field's value, if it is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields: &HeaderMap = self.response.headers();
        fields.get(name)?.to_str().ok()
    }

    /// Itself, unless its status is another than 2xx; the error then has the status and what the body says.
    ///
    /// # Errors
    /// With the status.
    pub async fn wanted(self) -> Result<Self, HttpError> {
        let status = self.response.status();
        if status.is_success() {
            return Ok(self);
        }
        let said = self.bytes(ERROR_BYTES_MAX).await.unwrap_or_default();
        Err(HttpError { status: Some(status.as_u16()), reason: refusal(status, &said) })
    }

    /// The whole body, at most `bytes_max`.
    ///
    /// # Errors
    /// When it is larger, or breaks off.
    pub async fn bytes(mut self, bytes_max: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.response.chunk().await.map_err(|error| HttpError::of(&error))? {
            if bytes.len() + piece.len() > bytes_max {
                return Err(HttpError::new(format!("the answer is larger than {}", sized(bytes_max))));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The whole body as text.
    ///
    /// # Errors
    /// When it is larger, breaks off, or is not UTF-8.
    pub async fn text(self, bytes_max: usize) -> Result<String, HttpError> {
        let bytes = self.bytes(bytes_max).await?;
        String::from_utf8(bytes).map_err(|_| HttpError::new("the answer is not UTF-8 text"))
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// When it is larger, breaks off, or is something else.
    pub async fn json<T: DeserializeOwned>(self, bytes_max: usize) -> Result<T, HttpError> {
        let bytes = self.bytes(bytes_max).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| HttpError::new(format!("the answer is not as expected: {error}")))
    }

    /// The body line by line, as it comes.
    pub fn lines(self) -> Lines {
        Lines::new(self.response)
    }
}

/// What a refusal says, clipped to what fits on a line.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let told = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|json| {
        let message = json.get("message").or_else(|| json.get("error"))?;
        message.as_str().map(str::to_owned)
    });
    let plain = told.unwrap_or_else(|| if text.contains('<') { String::new() } else { text.into_owned() });
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().take(ERROR_CHARS_SHOWN).collect();
    if shown.is_empty() { format!("status {status}") } else { format!("status {status}: {shown}") }
}

/// Redirects are followed on the same host and port; a token is not for anybody else's.
fn within_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let Some(asked) = attempt.previous().last() else { return attempt.stop() };
    let same = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
    if same(asked) != same(attempt.url()) {
        let host = attempt.url().host_str().unwrap_or("nowhere").to_owned();
        return attempt.error(format!("to another host, `{host}`, which is not followed"));
    }
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many of them");
    }
    attempt.follow()
}

pub(super) fn sized(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

const AGENT: &str = concat!("ringgate/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_peer_said_in_one_line() {
        let status = StatusCode::FORBIDDEN;
        for (body, said) in [
            ("Permission denied\n", "status 403 Forbidden: Permission denied"),
            (
                r#"{"kind":"Status","message":"endpointslices is forbidden"}"#,
                "status 403 Forbidden: endpointslices is forbidden",
            ),
            ("<html>nginx</html>", "status 403 Forbidden"),
            ("", "status 403 Forbidden"),
        ] {
            assert_eq!(refusal(status, body.as_bytes()), said);
        }
    }
}
