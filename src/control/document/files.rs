//! Which files a name means, and what is in them: stars, bounds, UTF-8.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::config::parse::TEXT_BYTES_MAX;
use crate::config::units::UnitError;

/// The files that an include means, relative to the folder, in the order of their names.
pub(super) fn expand(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, UnitError> {
    let path = Path::new(pattern);
    let within = path.parent().unwrap_or(Path::new(""));
    let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| !pattern.ends_with('/'))
    else {
        return Err(UnitError::new(format!("`{pattern}` is not a file")).hint("write conf.d/*.yaml"));
    };
    if within.to_string_lossy().contains('*') {
        return Err(UnitError::new("`*` can only be in the name of a file, not of a folder")
            .hint("write conf.d/*.yaml"));
    }
    if !name.contains('*') {
        return Ok(vec![path.to_owned()]);
    }
    let searched = folder.join(within);
    let listing = std::fs::read_dir(if searched.as_os_str().is_empty() { Path::new(".") } else { &searched })
        .map_err(|error| UnitError::new(format!("folder `{}` cannot be read: {error}", within.display())))?;
    let mut found: Vec<PathBuf> = listing
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // As in a shell: a hidden file, such as an editor's copy, has to be named.
        .filter(|candidate| {
            (name.starts_with('.') || !candidate.starts_with('.')) && is_like(name, candidate)
        })
        .map(|candidate| within.join(candidate))
        .collect();
    found.sort();
    Ok(found)
}

/// Whether `name` is like `pattern`, where `*` stands for any text.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

pub(super) fn read_text(path: &Path) -> Result<String, UnitError> {
    let failed = |error: std::io::Error| UnitError::new(format!("cannot be read: {error}"));
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(UnitError::new("is a folder").hint("give a file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    // One more than the bound, so that what is too large is seen to be.
    file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + memchr::memchr_iter(b'\n', &error.as_bytes()[..good]).count();
        UnitError::new(format!("line {line} is not UTF-8 text")).hint("save the file as UTF-8")
    })
}

pub(super) fn too_large() -> UnitError {
    UnitError::new(format!("larger than {} MiB", TEXT_BYTES_MAX >> 20))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, like) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(is_like(pattern, name), like, "{pattern} {name}");
        }
    }
}
