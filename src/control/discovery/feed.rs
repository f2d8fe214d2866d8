//! The one form of all sources of endpoints: a task that reports what it finds, and that it has failed.
//!
//! A feed reports everything it is told, at once; what is believed of it, and when, is decided elsewhere. It goes on
//! for ever, retries by itself with growing, jittered pauses, and never panics on what it is told.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{consul, dns, etcd, file, kubernetes};
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
    /// Lower ones are used first.
    pub tier: u8,
    /// Where it is, if the source tells.
    pub zone: Option<String>,
}

impl Found {
    /// One of which nothing else is known.
    pub fn plain(address: SocketAddr, label: String) -> Self {
        Self { address, label, weight: 1, tier: 0, zone: None }
    }
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

    /// The source has answered, and it is what it was the last time.
    pub fn still(&self) {
        self.0.send_if_modified(|answer| {
            let has_failed = answer.failure.take().is_some();
            answer.answered_at = Some(Instant::now());
            answer.rounds += 1;
            has_failed
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

/// Pauses after failures in a row: each twice as long as the one before, none longer than half a minute.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);

    /// Before the first failure.
    pub fn new() -> Self {
        Self(Self::FIRST)
    }

    /// How long to wait after another failure, jittered.
    pub fn grow(&mut self) -> Duration {
        let pause = jittered(self.0);
        self.0 = (self.0 * 2).min(Self::LONGEST);
        pause
    }

    /// After a success.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// 90 to 110 % of it, so that a fleet that was started together does not ask together for ever.
pub fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1_000;
    pause.mul_f64(0.9 + random as f64 / 5_000.0)
}

/// Starts the feed for a written form. `environment` has the folder of relative paths, and secrets. Needs a tokio
/// runtime around it.
pub fn start(config: &DiscoverConfig, environment: &Environment, sink: Sink) -> AbortHandle {
    let task = match config {
        DiscoverConfig::Dns(config) => tokio::spawn(dns::run(config.clone(), sink)),
        DiscoverConfig::File(config) => {
            tokio::spawn(file::run(config.clone(), environment.base.clone(), sink))
        }
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
