//! A file that is there whole or not at all, whatever happens while it is written.
//!
//! Written under another name, brought to disk, renamed, and the folder brought to disk too: rename(2) replaces in one
//! step, and after a crash either the old or the new file is there. Nobody else may read: configurations say a lot.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a file is called until it is whole.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";
/// Owner alone.
const FILE_MODE: u32 = 0o600;

/// Puts these bytes into `folder/name`, in place of what is there.
pub(in crate::control) fn write_whole(folder: &Path, name: &str, bytes: &[&[u8]]) -> io::Result<()> {
    let partial = folder.join(format!("{name}{PARTIAL_SUFFIX}"));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&partial)?;
        bytes.iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()?;
        std::fs::rename(&partial, folder.join(name))
    })();
    if written.is_err() {
        // Half of a file is of no use to anybody, and the disk may be full.
        let _ = std::fs::remove_file(&partial);
        return written;
    }
    sync_folder(folder)
}

/// Brings what is in the folder, by name, to disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// At most so many bytes of a file; more is an error.
pub(in crate::control) fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}
