//! What the steward writes down, so that a restart knows it: generations, which are good, which were taken back.
//!
//! Where there is no folder for it, what was taken back is remembered until the process ends, and the rest is not. What
//! cannot be written is said and counted; it keeps no change from coming into force.

use std::collections::BTreeMap;
use std::io;

use super::config::Config;
use super::generation::Generation;
use super::history::{Fate, History, Record, Rejection, Stored, effective_text};
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::level::Level;

/// Generations whose fate is remembered without a history: more than can be kept in memory.
const FATES_MAX: usize = 1_000;

/// Writes generations down.
#[derive(Debug, Default)]
pub struct Chronicle {
    history: Option<History>,
    /// Reasons by hash, of what was taken back since the process began.
    taken_back: BTreeMap<String, String>,
    /// What became of generations since the process began.
    fates: BTreeMap<u64, Fate>,
    /// What could not be written.
    failures: u64,
}

impl Chronicle {
    /// One that writes into this history, or nowhere.
    pub fn new(history: Option<History>) -> Self {
        Self { history, ..Self::default() }
    }

    /// The history, where there is one.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// What could not be written since the process began.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// The number for a generation after `number`.
    pub fn next_number(&self, number: u64) -> u64 {
        self.history.as_ref().map_or(0, History::next_number).max(number + 1)
    }

    /// Writes a generation down before it is installed. One that is there already stays as it is.
    pub fn write(&mut self, generation: &Generation, source: &str) {
        self.keep(&generation.config);
        let record = Record {
            number: generation.number,
            hash: generation.hash.clone(),
            author: generation.change.author.clone(),
            note: generation.change.note.clone(),
            unix_ms: generation.unix_ms,
            fate: Fate::UnderWay,
            changes: generation.changes.clone(),
            source: source.to_owned(),
            base: generation.base.clone(),
        };
        let is_known =
            |history: &History| history.record(record.number).is_some_and(|known| known.hash == record.hash);
        self.attempt("write the generation", |history| {
            if is_known(history) {
                Ok(())
            } else {
                history.append(record.clone(), &effective_text(&generation.config))
            }
        });
    }

    /// All workers run it, and it stood the test.
    pub fn good(&mut self, number: u64) {
        self.remember(number, Fate::Installed);
        self.attempt("write down what is good", |history| {
            history.settle(number, Fate::Installed)?;
            history.mark_good(number)
        });
    }

    /// It was taken back. With `is_rejected` its content is not taken again by itself.
    pub fn taken_back(&mut self, generation: &Generation, reason: &str, is_rejected: bool) {
        let (number, hash) = (generation.number, generation.hash.clone());
        self.remember(number, Fate::RolledBack { reason: reason.to_owned() });
        if is_rejected {
            self.taken_back.insert(hash.clone(), format!("generation {number} was taken back: {reason}"));
        }
        let rejection =
            Rejection { hash, generation: number, reason: reason.to_owned(), unix_ms: clock::wall_ms() };
        self.attempt("write down what was taken back", |history| {
            if is_rejected {
                history.reject(rejection.clone())?;
            }
            history.settle(number, Fate::RolledBack { reason: rejection.reason.clone() })
        });
    }

    /// Whether all workers have run it, and it was not taken back since.
    pub fn is_good(&self, number: u64) -> bool {
        self.fate(number) == Some(&Fate::Installed)
    }

    /// Why it was taken back, if it was.
    pub fn why_taken_back(&self, number: u64) -> Option<String> {
        match self.fate(number)? {
            Fate::RolledBack { reason } => Some(reason.clone()),
            _ => None,
        }
    }

    /// The last good generation before this one.
    pub fn good_before(&self, number: u64) -> Option<u64> {
        self.history.as_ref()?.good_ones().iter().copied().find(|&good| good != number)
    }

    fn fate(&self, number: u64) -> Option<&Fate> {
        let on_disk = || self.history.as_ref()?.record(number).map(|record| &record.fate);
        self.fates.get(&number).or_else(on_disk)
    }

    fn remember(&mut self, number: u64, fate: Fate) {
        self.fates.insert(number, fate);
        while self.fates.len() > FATES_MAX {
            self.fates.pop_first();
        }
    }

    /// Why this content is not taken by itself, if it was taken back.
    pub fn refusal(&self, hash: &str) -> Option<String> {
        let on_disk = || self.history.as_ref()?.is_rejected(hash).map(told);
        self.taken_back.get(hash).cloned().or_else(on_disk)
    }

    /// This content may be tried again.
    pub fn readmit(&mut self, hash: &str) {
        self.taken_back.remove(hash);
        self.attempt("write down what was taken back", |history| history.readmit(hash));
    }

    /// A former generation from disk.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn stored(&self, number: u64) -> io::Result<Stored> {
        let none = || io::Error::new(io::ErrorKind::NotFound, "no history is kept on disk");
        self.history.as_ref().ok_or_else(none)?.read(number)
    }

    fn keep(&mut self, config: &Config) {
        if let Some(history) = &mut self.history {
            history.keep(config.changes.history as usize);
        }
    }

    fn attempt(&mut self, what: &str, write: impl FnOnce(&mut History) -> io::Result<()>) {
        let Some(history) = &mut self.history else { return };
        if let Err(error) = write(history) {
            self.failures += 1;
            say_at(Level::Error, format_args!("history: cannot {what}: {error}"));
        }
    }
}

/// Why a content is not taken by itself.
pub fn told(rejection: &Rejection) -> String {
    format!("generation {} was taken back: {}", rejection.generation, rejection.reason)
}
