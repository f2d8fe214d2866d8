//! What is looked at of a file to see whether it has changed.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Enough of a file's state to see that it was replaced or written to: device, inode, length, times.
pub type Stamp = [i64; 7];

/// The state of what `path` leads to: links are followed, because they are what is switched by many tools.
///
/// # Errors
/// When it is not there, or may not be looked at.
pub fn stamp(path: &Path) -> io::Result<Stamp> {
    let it = std::fs::metadata(path)?;
    Ok([
        it.dev().cast_signed(),
        it.ino().cast_signed(),
        it.len().cast_signed(),
        it.mtime(),
        it.mtime_nsec(),
        it.ctime(),
        it.ctime_nsec(),
    ])
}
