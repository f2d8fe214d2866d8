//! `ringgate check`: every mistake of a configuration at once.
//!
//! For people on stderr, with a last line that counts; for programs one JSON document on stdout. Exit code 1 if
//! there is an error, 0 with warnings alone. The other commands read their configuration through here too.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::config::diagnostic::Diagnostics;
use crate::config::secret::Environment;
use crate::control::check::{Loaded, load_and_compile};
use crate::proxy::snapshot::Snapshot;

/// Check a configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate check gateway.yaml          diagnostics for people; exit code 1 if there is an error
  ringgate check --json gateway.yaml   one JSON document for programs

Secrets are read and names of endpoints resolved, as they are at the start.")]
pub struct Check {
    /// The YAML file.
    file: PathBuf,
    /// Print diagnostics as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (diagnostics, compiled) = match load_and_compile(&self.file, &super::environment(), 0) {
            Ok((loaded, snapshot)) => (loaded.warnings.clone(), Some((loaded, snapshot))),
            Err(diagnostics) => (diagnostics, None),
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&diagnostics)?);
        } else {
            if let Some((loaded, snapshot)) = &compiled {
                println!("{}", self.praise(loaded, snapshot));
            }
            print(&diagnostics);
        }
        Ok(if compiled.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn praise(&self, loaded: &Loaded, snapshot: &Snapshot) -> String {
        let config = &loaded.config;
        format!(
            "{}: ok: {}, {}, {}, hash {}",
            self.file.display(),
            count(config.listeners.len(), "listener"),
            count(config.routes.len(), "route"),
            count(config.clusters.len(), "cluster"),
            snapshot.hash
        )
    }
}

/// The configuration of a command. What is wrong is printed, and there is none if that has errors.
pub(super) fn compiled(
    file: &Path,
    environment: &Environment,
    generation: u64,
) -> Option<(Loaded, Snapshot)> {
    match load_and_compile(file, environment, generation) {
        Ok((loaded, snapshot)) => {
            if !loaded.warnings.is_empty() {
                print(&loaded.warnings);
            }
            Some((loaded, snapshot))
        }
        Err(diagnostics) => {
            print(&diagnostics);
            None
        }
    }
}

fn print(diagnostics: &Diagnostics) {
    let errors = count(diagnostics.error_count(), "error");
    eprintln!("{diagnostics}{errors}, {}", count(diagnostics.warning_count(), "warning"));
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
