//! Contents that were taken back, so that a restart or another look at the same source does not take them again.
//!
//! Known by their hash. Bounded: the oldest are forgotten.

use std::io;

use serde::{Deserialize, Serialize};

use super::folder::Folder;

/// Contents that are remembered. Sources that bring more than that in bad ones have another problem.
const REJECTED_MAX: usize = 100;
/// Where they are written down.
const REJECTED_FILE: &str = "rejected.json";

/// A content that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Its hash.
    pub hash: String,
    /// The generation it was.
    pub generation: u64,
    /// Why, in a sentence.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
}

/// All of them, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rejected {
    rejected: Vec<Rejection>,
}

impl Rejected {
    pub(super) fn read(folder: &Folder, remarks: &mut Vec<String>) -> Self {
        folder.small_file(REJECTED_FILE, remarks).unwrap_or_default()
    }

    pub(super) fn write(&self, folder: &Folder) -> io::Result<()> {
        folder.write_small_file(REJECTED_FILE, self)
    }

    pub(super) fn add(&mut self, rejection: Rejection) {
        self.remove(&rejection.hash);
        self.rejected.push(rejection);
        let surplus = self.rejected.len().saturating_sub(REJECTED_MAX);
        self.rejected.drain(..surplus);
    }

    pub(super) fn remove(&mut self, hash: &str) -> bool {
        let before = self.rejected.len();
        self.rejected.retain(|rejection| rejection.hash != hash);
        self.rejected.len() != before
    }

    pub(super) fn find(&self, hash: &str) -> Option<&Rejection> {
        self.rejected.iter().find(|rejection| rejection.hash == hash)
    }

    /// The highest number of a generation among them.
    pub(super) fn newest(&self) -> u64 {
        self.rejected.iter().map(|rejection| rejection.generation).max().unwrap_or(0)
    }
}
