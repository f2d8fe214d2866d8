//! A machine made of files, for scripts that take `--root`.
//!
//! Owns a temporary folder that stands for `/`. Anything a script changes is seen by comparing what all files hold.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::repository;

/// A scratch machine.
pub struct Tree(tempfile::TempDir);

/// What a script did.
pub struct Ran {
    pub code: i32,
    pub said: String,
}

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file with a line end, as the kernel does, and the folders above it.
    pub fn write(&self, path: &str, line: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{line}\n")).unwrap();
    }

    /// A program of the scratch machine.
    pub fn program(&self, path: &str, script: &str) {
        self.write(path, script);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub fn setting(&self, key: &str, value: &str) {
        self.write(&format!("proc/sys/{}", key.replace('.', "/")), value);
    }

    #[track_caller]
    pub fn value(&self, path: &str) -> String {
        let text = std::fs::read_to_string(self.path(path));
        text.unwrap_or_else(|error| panic!("{path}: {error}")).trim_end_matches('\n').to_owned()
    }

    #[track_caller]
    pub fn setting_is(&self, key: &str, value: &str) {
        assert_eq!(self.value(&format!("proc/sys/{}", key.replace('.', "/"))), value, "{key}");
    }

    /// Every file and what it holds.
    pub fn everything(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        collect(self.0.path(), &mut found);
        found
    }

    /// Runs a script of `tuning/` on this machine.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Ran {
        let output = Command::new(repository(&format!("tuning/{script}")))
            .args(["--root", self.0.path().to_str().unwrap()])
            .args(arguments)
            .env("RINGGATE_ETHTOOL", self.path("ethtool"))
            .env_remove("RINGGATE_TUNING_STATE")
            .output()
            .expect("the scripts are executable");
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
        Ran { code: output.status.code().expect("no signal ended it"), said }
    }
}

impl Ran {
    #[track_caller]
    pub fn ends_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}", self.said);
        self.said
    }

    #[track_caller]
    pub fn says(self, code: i32, lines: &[&str]) -> String {
        let said = self.ends_with(code);
        for line in lines {
            assert!(said.lines().any(|had| had.contains(line)), "'{line}' is not in:\n{said}");
        }
        said
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
        }
    }
}
