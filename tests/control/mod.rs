//! The command line and what stands beside the traffic: check, explain, schema, examples, quick start.

mod check;
mod examples;
mod explain;
mod quickstart;
mod schema;

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
