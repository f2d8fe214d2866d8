//! The command line and what stands beside the traffic: check, explain, doctor, health,
//! schema, examples, quick start, and life under a service manager.

mod check;
mod doctor;
mod examples;
mod explain;
mod health;
mod quickstart;
mod schema;
mod systemd;

use std::path::PathBuf;

/// A configuration in a file of its own.
struct Written {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Written {
    fn new(yaml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("gateway.yaml");
        std::fs::write(&path, yaml).expect("the directory is ours");
        Self { _directory: directory, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }
}
