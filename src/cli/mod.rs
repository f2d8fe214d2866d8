//! The command line: `ringgate run | check | explain | doctor | health | reload | ...`.
//!
//! The only floor that reads the process's arguments and environment. Commands do their work elsewhere; here they
//! are named, explained and printed.

mod audit;
mod breaker;
mod check;
pub mod client;
mod diff;
mod doctor;
mod drain;
mod endpoint;
mod explain;
mod health;
mod history;
mod key;
pub mod origin;
mod recent;
mod release;
mod reload;
mod revoke;
mod rollback;
mod rollout;
mod run;
mod sample;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::secret::Environment;
use crate::control::sources::{Source, SourceAccess};

const ABOUT: &str = "An API gateway: one pinned io_uring event loop per CPU core, nothing shared on the path of a \
    request.";

const EXAMPLES: &str = "Examples:
  ringgate run config/quickstart.yaml
  ringgate check gateway.yaml
  ringgate explain GET http://api.example.com/orders/7 -c gateway.yaml
  ringgate doctor gateway.yaml";

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
    /// Look at the machine: what keeps the gateway from running well here, what it costs, how to mend it.
    Doctor(doctor::Doctor),
    /// Ask a running gateway whether it is well, as a health check does.
    Health(health::Health),
    /// Have a running gateway read its configuration again.
    Reload(reload::Reload),
    /// List the generations of a running gateway: what changed, who wanted it, what became of it.
    History(history::History),
    /// Tell what differs between configurations, in the words of the configuration.
    Diff(diff::Diff),
    /// Have a running gateway go back to a former generation.
    Rollback(rollback::Rollback),
    /// Show or steer the rollout of a running gateway.
    Rollout(rollout::Rollout),
    /// Show or steer releases behind routes: canary, blue and green.
    Release(release::Release),
    /// Have a running gateway finish what is in flight and end.
    Drain(drain::Drain),
    /// Take an endpoint of a running gateway out of use, or back.
    Endpoint(endpoint::Endpoint),
    /// Show what is believed of services, or hold a breaker of a running gateway open or closed.
    Breaker(breaker::Breaker),
    /// Revoke a credential on a running gateway, and cut what still runs for it.
    Revoke(revoke::Revoke),
    /// Make, list and revoke API keys; make lines of password files.
    Key(key::Key),
    /// Look at the audit log: who changed what, and whether nobody has altered it.
    Audit(audit::Audit),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Example:\n  ringgate schema > ringgate.schema.json")]
    Schema,
    /// Make keys and tokens (JWT) for trying out, or look into a token.
    Token(token::Token),
    /// Run the sample origin alone: it echoes what it gets.
    Origin(sample::Origin),
    /// Print the version.
    Version,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let command = Cli::try_parse().unwrap_or_else(|error| refuse(&error)).command;
    let outcome = match command {
        Command::Run(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Health(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::History(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Rollout(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Drain(command) => command.run(),
        Command::Endpoint(command) => command.run(),
        Command::Breaker(command) => command.run(),
        Command::Revoke(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Schema => schema(),
        Command::Token(command) => command.run(),
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

/// Wrong usage of commands whose small exit codes are findings (EX_USAGE of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Says what is wrong with the arguments, or the help that was asked for.
fn refuse(error: &clap::Error) -> ! {
    let has_findings = std::env::args().nth(1).is_some_and(|name| name == "doctor" || name == "health");
    if has_findings && error.use_stderr() {
        let _ = error.print();
        std::process::exit(i32::from(EXIT_USAGE));
    }
    error.exit()
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

/// The source that is written on the command line, with what this process proves itself with to it.
fn source(text: &str, environment: &Environment) -> anyhow::Result<Source> {
    let access = SourceAccess::from_environment(environment).map_err(anyhow::Error::msg)?;
    Source::parse(text, access).map_err(anyhow::Error::msg)
}
