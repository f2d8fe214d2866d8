//! The one form of all sources of endpoints: a task that reports what it finds, and that it has failed.
//!
//! A feed reports everything it is told, at once; what is believed of it, and when, is decided elsewhere. It goes on
//! for ever, retries by itself with growing, jittered pauses, and never panics on what it is told.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{consul, etcd, kubernetes};
use crate::config::secret::Environment;
use crate::upstream::config::discover::DiscoverConfig;

/// An endpoint that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the source calls it, as `host:port`: shown in metrics and logs. A certificate has to be for its host, unless
    /// [`DiscoverConfig::host`] says otherwise.
    pub label: String,
    /// Share of the requests relative to the others; 0 is taken for 1.
    pub weight: u32,
}

/// The last answer of a feed, and how it is doing.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// What it has found; None before the first answer. Failures do not change it.
    pub endpoints: Option<Vec<Found>>,
    /// When it was last told something, the same again included.
    pub answered_at: Option<Instant>,
    /// Why it has not been told anything the last time it asked. None while all is well.
    pub failure: Option<String>,
    /// Answers so far.
    pub rounds: u64,
    /// Failures so far.
    pub failures: u64,
}

/// Where a feed reports to. A clone reports to the same place.
#[derive(Debug, Clone)]
pub struct Sink(watch::Sender<Answer>);

impl Sink {
    /// A sink, and what sees its last answer.
    pub fn new() -> (Self, watch::Receiver<Answer>) {
        let (sender, receiver) = watch::channel(Answer::default());
        (Self(sender), receiver)
    }

    /// Everything there is now, also if nothing has changed: that the source has answered is worth knowing.
    pub fn found(&self, mut endpoints: Vec<Found>) {
        endpoints.sort();
        endpoints.dedup();
        self.0.send_modify(|answer| {
            answer.endpoints = Some(endpoints);
            answer.answered_at = Some(Instant::now());
            answer.failure = None;
            answer.rounds += 1;
        });
    }

    /// The source could not be asked, or what it said could not be understood. A clause, without secrets.
    pub fn failed(&self, reason: impl Into<String>) {
        self.0.send_modify(|answer| {
            answer.failure = Some(reason.into());
            answer.failures += 1;
        });
    }
}

/// Starts the feed for a written form. `environment` has the folder of relative paths, and secrets. Needs a tokio
/// runtime around it.
pub fn start(config: &DiscoverConfig, environment: &Environment, sink: Sink) -> AbortHandle {
    let task = match config {
        DiscoverConfig::Dns(_) => tokio::spawn(async {}),
        DiscoverConfig::File(_) => tokio::spawn(async {}),
        DiscoverConfig::Consul(config) => {
            tokio::spawn(consul::run(config.clone(), environment.clone(), sink))
        }
        DiscoverConfig::Etcd(config) => tokio::spawn(etcd::run(config.clone(), environment.clone(), sink)),
        DiscoverConfig::Kubernetes(config) => {
            tokio::spawn(kubernetes::run(config.clone(), environment.clone(), sink))
        }
    };
    task.abort_handle()
}
