//! `ringgate check`: every mistake of a configuration at once.
//!
//! For people on stderr, with a last line that counts; for programs one JSON document on stdout. Exit code 1 if
//! there is an error, 0 with warnings alone. The other commands read their configuration through here too.

use std::process::ExitCode;

use clap::Args;

use super::client::Access;
use super::recent::{self, against_recent};
use crate::config::diagnostic::Diagnostics;
use crate::config::secret::Environment;
use crate::control::check::{Loaded, load_and_compile_fetched};
use crate::control::sources::Source;
use crate::proxy::snapshot::Snapshot;

/// Check a configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate check gateway.yaml          diagnostics for people; exit code 1 if there is an error
  ringgate check --json gateway.yaml   one JSON document for programs
  ringgate check conf.d                all .yaml and .yml files of a folder
  ringgate check next.yaml --against-recent     which recent requests would meet something else
  ringgate check https://config.example.com/gateway.yaml
  ringgate check etcd://127.0.0.1:2379/gateway/

Secrets are read and names of endpoints resolved, as they are at the start.

A source elsewhere is shown the token in RINGGATE_SOURCE_TOKEN: HTTP as a bearer's, Consul as an ACL's, etcd as
`user:password`. RINGGATE_SOURCE_CA is a file of the authorities to trust, RINGGATE_SOURCE_CERT and RINGGATE_SOURCE_KEY
are the gateway's own certificate.")]
pub struct Check {
    /// File, folder, or URL with http(s), consul or etcd.
    source: String,
    /// Print diagnostics as JSON.
    #[arg(long)]
    json: bool,
    /// Tell which recent requests of a running gateway would meet something else.
    #[arg(long)]
    against_recent: bool,
    /// Exit with 1 if there are any.
    #[arg(long, requires = "against_recent")]
    fail_on_change: bool,
    #[command(flatten)]
    access: Access,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let environment = super::environment();
        let source = super::source(&self.source, &environment)?;
        let (diagnostics, compiled) = match read(&source, &environment, 0)? {
            Ok((loaded, snapshot)) => (loaded.warnings.clone(), Some((loaded, snapshot))),
            Err(diagnostics) => (diagnostics, None),
        };
        let replay = match &compiled {
            Some((_, snapshot)) if self.against_recent => Some(against_recent(&self.access, snapshot)?),
            _ => None,
        };
        if self.json {
            let mut document = serde_json::to_value(&diagnostics)?;
            if let (Some(members), Some(replay)) = (document.as_object_mut(), &replay) {
                members.insert("replay".to_owned(), serde_json::to_value(replay)?);
            }
            println!("{document:#}");
        } else {
            if let Some((loaded, snapshot)) = &compiled {
                println!("{}", praise(source.describe(), loaded, snapshot));
            }
            print(&diagnostics);
            replay.iter().for_each(recent::print);
        }
        let is_other = self.fail_on_change && replay.is_some_and(|replay| replay.changed > 0);
        Ok(if compiled.is_some() && !is_other { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn praise(described: &str, loaded: &Loaded, snapshot: &Snapshot) -> String {
    let config = &loaded.config;
    format!(
        "{described}: ok: {}, {}, {}, hash {}",
        count(config.listeners.len(), "listener"),
        count(config.routes.len(), "route"),
        count(config.clusters.len(), "cluster"),
        snapshot.hash
    )
}

/// The configuration of a command. What is wrong is printed, and there is none if that has errors.
pub(super) fn compiled_from(
    source: &Source,
    environment: &Environment,
    generation: u64,
) -> anyhow::Result<Option<(Loaded, Snapshot)>> {
    Ok(match read(source, environment, generation)? {
        Ok(it) => Some(remarked(it)),
        Err(diagnostics) => {
            print(&diagnostics);
            None
        }
    })
}

fn remarked((loaded, snapshot): (Loaded, Snapshot)) -> (Loaded, Snapshot) {
    remark(&loaded);
    (loaded, snapshot)
}

/// Prints its warnings.
pub(super) fn remark(loaded: &Loaded) {
    if !loaded.warnings.is_empty() {
        print(&loaded.warnings);
    }
}

/// Reads a source, checks and compiles what it says.
fn read(
    source: &Source,
    environment: &Environment,
    generation: u64,
) -> anyhow::Result<Result<(Loaded, Snapshot), Diagnostics>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(source.read(environment)) {
        Ok(fetched) => load_and_compile_fetched(&fetched, environment, generation),
        Err(error) => Err(error.diagnostics(source.describe())),
    })
}

/// Prints what is wrong, and how much.
pub(super) fn print(diagnostics: &Diagnostics) {
    let errors = count(diagnostics.error_count(), "error");
    eprintln!("{diagnostics}{errors}, {}", count(diagnostics.warning_count(), "warning"));
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
