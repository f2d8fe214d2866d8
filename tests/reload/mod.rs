//! Configurations that change while everything goes on.

mod listeners;
mod streams;
mod swaps;
mod wrong;

use std::path::PathBuf;

use crate::harness::{Gateway, eventually};

/// A gateway with a file that is written anew.
pub struct Reloadable {
    pub gateway: Gateway,
    pub file: PathBuf,
    generation: f64,
}

impl Reloadable {
    /// Starts with this configuration; `admin` and `changes` are added.
    #[track_caller]
    pub fn start(yaml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, whole(yaml)).expect("the directory is ours");
        Self { gateway: Gateway::start_file(&file, directory, &[]), file, generation: 1.0 }
    }

    /// Writes a configuration and has it read.
    pub fn write(&self, yaml: &str) {
        std::fs::write(&self.file, whole(yaml)).expect("the directory is ours");
        self.gateway.signal(libc::SIGHUP);
    }

    /// The same, and waits until it is in force everywhere.
    #[track_caller]
    pub fn install(&mut self, yaml: &str) {
        self.write(yaml);
        self.generation += 1.0;
        self.reaches(self.generation);
    }

    /// Waits until all workers run this generation.
    #[track_caller]
    pub fn reaches(&self, generation: f64) {
        eventually("every worker has it", || {
            let workers = self.gateway.admin_get("/workers").json();
            let all = workers["workers"].as_array().expect("a list").iter();
            all.map(|worker| worker["generation"].as_f64()).all(|it| it == Some(generation))
                && workers["generation"]["number"].as_f64() == Some(generation)
        });
    }
}

fn whole(yaml: &str) -> String {
    // What a rollout adds to it is tested in `rollout`.
    let changes = if yaml.contains("changes:") { "" } else { "changes: {rollout: off}\n" };
    format!("admin: {{address: '127.0.0.1:0'}}\n{yaml}\n{changes}")
}

/// One listener, one route that answers with this text.
pub fn answering(text: &str) -> String {
    format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         routes: [{{name: all, respond: {{status: 200, body: {text}}}}}]\n"
    )
}

/// One listener, one route to this endpoint.
pub fn forwarding(endpoint: impl std::fmt::Display, note: &str) -> String {
    format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{origin: {{endpoints: ['{endpoint}']}}}}\n\
         routes: [{{name: all, cluster: origin, policies: {{headers: {{response: {{set: {{x-note: {note}}}}}}}}}}}]\n"
    )
}
