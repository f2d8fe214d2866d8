//! Keys of etcd below a prefix, an endpoint each, followed by a watch.
//!
//! After a change everything below the prefix is read again: one request, whatever has happened meanwhile, and what is
//! reported is of one revision.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::feed::{Found, Sink};
use super::registry::{ANSWER_BYTES_MAX, Attempts, client, found, report, urls};
use crate::config::secret::Environment;
use crate::control::http_client::etcd::{Etcd, Told};
use crate::control::http_client::{Credential, HttpError};
use crate::upstream::config::registries::EtcdConfig;

/// A service that starts writes its keys in a burst; they are read once.
const SETTLES: Duration = Duration::from_millis(50);
/// Then what has come is read, whatever still comes.
const SETTLES_MAX: Duration = Duration::from_secs(1);
/// For how long a watch is believed that says nothing. Then everything is read again.
const WATCHES: Duration = Duration::from_secs(300);

/// Follows the prefix for ever.
pub(super) async fn run(config: EtcdConfig, environment: Environment, sink: Sink) {
    let mut attempts = Attempts::new(&config.prefix);
    loop {
        if let Err(error) = follow(&config, &environment, &sink).await {
            attempts.failed(&sink, &error).await;
        }
    }
}

async fn follow(config: &EtcdConfig, environment: &Environment, sink: &Sink) -> Result<(), HttpError> {
    let urls = urls(&config.addresses)?;
    let client = client(&urls, &config.tls, &environment.base, Credential::None)?;
    let user = match &config.user {
        None => None,
        Some(user) => {
            let password = user.password.read(environment).map_err(|error| HttpError::new(error.reason))?;
            Some((user.name.clone(), password))
        }
    };
    let mut etcd = Etcd::new(client, urls, user);
    loop {
        let range = etcd.range(&config.prefix, ANSWER_BYTES_MAX).await?;
        let mut outcomes = Vec::with_capacity(range.pairs.len());
        for (key, value) in &range.pairs {
            outcomes.push(endpoint(value).await.map_err(|fault| format!("key `{key}`: {fault}")));
        }
        report(sink, outcomes);
        timeout(WATCHES, change(&mut etcd, &config.prefix, range.revision)).await.unwrap_or(Ok(()))?;
    }
}

/// Returns when something has changed behind a revision, or may have.
async fn change(etcd: &mut Etcd, prefix: &str, revision: i64) -> Result<(), HttpError> {
    let mut watch = etcd.watch(prefix, revision.saturating_add(1)).await?;
    loop {
        match watch.next().await? {
            Some(Told::Created | Told::Progress) => {}
            Some(Told::Changed) => break,
            // Forgotten by compaction, or ended by the server.
            Some(Told::Lost) | None => return Ok(()),
        }
    }
    let until = Instant::now() + SETTLES_MAX;
    while Instant::now() < until
        && let Ok(Ok(Some(Told::Changed))) = timeout(SETTLES, watch.next()).await
    {}
    Ok(())
}

/// What a value may be besides `host:port`.
#[derive(Deserialize)]
struct Written {
    /// `Addr` is what gRPC's resolver for etcd writes.
    #[serde(alias = "Addr")]
    address: String,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    tier: u8,
    #[serde(default)]
    zone: Option<String>,
}

async fn endpoint(value: &[u8]) -> Result<Found, String> {
    let text = std::str::from_utf8(value).map_err(|_| "its value is not text".to_owned())?.trim();
    let written = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("its value is not as expected: {error}"))?
    } else {
        Written { address: text.to_owned(), weight: 0, tier: 0, zone: None }
    };
    let parts =
        written.address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port > 0 => {
            let (tier, zone) = (written.tier, written.zone);
            found(host, port, written.weight).await.map(|it| Found { tier, zone, ..it })
        }
        _ => Err(format!("`{}` is not `host:port`", written.address.chars().take(100).collect::<String>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_an_address_alone_or_with_a_weight() {
        let read = async |value: &str| endpoint(value.as_bytes()).await.map(|it| (it.label, it.weight));
        let is = |label: &str, weight| Ok((label.to_owned(), weight));
        assert_eq!(read("192.0.2.1:80\n").await, is("192.0.2.1:80", 0));
        assert_eq!(read("[2001:db8::1]:80").await, is("[2001:db8::1]:80", 0));
        assert_eq!(read(r#"{"address":"192.0.2.1:80","weight":7,"zone":"a"}"#).await, is("192.0.2.1:80", 7));
        assert_eq!(read(r#"{"Op":0,"Addr":"192.0.2.1:80","Metadata":null}"#).await, is("192.0.2.1:80", 0));
        assert_eq!(read("localhost:80").await, is("localhost:80", 0));
        let told = endpoint(br#"{"address":"192.0.2.1:80","tier":2,"zone":"a"}"#).await.unwrap();
        assert_eq!((told.tier, told.zone.as_deref()), (2, Some("a")));
        for wrong in
            ["", "192.0.2.1", ":80", "192.0.2.1:0", "{", r#"{"host":"a:1"}"#, "no-such-host.invalid:80"]
        {
            assert!(read(wrong).await.is_err(), "{wrong}");
        }
        assert!(endpoint(&[0xff]).await.is_err());
    }
}
