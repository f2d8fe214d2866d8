//! `ringgate endpoint`: takes an endpoint of a cluster out of use, or back.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::client::{Access, AdminClient, segment};

/// Take an endpoint of a running gateway's cluster out of use, or back.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate endpoint orders 10.0.0.7:8080 drain      no new requests; those under way end by themselves
  ringgate endpoint orders 10.0.0.7:8080 disable    and its idle connections are closed at once
  ringgate endpoint orders 10.0.0.7:8080 enable

It holds across reloads until it is taken back or the gateway ends.")]
pub struct Endpoint {
    /// The cluster's name.
    cluster: String,
    /// The endpoint, as it is written or as its registry names it; `ringgate` shows it at /clusters.
    endpoint: String,
    /// What becomes of it.
    #[arg(value_enum)]
    action: Action,
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    Drain,
    Disable,
    Enable,
}

impl Endpoint {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let state = match self.action {
            Action::Drain => "drained",
            Action::Disable => "disabled",
            Action::Enable => "active",
        };
        let path =
            format!("/clusters/{}/endpoints/{}/state", segment(&self.cluster), segment(&self.endpoint));
        let order = json!({ "state": state, "note": self.note });
        let answer = AdminClient::open(&self.access)?.put(&path, &order)?;
        println!("{}", answer["result"].as_str().unwrap_or(state));
        Ok(ExitCode::SUCCESS)
    }
}
