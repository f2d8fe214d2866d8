//! What a gateway begins with: its log, its first generation.

use std::path::PathBuf;

use super::StartError;
use crate::control::check::Loaded;
use crate::control::config::Config;
use crate::control::desk::Change;
use crate::control::generation::{Generation, tables_of_workers};
use crate::control::log_desk::LogDesk;
use crate::proxy::snapshot::Snapshot;
use crate::rt::clock;
use crate::shared::Frozen;

/// Opens the access log, where one is written.
pub(super) fn start_log(log: &LogDesk, config: &Config) -> Result<(), StartError> {
    log.begin(config.access_log.as_ref()).map_err(|error| {
        let to = config.access_log.as_ref().map_or("", |log| &log.to);
        StartError::Missing(format!("access_log.to: cannot open `{to}`: {error}"))
    })
}

/// The generation that `snapshot` begins.
pub(super) fn first_generation(
    loaded: &Loaded,
    snapshot: Frozen<Snapshot>,
    base: PathBuf,
    workers: usize,
) -> Result<Generation, StartError> {
    Ok(Generation {
        number: snapshot.generation,
        hash: snapshot.hash.to_string(),
        change: Change { author: "start".to_owned(), ..Change::default() },
        unix_ms: clock::wall_ms(),
        config: Frozen::new(loaded.config.clone()),
        base,
        changes: Vec::new(),
        replaced: None,
        tables: tables_of_workers(&snapshot, workers).map_err(StartError::Missing)?,
        snapshot,
    })
}
