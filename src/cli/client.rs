//! The command line's way to a running gateway: its admin API.
//!
//! One request, one answer, each within a bound. Owns how an answer that is no success is told to a person; what an
//! answer means is the commands' business. Follows no redirection, so that a token goes where it was meant to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::config::units::Span;
use crate::control::http_client::percent_encoded;
use crate::control::tls::{TlsError, client_config, no_server};
use crate::upstream::config::{ClusterTlsConfig, KeyPairConfig};

/// Where the gateway is asked, and as whom.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "The gateway that is asked")]
pub struct Access {
    /// Its admin listener: a URL, or `address:port` [default: $RINGGATE_ADMIN, else http://127.0.0.1:9090]
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// File of the token [default: the value of $RINGGATE_ADMIN_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Authorities that may have issued its certificate, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate to show, in PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// For a whole answer
    #[arg(long, value_name = "TIME", default_value = "60s")]
    answer_timeout: Span,
}

/// Where the quick start listens.
const ADMIN_DEFAULT: &str = "http://127.0.0.1:9090";
/// For the connection alone: whoever is there takes it at once.
const CONNECT_BOUND: Duration = Duration::from_secs(5);
/// Largest answer that is read: the recent heads and a configuration of 10,000 routes are smaller.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body; text that is not JSON is a string.
    pub body: Value,
}

impl Answer {
    /// Whether it was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The stable code of a refusal, as in `{"code": "no_rollout"}`.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body, or why there is none, as a sentence with what to do.
    ///
    /// # Errors
    /// When it is not a success.
    pub fn into_success(self) -> anyhow::Result<Value> {
        if self.is_success() {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().or_else(|| self.body.as_str()).unwrap_or_default();
        let advice = match self.status {
            401 => "\n  set RINGGATE_ADMIN_TOKEN, give --token-file, or --client-cert with --client-key",
            403 if self.code() == "read_only" => {
                "\n  ask with a token or certificate whose `role` is `write`"
            }
            429 => "\n  too many wrong tokens came from here; wait a minute",
            _ => "",
        };
        let code = match self.code() {
            "" => format!("status {}", self.status),
            code => code.to_owned(),
        };
        Err(anyhow!("{} ({code}){advice}", detail.trim_end()))
    }
}

/// A client of one gateway.
pub struct AdminClient {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    timeout: Duration,
}

impl AdminClient {
    /// A client as the arguments and the environment say. Connects with the first request.
    ///
    /// # Errors
    /// When the address is none, or a file cannot be read.
    pub fn open(access: &Access) -> anyhow::Result<Self> {
        let written =
            access.admin.clone().or_else(|| variable("RINGGATE_ADMIN")).unwrap_or(ADMIN_DEFAULT.to_owned());
        let base = base(&written)?;
        let tls = if base.scheme() == "https" { access.tls() } else { no_server() };
        let tls = tls.map_err(|error| anyhow!("--{}: {}\n  {}", error.at, error.reason, error.hint))?;
        // The environment's proxies are for the world outside, not for the operator's own listener.
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_BOUND)
            .user_agent(concat!("ringgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, http, base, token: access.token()?, timeout: access.answer_timeout.duration() })
    }

    /// Where it asks.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What `path` shows: `/generations`, with its query if there is one.
    ///
    /// # Errors
    /// When nobody answers, or not with a success.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(&Method::GET, path, None)?.into_success()
    }

    /// Orders something. A refusal is an error here; [`AdminClient::ask`] gives it as an answer.
    ///
    /// # Errors
    /// When nobody answers, or not with a success.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(&Method::POST, path, Some(body))?.into_success()
    }

