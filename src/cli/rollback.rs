//! `ringgate rollback`: a running gateway goes back to a former generation.

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::client::{Access, AdminClient};
use super::reload::print_outcome;

/// Have the running gateway go back to a former generation, on all workers at once.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate rollback                  to the one before; a rollout under way is taken back
  ringgate rollback 5 --note 'orders time out'

The source still says what it says: what was gone back from is not taken again until the source changes, or
`ringgate reload` has it tried again.")]
pub struct Rollback {
    /// The generation's number, as `ringgate history` lists it.
    generation: Option<u64>,
    /// Why, for the history and the audit log.
    #[arg(long, default_value = "")]
    note: String,
    /// Print the gateway's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl Rollback {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let order = match self.generation {
            Some(to) => json!({ "to": to, "note": self.note }),
            None => json!({ "note": self.note }),
        };
        let answer = AdminClient::open(&self.access)?.ask(&Method::POST, "/rollback", Some(&order))?;
        print_outcome(answer, self.json)
    }
}
