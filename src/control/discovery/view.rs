//! What there is to see of clusters' endpoints: for the operator's listener and for metrics.

use serde::Serialize;

use crate::control::desk::EndpointState;

/// A cluster as it is now, in the newest generation that has it.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterView {
    /// Its name.
    pub name: String,
    /// What is asked for its endpoints, as `dns orders.internal`; None where they are written.
    pub source: Option<String>,
    /// How long ago the source has answered the last time; None where it never has, or there is none.
    pub age_ms: Option<u64>,
    /// Why it has not answered since, if it has not.
    pub failure: Option<String>,
    /// A loss that is not believed yet.
    pub held_back: Option<HeldBack>,
    /// Answers of its source, the same again included.
    pub answers: u64,
    /// Times the source could not be asked, or not be understood.
    pub failures: u64,
    /// What has happened since the gateway started.
    #[serde(flatten)]
    pub counts: Counts,
    /// Addresses of its last answer that were refused.
    pub refused: Vec<String>,
    /// In the order of their addresses, or as they are written.
    pub endpoints: Vec<EndpointView>,
}

/// A loss of endpoints that is not believed yet.
#[derive(Debug, Clone, Serialize)]
pub struct HeldBack {
    /// Endpoints that would be gone.
    pub endpoints: usize,
    /// How long it is still held back, if it stays.
    pub left_ms: u64,
}

/// What has happened since the gateway started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Times the endpoints in use have changed.
    pub updates: u64,
    /// Times a loss was held back.
    pub losses_held_back: u64,
    /// Addresses that were refused, each once for as long as it is reported.
    pub addresses_refused: u64,
}

impl Counts {
    /// Adds what has happened since.
    pub(super) fn add(&mut self, more: Self) {
        self.updates += more.updates;
        self.losses_held_back += more.losses_held_back;
        self.addresses_refused += more.addresses_refused;
    }
}

/// An endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointView {
    /// As it is written, or as its source names it.
    pub label: String,
    /// Where it listens.
    pub address: String,
    /// Its share relative to the others.
    pub weight: u32,
    /// Lower ones are used first.
    pub tier: u8,
    /// Where it is, if that is known.
    pub zone: Option<String>,
    /// Whether the operator lets it be used.
    pub state: EndpointState,
    /// Why it is used although, or not used because.
    pub standing: Standing,
}

/// How an endpoint stands with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Written, or reported.
    Present,
    /// Not reported any more, in use until that is believed.
    Leaving,
    /// Reported, not used until it has stayed for a while.
    Damped,
}
