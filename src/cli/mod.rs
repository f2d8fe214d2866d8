//! The command line: `ringgate run | check | explain | schema | origin | version`.
//!
//! The only floor that reads the process's arguments and environment. Commands do their work elsewhere; here they
//! are named, explained and printed.

mod check;
mod explain;
pub mod origin;
mod run;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::secret::Environment;

const ABOUT: &str = "An API gateway: one pinned io_uring event loop per CPU core, nothing shared on the path of a \
    request.";

const EXAMPLES: &str = "Examples:
  ringgate run config/quickstart.yaml
  ringgate check gateway.yaml
  ringgate explain GET http://api.example.com/orders/7 -c gateway.yaml";

#[derive(Parser)]
#[command(name = "ringgate", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway with a configuration.
    Run(run::Run),
    /// Check a configuration: every mistake at once, with line and hint.
    Check(check::Check),
    /// Tell what a request would meet: route, policies, cluster, and why not others. Sends nothing.
    Explain(explain::Explain),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Example:\n  ringgate schema > ringgate.schema.json")]
    Schema,
    /// Run the sample origin alone: it echoes what it gets.
    Origin(sample::Origin),
    /// Print the version.
    Version,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Schema => schema(),
        Command::Origin(command) => command.run(),
        Command::Version => {
            println!("ringgate {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn schema() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&crate::control::document::schema())?);
    Ok(ExitCode::SUCCESS)
}

/// What a configuration may see of this process.
fn environment() -> Environment {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Environment {
        variables: variables.collect(),
        base: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    }
}
