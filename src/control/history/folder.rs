//! The folder of a history: who has it, what is in it.
//!
//! `lock` is held by the process that has the folder; `0000000042.generation` is a generation: a line of JSON about it,
//! and its configuration. Two small files say what is good and what was taken back. Whatever else is here stays.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::HistoryError;
use super::file::{PARTIAL_SUFFIX, read_bounded, sync_folder, write_whole};
use super::record::{Record, Stored};

/// Longest line about a generation; the texts in it are bounded.
const HEADER_BYTES_MAX: u64 = 1 << 20;
/// Largest configuration: includes add up, and writing out defaults makes it larger than its files.
const CONFIG_BYTES_MAX: u64 = 256 << 20;
/// Largest of the small files.
const SMALL_FILE_BYTES_MAX: u64 = 1 << 20;
const SUFFIX: &str = ".generation";
const LOCK_FILE: &str = "lock";
const FOLDER_MODE: u32 = 0o700;

/// A folder that this process has.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Unlocked by the kernel when it is closed, however the process ends.
    _lock: File,
}

/// The first line of a generation's file.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    record: Record,
    config_bytes: u64,
    config_sha256: String,
}

impl Folder {
    /// Takes a folder, made where there is none, and clears away what was being written when a process ended.
    pub(super) fn take(path: &Path) -> Result<(Self, Vec<String>), HistoryError> {
        let unusable = |reason| HistoryError::Unusable { folder: path.display().to_string(), reason };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(unusable)?;
        let lock = lock(path)?;
        let mut remarks = Vec::new();
        for name in names(path).map_err(unusable)? {
            if name.ends_with(PARTIAL_SUFFIX) {
                remarks.push(format!("{name}: was being written when a gateway ended; removed"));
                // One that stays is written over.
                let _ = std::fs::remove_file(path.join(name));
            }
        }
        Ok((Self { path: path.to_owned(), _lock: lock }, remarks))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a generation.
    pub(super) fn name(&self, number: u64) -> String {
        format!("{number:010}{SUFFIX}")
    }

    /// Generations that have a file, in order.
    pub(super) fn numbers(&self, remarks: &mut Vec<String>) -> Vec<u64> {
        let names = names(&self.path).unwrap_or_else(|error| {
            remarks.push(format!("{}: {error}", self.path.display()));
            Vec::new()
        });
        let number = |name: &String| -> Option<u64> {
            let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
            (self.name(number) == *name).then_some(number)
        };
        for name in names.iter().filter(|name| name.ends_with(SUFFIX) && number(name).is_none()) {
            remarks.push(format!("{name}: is no generation of this gateway; passed over"));
        }
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// What is written about a generation, if all of its configuration seems to be there.
    pub(super) fn header(&self, number: u64) -> io::Result<Record> {
        let mut file = File::open(self.path.join(self.name(number)))?;
        let (header, begins) = read_header(&mut file)?;
        let bytes = file.metadata()?.len();
        if bytes != begins + header.config_bytes {
            return Err(damaged("is cut short or has something after its end"));
        }
        Ok(header.record)
    }

    /// A generation with its configuration, which is what was written.
    pub(super) fn read_generation(&self, number: u64) -> io::Result<Stored> {
        let mut file = File::open(self.path.join(self.name(number)))?;
        let (header, begins) = read_header(&mut file)?;
        file.seek(SeekFrom::Start(begins))?;
        let mut config_text = String::new();
        file.take(CONFIG_BYTES_MAX).read_to_string(&mut config_text)?;
        if config_text.len() as u64 != header.config_bytes || digest(&config_text) != header.config_sha256 {
            return Err(damaged("its configuration is not what was written"));
        }
        Ok(Stored { record: header.record, config_text })
    }

    pub(super) fn write_generation(&self, record: &Record, config_text: &str) -> io::Result<()> {
        let header = Header {
            record: record.clone(),
            config_bytes: config_text.len() as u64,
            config_sha256: digest(config_text),
        };
        let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
        if header.len() as u64 >= HEADER_BYTES_MAX || config_text.len() as u64 > CONFIG_BYTES_MAX {
            return Err(io::Error::other("too large for the history"));
        }
        write_whole(&self.path, &self.name(record.number), &[&header, b"\n", config_text.as_bytes()])
    }

    pub(super) fn remove_generation(&self, number: u64) -> io::Result<()> {
        std::fs::remove_file(self.path.join(self.name(number)))?;
        sync_folder(&self.path)
    }

    /// A small file, if there is one and it makes sense.
    pub(super) fn small_file<T: DeserializeOwned>(&self, name: &str, remarks: &mut Vec<String>) -> Option<T> {
        let read = read_bounded(&self.path.join(name), SMALL_FILE_BYTES_MAX)
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from));
        match read {
            Ok(value) => Some(value),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                remarks.push(format!("{name}: {error}; passed over"));
                None
            }
        }
    }

    pub(super) fn write_small_file<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
        write_whole(&self.path, name, &[&bytes, b"\n"])
    }
}

fn lock(path: &Path) -> Result<File, HistoryError> {
    let folder = path.display().to_string();
    let name = path.join(LOCK_FILE);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(name);
    let mut file = match open {
        Ok(file) => file,
        Err(reason) => return Err(HistoryError::Unusable { folder, reason }),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                process => format!("process {process}"),
            };
            return Err(HistoryError::InUse { folder, holder });
        }
        Err(TryLockError::Error(reason)) => return Err(HistoryError::Unusable { folder, reason }),
    }
    // Who has it is said for people; that it cannot be written shows when a generation is.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir(path)?.filter_map(Result::ok);
    Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// The first line, and where the configuration begins.
fn read_header(file: &mut File) -> io::Result<(Header, u64)> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(file).take(HEADER_BYTES_MAX);
    let length = reader.read_until(b'\n', &mut line)? as u64;
    if line.last() != Some(&b'\n') {
        return Err(damaged("is cut short"));
    }
    let header = serde_json::from_slice(&line).map_err(|error| damaged(&error.to_string()))?;
    Ok((header, length))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
