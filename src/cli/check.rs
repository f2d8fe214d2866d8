//! `ringgate check`: every mistake of a configuration at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::control::check::load;
use crate::control::compile::compile;

/// Check a configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate check gateway.yaml          diagnostics for people; exit code 1 if there is an error
  ringgate check --json gateway.yaml   one JSON document for programs")]
pub struct Check {
    /// The YAML file.
    file: PathBuf,
    /// Print diagnostics as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let environment = super::environment();
        let (diagnostics, loaded) = match load(&self.file, &environment) {
            Ok(loaded) => (loaded.warnings.clone(), Some(loaded)),
            Err(diagnostics) => (diagnostics, None),
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&diagnostics)?);
        } else if !diagnostics.is_empty() {
            eprint!("{}", diagnostics);
        }
        let Some(loaded) = loaded else { return Ok(ExitCode::FAILURE) };
        let snapshot = match compile(&loaded.config, &loaded.document.environment(&environment), 0) {
            Ok(snapshot) => snapshot,
            Err(errors) => {
                super::run::print_compile_errors(&errors);
                return Ok(ExitCode::FAILURE);
            }
        };
        if !self.json {
            let config = &loaded.config;
            println!(
                "{}: ok: {} listeners, {} routes, {} clusters, hash {}",
                self.file.display(),
                config.listeners.len(),
                config.routes.len(),
                config.clusters.len(),
                snapshot.hash
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
