//! What is told of a release, as JSON.

use serde::Serialize;

use super::standing::Phase;

/// What is told of a release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseView {
    /// The route.
    pub route: String,
    /// What goes on.
    pub phase: Phase,
    /// Its variants.
    pub variants: Vec<ShareView>,
    /// The ramp that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampView>,
    /// Why it was changed last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who has changed it last; nobody where it is as written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// When, in milliseconds since 1970.
    pub changed_unix_ms: u64,
}

/// A variant and what it gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShareView {
    /// Its name.
    pub variant: String,
    /// The cluster behind it.
    pub cluster: String,
    /// Its share of the requests, 0 to 1.
    pub share: f64,
    /// Requests so far.
    pub requests: u64,
    /// Of those, the ones that failed with 500 and above.
    pub errors: u64,
}

/// A ramp that is under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RampView {
    /// Whose share is raised.
    pub variant: String,
    /// Which step, from 1.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// How long the step is watched at least, in milliseconds.
    pub hold_ms: u64,
    /// How long it has been watched.
    pub watched_ms: u64,
    /// Requests of the variant since the step began.
    pub requests: u64,
    /// Requests of the others since then.
    pub requests_others: u64,
    /// What is waited for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub waits_for: String,
}
