//! What feeds of registries have in common: their client, their patience, and addresses that are names.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::feed::{Found, Sink};
use crate::config::secret::{Environment, SecretSource};
use crate::control::http_client::backoff::{Backoff, seed};
use crate::control::http_client::{Credential, HttpClient, HttpError, Url};
use crate::upstream::config::registries::RegistryTlsConfig;

/// Largest answer: some tens of thousands of endpoints.
pub(super) const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Between two attempts at a registry that does not answer, at most.
const LONGEST: Duration = Duration::from_secs(60);
/// What went well for so long begins anew with short waits when it fails.
const SETTLED: Duration = Duration::from_secs(60);
/// To resolve a name that a registry gave instead of an address.
const RESOLVES_WITHIN: Duration = Duration::from_secs(5);

/// Attempts at a registry, one after another for ever.
pub(super) struct Attempts {
    backoff: Backoff,
    begun: Instant,
}

impl Attempts {
    pub(super) fn new(what: &str) -> Self {
        Self { backoff: Backoff::new(seed(what), LONGEST), begun: Instant::now() }
    }

    /// Reports why an attempt has ended, and waits until the next may begin.
    pub(super) async fn failed(&mut self, sink: &Sink, error: &HttpError) {
        sink.failed(error.to_string());
        // Not at the first answer: one that answers, and then fails at once, is not to be asked in a loop.
        if self.begun.elapsed() > SETTLED {
            self.backoff.succeeded();
        }
        sleep(self.backoff.failed()).await;
        self.begun = Instant::now();
    }
}

/// Written addresses as URLs. They have been checked with the configuration.
pub(super) fn urls(addresses: &[String]) -> Result<Vec<Url>, HttpError> {
    let parse = |address: &String| {
        Url::parse(address).map_err(|error| HttpError::new(format!("`{address}` cannot be used: {error}")))
    };
    addresses.iter().map(parse).collect()
}

/// A client of these addresses.
pub(super) fn client(
    urls: &[Url],
    tls: &RegistryTlsConfig,
    base: &Path,
    credential: Credential,
) -> Result<HttpClient, HttpError> {
    HttpClient::new(urls, &tls.client(), base, credential)
}

/// A token, read anew each time it is asked for.
pub(super) fn token(
    source: Option<&SecretSource>,
    environment: &Environment,
    kind: fn(crate::config::secret::Secret) -> Credential,
) -> Result<Credential, HttpError> {
    match source.map(|source| source.read(environment)) {
        None => Ok(Credential::None),
        Some(Ok(token)) => Ok(kind(token)),
        Some(Err(error)) => Err(HttpError::new(error.reason)),
    }
}

/// An endpoint of a registry: a host, which is nearly always an address, with its port.
pub(super) async fn found(host: &str, port: u16, weight: u32) -> Result<Found, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let (address, label) = match bare.parse::<IpAddr>() {
        Ok(ip) => {
            let address = SocketAddr::new(ip, port);
            (address, address.to_string())
        }
        Err(_) => (resolved(bare, port).await?, format!("{bare}:{port}")),
    };
    Ok(Found { weight, ..Found::plain(address, label) })
}

/// The first IPv4 address of a name, as everywhere.
async fn resolved(host: &str, port: u16) -> Result<SocketAddr, String> {
    let looking = timeout(RESOLVES_WITHIN, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = match looking {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => return Err(format!("`{host}` cannot be resolved: {error}")),
        Err(_) => return Err(format!("`{host}` was not resolved in time")),
    };
    let best = found.iter().find(|addr| addr.is_ipv4()).or_else(|| found.first());
    best.copied().ok_or_else(|| format!("`{host}` has no address"))
}

/// Reports what was found, and what of it could not be understood.
pub(super) fn report(sink: &Sink, outcomes: Vec<Result<Found, String>>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(one) => found.push(one),
            Err(fault) => faults.push(fault),
        }
    }
    sink.found(found);
    if let Some(first) = faults.first() {
        let more = faults.len() - 1;
        sink.failed(if more > 0 { format!("{first}, and {more} more") } else { first.clone() });
    }
}
