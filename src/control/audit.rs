//! The audit log: every change, by whom, from where, with what result; appended and never altered.
//!
//! Owns the file (or, without one, the last lines in memory) and the chain: each line carries the hash of the one
//! before, so that none can be altered or taken out unnoticed. A line is on the disk before its change begins. What
//! is found broken is said and left as it is; a new segment begins behind it.

pub mod chain;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use self::chain::{Head, Verified, verify};
use crate::rt::clock;
use crate::rt::say::say;
use crate::telemetry::timestamp::TimestampCache;

/// Lines that `/audit` can show, and all there is without a file.
const SHOWN_MAX: usize = 1_000;

/// Something that was, or is about to be, changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Entry {
    /// Name of the token or certificate, or what noticed by itself: `file`, `signal`.
    pub author: String,
    /// `read`, `write`, or `gateway` for what nobody asked for.
    pub role: String,
    /// Where it was asked from; empty for what came from within.
    pub address: String,
    /// `reload`, `rollback`, `rollout`, `endpoint`, `log_level`, `drain`.
    pub action: String,
    /// What was asked for in particular.
    pub parameters: Value,
    /// `asked` before a change; afterwards what became of it.
    pub outcome: String,
}

/// The log. A clone is a handle to the same one.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    file: Option<File>,
    head: Head,
    shown: VecDeque<Value>,
    seconds: TimestampCache,
}

impl Audit {
    /// A log in memory alone: the last lines, for as long as the process lives.
    pub fn in_memory() -> Self {
        Self::of(None, Verified::default())
    }

    /// The log that a configuration wants: in its own file, else in the state folder, else in memory. What there is to
    /// say is said.
    ///
    /// # Errors
    /// A sentence, when it cannot be had.
    pub fn begin(written: Option<&Path>, base: &Path, state: Option<&Path>) -> Result<Self, String> {
        let path = written.map(|path| base.join(path)).or_else(|| state.map(|state| state.join("audit.log")));
        let Some(path) = path else { return Ok(Self::in_memory()) };
        let (audit, broken) =
            Self::open(&path).map_err(|error| format!("audit log {}: {error}", path.display()))?;
        for line in broken {
            say(format_args!("{line}"));
        }
        Ok(audit)
    }

    /// Opens the log at `path`, made where it is missing, and verifies it. What is broken in it is the second value:
    /// sentences for the operator. For this process alone as long as it lives.
    ///
    /// # Errors
    /// When it cannot be opened, read or written, or another process has it.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<String>)> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => io::Error::other("another process writes to it"),
            std::fs::TryLockError::Error(error) => error,
        })?;
        file.seek(SeekFrom::Start(0))?;
        let found = verify(BufReader::new(&file), SHOWN_MAX)?;
        let (breaks, ends_in_line) = (found.breaks.clone(), found.ends_in_line);
        if !ends_in_line {
            file.write_all(b"\n")?;
        }
        let begins_anew = found.is_broken_at_end || !breaks.is_empty() && !found.has_segment_after_breaks;
        let anchor = found.anchor(!ends_in_line);
        let audit = Self::of(Some(file), found);
        let mut said: Vec<String> = breaks
            .iter()
            .map(|it| format!("audit log {}: line {}: {}", path.display(), it.line, it.reason))
            .collect();
        if begins_anew {
            audit.lock().head.previous = anchor;
            let parameters = json!({ "broken_lines": breaks.iter().map(|it| it.line).collect::<Vec<_>>() });
            audit.write(&Entry {
                author: "gateway".to_owned(),
                role: "gateway".to_owned(),
                action: chain::SEGMENT.to_owned(),
                parameters,
                outcome: "done".to_owned(),
                ..Entry::default()
            })?;
            said.push(format!(
                "audit log {}: it was altered or cut off; a new segment begins, what is there stays as it is",
                path.display()
            ));
        }
        Ok((audit, said))
    }

    fn of(file: Option<File>, found: Verified) -> Self {
        let shown = found.tail;
        Self(Arc::new(Mutex::new(Inner {
            file,
            head: found.head,
            shown,
            seconds: TimestampCache::default(),
        })))
    }

    /// Appends a line and waits until it is on the disk. Its number in the log.
    ///
    /// # Errors
    /// When it could not be written. The change must not be made then.
    pub fn write(&self, entry: &Entry) -> io::Result<u64> {
        let mut inner = self.lock();
        let seq = inner.head.seq + 1;
        let time = inner.seconds.at(clock::wall_ms());
        let (line, head) = chain::line(seq, time.as_bytes(), entry, &inner.head.previous);
        if let Some(file) = &mut inner.file {
            let before = file.metadata()?.len();
            if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
                // Half a line would break the chain for good.
                let _ = file.set_len(before);
                return Err(error);
            }
        }
        inner.head = head;
        if inner.shown.len() == SHOWN_MAX {
            inner.shown.pop_front();
        }
        inner.shown.push_back(serde_json::from_str(&line).unwrap_or_default());
        Ok(seq)
    }

    /// The lines before number `before`, the newest first, at most `limit`.
    pub fn lines(&self, before: Option<u64>, limit: usize) -> Vec<Value> {
        let inner = self.lock();
        let is_asked = |line: &&Value| before.is_none_or(|before| line["seq"].as_u64() < Some(before));
        inner.shown.iter().rev().filter(is_asked).take(limit).cloned().collect()
    }

    /// Number and hash of the last line: noted elsewhere, they show that nothing was cut off at the end.
    pub fn head(&self) -> (u64, String) {
        let inner = self.lock();
        (inner.head.seq, inner.head.previous.clone())
    }

    /// Whether it is in a file.
    pub fn is_kept(&self) -> bool {
        self.lock().file.is_some()
    }

    /// One whose file takes no writes, as on a full disk.
    #[cfg(test)]
    pub(super) fn unwritable(path: &Path) -> Self {
        Self::of(File::open(path).ok(), Verified::default())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
