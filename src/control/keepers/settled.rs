//! A file that somebody else writes: read when it has changed and then stayed the same for one look.
//!
//! It may be written in place, and half of it may be a whole file to a parser. What cannot be read or understood changes
//! nothing: what was read before stays in use, and the reason is told once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::stamp::{Stamp, stamp};

/// Reads a file; the error follows its name in a sentence.
type Read<T> = fn(&Path) -> Result<T, String>;

/// One file.
pub struct SettledFile<T> {
    /// Where it is.
    pub path: PathBuf,
    read: Read<T>,
    seen: Option<Stamp>,
    taken: Option<Stamp>,
    is_first: bool,
    /// What it says, as far as that was ever known.
    pub value: Option<Arc<T>>,
    /// What is wrong with it now.
    pub error: Option<String>,
}

/// What a look has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Nothing.
    Same,
    /// Another value.
    New,
    /// It cannot be read, or not be understood, since this look.
    Broken,
}

impl<T: Send + Sync + 'static> SettledFile<T> {
    /// The first look reads it as it is.
    pub fn new(path: PathBuf, read: Read<T>) -> Self {
        Self { path, read, seen: None, taken: None, is_first: true, value: None, error: None }
    }

    /// Looks once; reading goes on beside the control thread.
    pub async fn look(&mut self) -> Looked {
        let now = stamp(&self.path).map_err(|error| format!("cannot be read: {error}"));
        let current = now.as_ref().ok().copied();
        let is_settled = self.seen == current || self.is_first;
        self.seen = current;
        self.is_first = false;
        let read = match now {
            Err(reason) => {
                self.taken = None;
                Err(reason)
            }
            Ok(now) if self.taken == Some(now) || !is_settled => return Looked::Same,
            Ok(now) => {
                self.taken = Some(now);
                let (read, path) = (self.read, self.path.clone());
                // The hook of panics has told why there is none.
                let read = tokio::task::spawn_blocking(move || read(&path)).await;
                read.unwrap_or_else(|_| Err("could not be read".to_owned()))
            }
        };
        match read {
            Ok(value) => {
                self.value = Some(Arc::new(value));
                self.error = None;
                Looked::New
            }
            Err(reason) if self.error.as_ref() == Some(&reason) => Looked::Same,
            Err(reason) => {
                self.error = Some(reason);
                Looked::Broken
            }
        }
    }

    /// What is wrong with it, as a sentence for the operator.
    pub fn complaint(&self) -> String {
        let before = if self.value.is_some() { "; what it said before stays in use" } else { "" };
        format!("file `{}` {}{before}", self.path.display(), self.error.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(path: &Path) -> Result<u32, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| "is no number".to_owned())
    }

    #[test]
    fn is_read_when_it_has_settled_and_kept_when_it_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        let mut file = SettledFile::new(path.clone(), number);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let look = |file: &mut SettledFile<u32>| {
            let looked = runtime.block_on(file.look());
            (looked, file.value.as_deref().copied())
        };
        assert_eq!(look(&mut file), (Looked::Broken, None));
        assert_eq!(look(&mut file), (Looked::Same, None), "told once");
        std::fs::write(&path, "7").unwrap();
        assert_eq!(look(&mut file), (Looked::Same, None), "it may still be written");
        assert_eq!(look(&mut file), (Looked::New, Some(7)));
        assert_eq!(look(&mut file), (Looked::Same, Some(7)));
        std::fs::write(&path, "seven").unwrap();
        assert_eq!(look(&mut file), (Looked::Same, Some(7)));
        assert_eq!(look(&mut file), (Looked::Broken, Some(7)));
        assert!(file.complaint().contains("is no number; what it said before stays in use"));
        assert_eq!(look(&mut file), (Looked::Same, Some(7)));
        std::fs::write(&path, "12").unwrap();
        look(&mut file);
        assert_eq!(look(&mut file), (Looked::New, Some(12)));
        assert_eq!(file.error, None);
        let mut fresh = SettledFile::new(path, number);
        assert_eq!(look(&mut fresh), (Looked::New, Some(12)), "the first look does not wait");
    }
}
