//! What reading a configuration looked at on disk, so that it can be told later whether reading it again would find
//! something else.
//!
//! Stamps are taken before a file is read: what changes in between differs at the next look. Links are followed, because that is
//! how Kubernetes replaces the files of a ConfigMap and other tools theirs.

use std::path::{Path, PathBuf};

use super::files::expand;
use crate::control::stamp::{Stamp, stamp};

/// Files and lists of files, as they were at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// A folder, a pattern with a star, and what was found.
    lists: Vec<(PathBuf, String, Vec<PathBuf>)>,
}

impl Looked {
    /// A file that is about to be read, or that should be there.
    pub fn at_file(&mut self, path: &Path) {
        self.files.push((path.to_owned(), stamp(path).ok()));
    }

    /// A list that is about to be followed.
    pub fn at_list(&mut self, folder: &Path, pattern: &str) {
        self.lists.push((folder.to_owned(), pattern.to_owned(), list(folder, pattern)));
    }

    /// The same files and lists as they are now.
    pub fn again(&self) -> Self {
        Self {
            files: self.files.iter().map(|(path, _)| (path.clone(), stamp(path).ok())).collect(),
            lists: self
                .lists
                .iter()
                .map(|(folder, pattern, _)| (folder.clone(), pattern.clone(), list(folder, pattern)))
                .collect(),
        }
    }

    /// The first file that is not there.
    pub fn missing(&self) -> Option<&Path> {
        self.files.iter().find(|(_, stamp)| stamp.is_none()).map(|(path, _)| path.as_path())
    }
}

fn list(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    // A folder that cannot be read has nothing in it until it can.
    expand(folder, pattern).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As the kubelet does it: files are links into `..data`, which is a link that is replaced by rename.
    #[test]
    fn a_link_that_is_switched_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("a.yaml"), "same length").unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.yaml", at("a.yaml")).unwrap();
        let mut looked = Looked::default();
        looked.at_file(&at("a.yaml"));
        looked.at_list(folder.path(), "*.yaml");
        assert_eq!(looked, looked.again());
        symlink("..2", at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_ne!(looked, looked.again());
    }

    #[test]
    fn files_that_come_go_or_are_replaced_by_rename_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.yaml"), "1").unwrap();
        let look = || {
            let mut looked = Looked::default();
            looked.at_file(&at("a.yaml"));
            looked.at_list(folder.path(), "*.yaml");
            looked
        };
        let first = look();
        std::fs::write(at("b.yaml"), "").unwrap();
        assert_ne!(first, first.again());
        let second = look();
        std::fs::write(at("a.yaml~"), "2").unwrap();
        assert_eq!(second, second.again());
        std::fs::rename(at("a.yaml~"), at("a.yaml")).unwrap();
        assert_ne!(second, second.again());
        std::fs::remove_file(at("a.yaml")).unwrap();
        assert_eq!(second.again().missing(), Some(&*at("a.yaml")));
    }
}
