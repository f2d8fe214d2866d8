//! What is written down of a generation.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::control::config::Config;

/// A generation, without its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub number: u64,
    /// Hash of its content.
    pub hash: String,
    /// Who brought it.
    pub author: String,
    /// What the author said about it.
    pub note: String,
    /// When it was taken, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What became of it.
    pub fate: Fate,
    /// What was different from the one before, a line each.
    pub changes: Vec<String>,
    /// What it was read from: a file, an address.
    pub source: String,
    /// The folder that relative files of secrets and certificates are in.
    pub base: PathBuf,
}

/// What became of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Fate {
    /// Some workers run it, and are watched; or the gateway ended meanwhile.
    UnderWay,
    /// All workers have run it.
    Installed,
    /// It was taken back.
    RolledBack {
        /// Why, in a sentence.
        reason: String,
    },
}

/// A generation with its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What is written down of it.
    pub record: Record,
    /// All of its configuration in one text, which `Document::from_text` reads.
    pub config_text: String,
}

/// All of a configuration in one text: what it includes is in it, and defaults are written out, so that it means the
/// same to a later version. JSON, which is YAML.
pub fn effective_text(config: &Config) -> String {
    let mut value = serde_json::to_value(config).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("include");
    }
    format!("{value:#}\n")
}
