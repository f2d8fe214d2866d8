//! Reading and compiling, off the control thread and at low priority: ten thousand routes take a CPU a good while, and
//! the workers' clients come first.

use std::path::PathBuf;

use crate::config::diagnostic::Diagnostics;
use crate::config::secret::Environment;
use crate::config::units::UnitError;
use crate::control::check::{
    Loaded, compile_loaded, load_fetched, load_text, needs_restart, unlistenable, unroutable, unwanted,
};
use crate::control::config::Config;
use crate::control::crew::Unlistenable;
use crate::control::generation::tables_of_workers;
use crate::control::history::Stored;
use crate::control::steward::Steward;
use crate::proxy::snapshot::Snapshot;
use crate::route::table::Table;
use crate::shared::Frozen;

/// What a nice process adds to its priority: about a tenth of a CPU that is busy otherwise.
const NICE: libc::c_int = 10;

/// A configuration that could be brought into force.
pub(super) struct Candidate {
    pub(super) loaded: Loaded,
    pub(super) snapshot: Frozen<Snapshot>,
    pub(super) tables: Vec<Frozen<Vec<Table>>>,
    pub(super) warnings: Diagnostics,
    /// Where its files are looked for.
    pub(super) base: PathBuf,
}

impl Steward {
    /// Reads and compiles the source, or a text instead of it.
    pub(super) async fn load(&self, text: Option<String>) -> Result<Candidate, Diagnostics> {
        let environment = self.environment.clone();
        let fetched = match text {
            Some(_) => None,
            None => {
                let fetched = self.source.read(&environment).await;
                Some(fetched.map_err(|error| error.diagnostics(self.source.describe()))?)
            }
        };
        let previous = self.current().snapshot.clone();
        let (number, workers) = (self.next_number, self.crew.len());
        apart(move || {
            let loaded = match fetched {
                Some(fetched) => load_fetched(&fetched, &environment)?,
                None => load_text("request", &text.unwrap_or_default())?,
            };
            candidate(loaded, &environment, number, &previous, workers)
        })
        .await
    }

    /// Compiles a generation that is kept on disk.
    pub(super) async fn load_stored(&self, stored: Stored) -> Result<Candidate, Diagnostics> {
        let environment = self.environment.clone();
        let previous = self.current().snapshot.clone();
        let (number, workers) = (stored.record.number, self.crew.len());
        apart(move || {
            let mut loaded = load_text(&format!("generation {number}"), &stored.config_text)?;
            loaded.document.place(&stored.record.base);
            candidate(loaded, &environment, number, &previous, workers)
        })
        .await
    }

    /// Whether what was read is what runs, down to the values of its secrets.
    pub(super) fn is_in_force(&self, candidate: &Candidate) -> bool {
        let current = &self.current().snapshot;
        current.hash == candidate.snapshot.hash && current.inputs == candidate.snapshot.inputs
    }
}

/// Does the work on another thread, at low priority.
async fn apart(
    work: impl FnOnce() -> Result<Candidate, Diagnostics> + Send + 'static,
) -> Result<Candidate, Diagnostics> {
    let work = move || {
        be_nice();
        work()
    };
    // The hook of panics has told why there is none.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Diagnostics::default()))
}

fn candidate(
    loaded: Loaded,
    environment: &Environment,
    number: u64,
    previous: &Snapshot,
    workers: usize,
) -> Result<Candidate, Diagnostics> {
    let (loaded, snapshot) = compile_loaded(loaded, environment, number, Some(previous))?;
    let tables = tables_of_workers(&snapshot, workers).map_err(|reason| unroutable(&loaded, &reason))?;
    Ok(Candidate {
        warnings: loaded.warnings.clone(),
        base: loaded.document.environment(environment).base,
        loaded,
        snapshot: Frozen::new(snapshot),
        tables,
    })
}

impl Candidate {
    /// An error about the whole of it.
    pub(super) fn refused(&self, code: &'static str, why: UnitError) -> Diagnostics {
        unwanted(&self.loaded, code, why)
    }

    /// The error of an address that cannot be had.
    pub(super) fn unlistenable(&self, wrong: &Unlistenable) -> Diagnostics {
        unlistenable(&self.loaded, wrong.at, &wrong.reason)
    }

    /// What of it shows only at the next start.
    pub(super) fn needs_restart(&self, old: &Config) -> Diagnostics {
        let new = &self.loaded.config;
        let mut all = Diagnostics::default();
        let fixed = [
            ("workers", old.workers != new.workers),
            ("admin", old.admin != new.admin),
            ("sample_origin", old.sample_origin != new.sample_origin),
        ];
        for (path, is_changed) in fixed {
            if is_changed {
                all.extend(needs_restart(&self.loaded, path));
            }
        }
        all
    }
}

fn be_nice() {
    // SAFETY: takes no pointers. Zero is the calling thread; its only failure leaves the priority as it is.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid().cast_unsigned(), NICE) };
}
