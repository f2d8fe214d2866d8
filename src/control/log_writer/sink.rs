//! Where log lines go: a standard stream or a file.
//!
//! Owns the descriptor. A file is appended to, created with 0640 and known by device and inode, so that one that
//! was moved away is noticed. Writes are not buffered here.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at whether the file is still at its path.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The standard output.
    Stdout,
    /// The standard error stream.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

impl LogTarget {
    /// `stdout`, `stderr` or a path.
    pub fn parse(text: &str) -> Self {
        match text {
            "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            path => Self::File(PathBuf::from(path)),
        }
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("stdout"),
            Self::Stderr => formatter.write_str("stderr"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// An open target.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) target: LogTarget,
    file: File,
    looked: Instant,
}

impl Sink {
    pub(super) fn open(target: LogTarget) -> io::Result<Self> {
        let file = match &target {
            LogTarget::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            LogTarget::Stderr => File::from(io::stderr().as_fd().try_clone_to_owned()?),
            LogTarget::File(path) => OpenOptions::new().append(true).create(true).mode(0o640).open(path)?,
        };
        Ok(Self { target, file, looked: Instant::now() })
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.file.write(lines)
    }

    /// On an error the present file stays open.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if matches!(self.target, LogTarget::File(_)) {
            *self = Self::open(self.target.clone())?;
        }
        Ok(())
    }

    /// Whether another file, or none, is at the path now. Looks once in [`LOOK_INTERVAL`].
    pub(super) fn is_moved_away(&mut self) -> bool {
        let LogTarget::File(path) = &self.target else { return false };
        if self.looked.elapsed() < LOOK_INTERVAL {
            return false;
        }
        self.looked = Instant::now();
        let Ok(open) = self.file.metadata() else { return false };
        match fs::metadata(path) {
            Ok(there) => (there.dev(), there.ino()) != (open.dev(), open.ino()),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}
