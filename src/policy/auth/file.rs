//! Files that authenticators live on: read whole, within a bound.

use std::io::Read;
use std::path::Path;

/// The text of a file.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn read_bounded(file: &Path, bytes_max: u64) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    // Before it is opened: opening a named pipe would wait for its writer.
    if !std::fs::metadata(file).map_err(failed)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file).map_err(failed)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("is larger than {} MiB", bytes_max >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_bounded(&file, 4), Ok("text".to_owned()));
        assert!(read_bounded(&file, 3).unwrap_err().contains("larger"));
        std::fs::write(&file, [0xff]).unwrap();
        assert!(read_bounded(&file, 4).unwrap_err().contains("UTF-8"));
        assert!(read_bounded(folder.path(), 4).unwrap_err().contains("not a file"));
        assert!(read_bounded(&folder.path().join("none"), 4).unwrap_err().contains("cannot be read"));
    }
}
