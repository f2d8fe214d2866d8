//! `ringgate drain`: the running gateway finishes what is in flight and ends, as at SIGTERM.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::client::{Access, AdminClient};

/// Have the running gateway finish what is in flight and end.
#[derive(Args)]
#[command(after_help = "Example:
  ringgate drain --note 'host goes down for repair'

Readiness falls first, so that load balancers send nothing more here; `limits.drain_timeout` bounds it.")]
pub struct Drain {
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

impl Drain {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let answer = AdminClient::open(&self.access)?.post("/drain", &json!({ "note": self.note }))?;
        println!("{}", answer["result"].as_str().unwrap_or("draining"));
        Ok(ExitCode::SUCCESS)
    }
}