    /// The same by PUT.
    ///
    /// # Errors
    /// When nobody answers, or not with a success.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(&Method::PUT, path, Some(body))?.into_success()
    }

    /// Asks, and gives whatever is answered.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send(method, path, body)
    }

    /// The same with a body of any media type.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn send(&self, method: &Method, path: &str, body: Option<(&str, Vec<u8>)>) -> anyhow::Result<Answer> {
        let url = self.base.join(path).with_context(|| format!("`{path}` is no path"))?;
        let mut request = self.http.request(method.clone(), url).header(ACCEPT, "application/json");
        if let Some((media_type, bytes)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(bytes);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let whole = async {
            let mut response = request.send().await?;
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > ANSWER_BYTES_MAX {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((response.status().as_u16(), bytes))
        };
        let bounded = async { tokio::time::timeout(self.timeout, whole).await };
        match self.runtime.block_on(bounded) {
            Err(_) => bail!(
                "{}: no answer within {:?}; --answer-timeout gives it longer",
                self.base(),
                self.timeout
            ),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Ok(Ok((status, bytes))) if bytes.len() <= ANSWER_BYTES_MAX => {
                Ok(Answer { status, body: parsed(&bytes) })
            }
            Ok(Ok(_)) => bail!("{}: the answer is larger than {ANSWER_BYTES_MAX} bytes", self.base()),
        }
    }

    /// What went wrong on the way, down to its cause, and what to do.
    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.to_string();
        let advice = if cause.contains("certificate") || cause.contains("UnknownIssuer") {
            "--ca names the authority that issued the gateway's certificate"
        } else if error.is_connect() {
            "is the gateway running, with `admin` in its configuration? --admin or RINGGATE_ADMIN say where it listens"
        } else {
            "does it speak TLS there? then --admin begins with https://"
        };
        anyhow!("{}: {cause}\n  {advice}", self.base())
    }
}

impl Access {
    fn token(&self) -> anyhow::Result<Option<String>> {
        let text = match &self.token_file {
            None => variable("RINGGATE_ADMIN_TOKEN"),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.with_context(|| format!("--token-file {}", path.display()))?)
            }
        };
        let token = text.map(|text| text.trim().to_owned()).filter(|token| !token.is_empty());
        match &token {
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                bail!("the token holds what cannot stand in a field: only visible ASCII can")
            }
            _ => Ok(token),
        }
    }

    fn tls(&self) -> Result<rustls::ClientConfig, TlsError> {
        let base = std::env::current_dir().unwrap_or_default();
        let pair = self.client_cert.clone().zip(self.client_key.clone());
        let certificate = pair.map(|(cert, key)| KeyPairConfig { cert, key });
        let config = ClusterTlsConfig { ca: self.ca.clone(), certificate, ..ClusterTlsConfig::default() };
        client_config(&config, &base)
    }
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `127.0.0.1:9090` is as good as a URL.
fn base(written: &str) -> anyhow::Result<Url> {
    let whole = if written.contains("://") { written.to_owned() } else { format!("http://{written}") };
    let url = Url::parse(&whole).map_err(|error| anyhow!("--admin {written}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        bail!("--admin {written}: write http://ADDRESS:PORT or https://NAME:PORT");
    }
    Ok(url)
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

/// Text as one segment of a path: `unix:/run/api.sock` is one too.
pub fn segment(text: &str) -> String {
    percent_encoded(text, b"-._~:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_as_good_as_a_url() {
        for (written, url) in [
            ("127.0.0.1:9090", "http://127.0.0.1:9090/"),
            ("[::1]:9090", "http://[::1]:9090/"),
            ("https://gw1.example:9443", "https://gw1.example:9443/"),
        ] {
            assert_eq!(base(written).unwrap().as_str(), url);
        }
        for wrong in ["ftp://a", "http://", "http:///x y"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("unix:/run/a b.sock"), "unix:%2Frun%2Fa%20b.sock");
        assert_eq!(segment("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(segment("a?b#c%"), "a%3Fb%23c%25");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let answer = |status, body| Answer { status, body };
        let no = answer(401, serde_json::json!({ "code": "unauthorized", "detail": "No." }));
        let said = no.into_success().unwrap_err().to_string();
        assert!(said.contains("No. (unauthorized)") && said.contains("--token-file"), "{said}");
        assert!(answer(200, Value::Null).into_success().is_ok());
        let bare = answer(502, Value::String("Bad Gateway\n".to_owned()));
        assert_eq!(bare.into_success().unwrap_err().to_string(), "Bad Gateway (status 502)");
    }
}
