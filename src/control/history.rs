//! Generations on disk: what was in force when, and which was good.
//!
//! Owns one folder, which one gateway at a time may have. A file per generation, written whole or not at all; what is
//! torn or foreign is passed over with a remark and never keeps the gateway from starting. Bounded: the oldest go, but
//! never the newest nor those known to be good. It decides nothing about generations, and reads no clock.

pub(in crate::control) mod file;
mod folder;
mod record;
mod rejected;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use file::write_whole;
use folder::Folder;
pub use record::{Fate, Record, Stored, effective_text};
use rejected::Rejected;
pub use rejected::Rejection;

/// Generations known to be good that are remembered, newest first: should the newest be damaged, there is another.
const GOOD_MAX: usize = 8;
/// Name of the file that says which are good.
const GOOD_FILE: &str = "good.json";

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Another process has it.
    #[error(
        "history folder `{folder}` is in use by {holder}; give every gateway a folder of its own, \
         or end the other one"
    )]
    InUse {
        /// The folder.
        folder: String,
        /// Who, as far as it is known.
        holder: String,
    },
    /// It cannot be used at all.
    #[error("history folder `{folder}` cannot be used: {reason}")]
    Unusable {
        /// The folder.
        folder: String,
        /// Why.
        reason: io::Error,
    },
}

/// The generations of one gateway on disk.
#[derive(Debug)]
pub struct History {
    folder: Folder,
    keep: usize,
    records: BTreeMap<u64, Record>,
    /// Numbers, newest first.
    good: Vec<u64>,
    rejected: Rejected,
}

#[derive(Default, Serialize, Deserialize)]
struct Good {
    good: Vec<u64>,
}

impl History {
    /// Takes the folder, which is made if there is none, and reads what is in it: the records, oldest first, and what an
    /// operator should know. `keep` is how many generations stay, at least one.
    ///
    /// # Errors
    /// When another process has the folder, or it cannot be used.
    pub fn open(dir: &Path, keep: usize) -> Result<(Self, Vec<Record>, Vec<String>), HistoryError> {
        let (folder, mut remarks) = Folder::take(dir)?;
        let mut records = BTreeMap::new();
        for number in folder.numbers(&mut remarks) {
            match folder.header(number) {
                Ok(record) if record.number == number => drop(records.insert(number, record)),
                Ok(_) => {
                    remarks.push(format!("{}: is about another generation; passed over", folder.name(number)))
                }
                Err(error) => remarks.push(format!("{}: {error}; passed over", folder.name(number))),
            }
        }
        let good = folder.small_file::<Good>(GOOD_FILE, &mut remarks).unwrap_or_default().good;
        let rejected = Rejected::read(&folder, &mut remarks);
        let (known, gone): (Vec<u64>, Vec<u64>) =
            good.iter().partition(|number| records.contains_key(number));
        if let Some(number) = gone.first().filter(|first| known.first().is_none_or(|known| known < first)) {
            remarks.push(format!("generation {number} was good, but its file is gone or damaged"));
        }
        let all = records.values().cloned().collect();
        Ok((Self { folder, keep: keep.max(1), records, good: known, rejected }, all, remarks))
    }

    /// The number for the next generation: higher than any that has been here.
    pub fn next_number(&self) -> u64 {
        let newest = self.records.keys().next_back().copied().unwrap_or(0);
        newest.max(self.rejected.newest()) + 1
    }

