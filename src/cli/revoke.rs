//! `ringgate revoke`: credentials that are good no more.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::client::{Access, AdminClient, segment};
use reqwest::Method;

/// Revoke a credential on a running gateway, and cut what still runs for it; or take that back.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate revoke token 0b7c-41                       a token, by its `jti`
  ringgate revoke session s-77                        all tokens of a session, by `sid`
  ringgate revoke key acme-2026                       an API key, by its id
  ringgate revoke subject ann --until 1767225600      what was issued to ann up to then
  ringgate revoke subject ann --undo
  ringgate revoke                                     how many there are, and from where

Workers refuse it within a fiftieth of a second. It survives a restart where the gateway runs with `--state`.")]
pub struct Revoke {
    /// What is revoked. Without, nothing is; what is in force is shown.
    #[arg(value_enum, requires = "name")]
    kind: Option<Kind>,
    /// Its name.
    name: Option<String>,
    /// Of a subject: only what was issued up to this second since 1970.
    #[arg(long)]
    until: Option<u64>,
    /// Takes the revocation back.
    #[arg(long, requires = "name", conflicts_with = "until")]
    undo: bool,
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Token,
    Session,
    Key,
    Subject,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Key => "key",
            Self::Subject => "subject",
        }
    }
}

impl Revoke {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        let (Some(kind), Some(name)) = (self.kind, &self.name) else {
            println!("{:#}", client.get("/revocations")?);
            return Ok(ExitCode::SUCCESS);
        };
        let answer = if self.undo {
            let path = format!("/revocations/{}/{}", kind.name(), segment(name));
            // Without a body in JSON the gateway takes it for a page of another site.
            client.ask(&Method::DELETE, &path, Some(&json!({})))?.into_success()?
        } else {
            let mut order = json!({ "kind": kind.name(), "name": name, "note": self.note });
            if let Some(until) = self.until {
                order["until"] = json!(until);
            }
            client.post("/revocations", &order)?
        };
        let done = if self.undo { "is good again" } else { "is revoked" };
        println!("{} {name} {done}; {} names are revoked", kind.name(), answer["total"]);
        Ok(ExitCode::SUCCESS)
    }
}
