//! How it stands with a source: for people, metrics, and between reading and following.

use serde::Serialize;

use super::fetched::{SourceError, Taken};
use crate::rt::clock;
use crate::shared::{Frozen, Published};

/// How it stands with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// The source, without credentials.
    pub described: String,
    /// Of what was last read: an ETag, an index, a revision or a digest. Empty for files.
    pub version: String,
    /// When it last answered, or its files were last seen, in milliseconds since 1970. Zero: never.
    pub fetched_at: u64,
    /// Why it does not answer, while it does not.
    pub failure: Option<String>,
    /// How often it did not.
    pub failures: u64,
}

/// What reading and following know of a source. A clone is a handle to the same.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    state: Published<SourceState>,
    taken: Published<Taken>,
}

impl Ledger {
    pub(super) fn new(described: &str) -> Self {
        let state = SourceState {
            described: described.to_owned(),
            version: String::new(),
            fetched_at: 0,
            failure: None,
            failures: 0,
        };
        Self {
            state: Published::new(Frozen::new(state)),
            taken: Published::new(Frozen::new(Taken::default())),
        }
    }

    pub(super) fn state(&self) -> Published<SourceState> {
        self.state.clone()
    }

    /// What was read last, and how many readings there were, those that failed included.
    pub(super) fn taken(&self) -> (u64, Frozen<Taken>) {
        self.taken.load()
    }

    /// It has been read.
    pub(super) fn read(&self, taken: Taken) {
        self.answered(Some(&taken.version));
        self.taken.publish(Frozen::new(taken));
    }

    /// It could not be read. Counts as a reading: whoever follows sees that its word was heard, in vain.
    pub(super) fn not_read(&self, error: &SourceError) {
        self.failed(error);
        let (_, before) = self.taken.load();
        self.taken.publish(before);
    }

    /// It has answered, perhaps with something to read.
    pub(super) fn answered(&self, version: Option<&str>) {
        let (_, before) = self.state.load();
        let version = version.map_or_else(|| before.version.clone(), str::to_owned);
        let (fetched_at, failures) = (clock::wall_ms(), before.failures);
        let described = before.described.clone();
        let now = SourceState { described, version, fetched_at, failure: None, failures };
        self.state.publish(Frozen::new(now));
    }

    /// It has not answered.
    pub(super) fn failed(&self, error: &SourceError) {
        let (_, before) = self.state.load();
        let mut now = (*before).clone();
        now.failure = Some(error.reason.clone());
        now.failures += 1;
        self.state.publish(Frozen::new(now));
    }
}
