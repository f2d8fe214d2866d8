//! What a worker asks control about a token, and what it is told.

use std::hash::{Hash, Hasher};

use reqwest::Url;

use super::config::{ClientAuth, OnFailure};
use super::facts::{Refused, Rules};
use crate::config::secret::Secret;
use crate::policy::principal::Principal;
use crate::shared::frozen::Frozen;
use crate::upstream::config::ClusterTlsConfig;

/// A server that is asked about tokens, and how. Never printed.
pub struct ServerPlan {
    /// Stands for all of it: what is written alike is asked by one client, with one breaker and one memory.
    pub id: [u8; 32],
    /// The authenticator.
    pub name: Box<str>,
    /// Where.
    pub url: Url,
    /// As whom.
    pub client_id: String,
    /// Proved by this.
    pub client_secret: Secret,
    /// In this way.
    pub client_auth: ClientAuth,
    /// How the server proves itself; its files are absolute.
    pub tls: ClusterTlsConfig,
    /// For a whole answer, in milliseconds.
    pub timeout_ms: u64,
    /// What answers are held against.
    pub rules: Rules,
    /// Good answers are remembered for so long.
    pub cache_max_ms: u64,
    /// Bad ones for so long.
    pub cache_negative_ms: u64,
    /// So many.
    pub cache_entries: usize,
    /// Failures in a row that open the breaker, and for how long.
    pub breaker: (u32, u64),
    /// While it does not answer.
    pub on_failure: OnFailure,
    /// Good answers go on for so long then.
    pub stale_max_ms: u64,
}

/// Who is it that shows this token? Never printed.
#[derive(Clone)]
pub struct IntrospectQuestion {
    /// Who is asked.
    pub server: Frozen<ServerPlan>,
    /// About what.
    pub token: Secret,
}

impl PartialEq for IntrospectQuestion {
    fn eq(&self, other: &Self) -> bool {
        self.server.id == other.server.id && self.token.equals(other.token.expose().as_bytes())
    }
}

impl Eq for IntrospectQuestion {}

impl Hash for IntrospectQuestion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.server.id.hash(state);
        self.token.expose().hash(state);
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Introspected {
    /// This one. The milliseconds are how long that may be remembered.
    Known(Frozen<Principal>, u64),
    /// Nobody. The milliseconds as above.
    Refused(Refused, u64),
    /// The server does not answer, or not as it should.
    Unavailable,
}