    /// All records, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.values()
    }

    /// What is known of a generation.
    pub fn record(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }

    /// Keeps a generation. When this returns it is on disk, and older ones than shall be kept are gone.
    ///
    /// # Errors
    /// When it cannot be written. Nothing has changed then.
    pub fn append(&mut self, record: Record, config_text: &str) -> io::Result<()> {
        self.folder.write_generation(&record, config_text)?;
        self.records.insert(record.number, record);
        self.forget_oldest();
        Ok(())
    }

    /// Writes down what became of a generation that is here.
    ///
    /// # Errors
    /// When it is not here, or cannot be read and written again.
    pub fn settle(&mut self, number: u64, fate: Fate) -> io::Result<()> {
        let Stored { mut record, config_text } = self.read(number)?;
        if record.fate == fate {
            return Ok(());
        }
        record.fate = fate;
        self.folder.write_generation(&record, &config_text)?;
        self.records.insert(number, record);
        Ok(())
    }

    /// A generation with its configuration.
    ///
    /// # Errors
    /// When it is not here or damaged.
    pub fn read(&self, number: u64) -> io::Result<Stored> {
        if !self.records.contains_key(&number) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no generation {number}")));
        }
        self.folder.read_generation(number)
    }

    /// Says that a generation was in force on all workers and stood the test. It is the one to start from when the
    /// source is missing or broken.
    ///
    /// # Errors
    /// When it is not here, or that cannot be written.
    pub fn mark_good(&mut self, number: u64) -> io::Result<()> {
        if !self.records.contains_key(&number) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no generation {number}")));
        }
        if self.good.first() == Some(&number) {
            return Ok(());
        }
        let others = self.good.iter().copied().filter(|other| *other != number);
        let good: Vec<u64> = std::iter::once(number).chain(others).take(GOOD_MAX).collect();
        self.folder.write_small_file(GOOD_FILE, &Good { good: good.clone() })?;
        self.good = good;
        self.forget_oldest();
        Ok(())
    }

    /// The number of the last known good generation.
    pub fn good(&self) -> Option<u64> {
        self.good.first().copied()
    }

    /// Numbers of those that are known to be good, newest first.
    pub fn good_ones(&self) -> &[u64] {
        &self.good
    }

    /// The last known good generation that can be read, and remarks about those that cannot.
    pub fn last_good(&self) -> (Option<Stored>, Vec<String>) {
        let mut remarks = Vec::new();
        for &number in &self.good {
            match self.read(number) {
                Ok(stored) => return (Some(stored), remarks),
                Err(error) => remarks.push(format!("{}: {error}; passed over", self.folder.name(number))),
            }
        }
        (None, remarks)
    }

    /// Remembers that this content was taken back. It is no longer good either.
    ///
    /// # Errors
    /// When it cannot be written. Until the process ends it is remembered all the same.
    pub fn reject(&mut self, rejection: Rejection) -> io::Result<()> {
        self.rejected.add(rejection);
        self.rejected.write(&self.folder)
    }

    /// Why this content is not taken again by itself, if it was taken back.
    pub fn is_rejected(&self, hash: &str) -> Option<&Rejection> {
        self.rejected.find(hash)
    }

    /// Takes back that something was taken back: this content may be tried again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn readmit(&mut self, hash: &str) -> io::Result<()> {
        if self.rejected.remove(hash) { self.rejected.write(&self.folder) } else { Ok(()) }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes how many generations stay.
    pub fn keep(&mut self, keep: usize) {
        self.keep = keep.max(1);
        self.forget_oldest();
    }

    /// Removes the oldest beyond what is kept: not the newest, and not the two that would be started from.
    fn forget_oldest(&mut self) {
        let surplus = self.records.len().saturating_sub(self.keep);
        let newest = self.records.keys().next_back().copied();
        let spared: Vec<u64> = newest.into_iter().chain(self.good.iter().copied().take(2)).collect();
        let oldest: Vec<u64> =
            self.records.keys().copied().filter(|number| !spared.contains(number)).take(surplus).collect();
        for number in oldest {
            // A file that cannot be removed is met again at the next start.
            let _ = self.folder.remove_generation(number);
            self.records.remove(&number);
            self.good.retain(|good| *good != number);
        }
    }
}

/// A generation with its configuration, from the folder of a history that somebody has.
///
/// # Errors
/// When it is not there or damaged.
pub fn peek(folder: &Path, number: u64) -> io::Result<Stored> {
    folder::read_generation(folder, number)
}

/// The folder that systemd gives a service for what outlives it (`StateDirectory=`).
pub fn folder_from(state_directory: Option<&str>) -> Option<PathBuf> {
    // Several are separated by colons; the first is the service's own.
    state_directory?.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
}
