//! One configuration with everything that was made of it, and what is told of it.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::config::Config;
use super::desk::Change;
use crate::proxy::snapshot::Snapshot;
use crate::route::table::Table;
use crate::shared::{Counter, Frozen, Gauge};
use crate::worker::spawn::tables;

/// A configuration that is, was or may be in force.
pub struct Generation {
    /// Counts up from 1 with every configuration that was taken. One that comes back keeps its number.
    pub number: u64,
    /// Digest of the effective configuration.
    pub hash: String,
    /// Who wanted it, and why.
    pub change: Change,
    /// When it was taken, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The effective configuration.
    pub config: Frozen<Config>,
    /// Where its files are looked for.
    pub base: PathBuf,
    /// What is different from the one before, in the words of the configuration.
    pub changes: Vec<String>,
    /// When another one took its place.
    pub replaced: Option<Instant>,
    /// What workers run.
    pub snapshot: Frozen<Snapshot>,
    /// Routers of each worker, one per listener. Held here so that control drops them, not a worker.
    pub tables: Vec<Frozen<Vec<Table>>>,
}

/// Routers of a snapshot for so many workers, each with its own, so that none walks another's memory.
///
/// # Errors
/// A sentence, when the routes cannot be searched.
pub fn tables_of_workers(snapshot: &Snapshot, workers: usize) -> Result<Vec<Frozen<Vec<Table>>>, String> {
    (0..workers).map(|_| tables(snapshot).map(Frozen::new)).collect()
}

/// What a generation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// New exchanges run on it.
    InForce,
    /// Some workers run it, and are watched.
    RollingOut,
    /// It is gone, but for exchanges that began on it.
    Former,
}

/// What is told of a generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerationView {
    /// Counts up from 1.
    pub number: u64,
    /// Digest of the effective configuration.
    pub hash: String,
    /// Who wanted it.
    pub author: String,
    /// Why.
    pub note: String,
    /// When it was taken, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What it is doing.
    pub standing: Standing,
    /// Workers that run it.
    pub workers: Vec<usize>,
    /// Exchanges and switched connections that began on it and go on, where it is a former one.
    pub exchanges: u64,
    /// Bytes that went to clients on it meanwhile.
    pub bytes: u64,
    /// What is different from the one before.
    pub changes: Vec<String>,
    /// Whether all workers have run it and it stood the test.
    pub is_good: bool,
    /// Why it was taken back, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<String>,
}

/// Which configuration is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationLabel {
    /// Counts up from 1 with every configuration.
    pub number: u64,
    /// Digest of the configuration, so that several gateways can be compared.
    pub hash: String,
}

/// How reloads went. The steward is their only writer.
#[derive(Debug, Default)]
pub struct ReloadFigures {
    /// Brought into force, or on their way.
    pub installed: Counter,
    /// Nothing was different.
    pub unchanged: Counter,
    /// Wrong in some way.
    pub refused: Counter,
    /// Back to a former generation.
    pub rolled_back: Counter,
    /// 1 if the last one was not refused.
    pub was_last_good: Gauge,
    /// When the last one that was not refused came, in seconds since 1970.
    pub last_good_seconds: Gauge,
    /// Microseconds from reading to the last worker, of the last one that was brought into force.
    pub last_took_micros: Gauge,
    /// Generations that are kept, the one in force among them.
    pub kept: Gauge,
    /// Former generations that something still runs on.
    pub former: Gauge,
    /// What runs on them.
    pub former_exchanges: Gauge,
}
