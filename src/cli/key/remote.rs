//! The part of `ringgate key` that talks to a running gateway.

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::row::Row;
use crate::cli::client::{Access, AdminClient, segment};
use crate::policy::auth::api_key::text::{KeyHash, make};

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate key add partners --owner acme --plan gold --expires 90d
  ringgate key add partners --owner acme --hash sha256:...      a key that its owner has already

The gateway needs a state folder (`ringgate run --state DIR`) to keep it in.")]
pub(super) struct Add {
    /// The authenticator that is to take it.
    authenticator: String,
    #[command(flatten)]
    row: Row,
    /// Hash of a key of another maker, as `ringgate key hash` prints it. Default: a key is made and printed.
    #[arg(long)]
    hash: Option<String>,
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

impl Add {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let id = self.row.id()?;
        let (key, hash) = match &self.hash {
            Some(text) => (None, text.parse::<KeyHash>().map_err(anyhow::Error::msg).context("--hash")?),
            None => {
                let key = make(&id, &mut super::fill);
                let hash = KeyHash::of(key.as_bytes());
                (Some(key), hash)
            }
        };
        let row = self.row.written(hash)?;
        let order = json!({ "authenticator": self.authenticator, "id": id, "key": row, "note": self.note });
        let answer = AdminClient::open(&self.access)?.post("/keys", &order)?;
        if let Some(key) = key {
            println!("{key}");
        }
        eprintln!("{}", answer["result"].as_str().unwrap_or("done"));
        Ok(())
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate key list
  ringgate key list partners --search acme --json")]
pub(super) struct List {
    /// Of this authenticator alone.
    authenticator: Option<String>,
    /// Whose id or owner has this in it.
    #[arg(long, default_value = "")]
    search: String,
    /// At most so many, up to 1000.
    #[arg(short = 'n', long, default_value_t = 100)]
    limit: u32,
    /// Print the gateway's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl List {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut path = format!("/keys?limit={}&search={}", self.limit, segment(&self.search));
        if let Some(name) = &self.authenticator {
            path.push_str(&format!("&authenticator={}", segment(name)));
        }
        let answer = AdminClient::open(&self.access)?.get(&path)?;
        if self.json {
            println!("{answer:#}");
            return Ok(());
        }
        let keys = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        for key in keys {
            println!("{}", told(key));
        }
        let more = answer["total"].as_u64().unwrap_or(0).saturating_sub(keys.len() as u64);
        if more > 0 {
            eprintln!("and {more} more");
        }
        for file in answer["files"].as_array().into_iter().flatten().filter(|file| !file["error"].is_null()) {
            let text = |key: &str| file[key].as_str().unwrap_or_default();
            eprintln!("file {} {}", text("file"), text("error"));
        }
        for wrong in answer["wrong"].as_array().into_iter().flatten() {
            let text = |key: &str| wrong[key].as_str().unwrap_or_default();
            eprintln!("{}: {}", text("authenticator"), text("reason"));
        }
        Ok(())
    }
}

/// `partners  7f3k2m9x0a  active  acme  plan gold  scopes orders:read  until 2027-03-31T00:00:00Z`
fn told(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let mut line =
        format!("{}  {}  {:<8}  {}", text("authenticator"), text("id"), text("state"), text("owner"));
    for (name, word) in [("tenant", "tenant"), ("plan", "plan"), ("expires", "until"), ("note", "note")] {
        if !text(name).is_empty() {
            line.push_str(&format!("  {word} {}", text(name)));
        }
    }
    for name in ["scopes", "roles"] {
        let all: Vec<&str> = key[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !all.is_empty() {
            line.push_str(&format!("  {name} {}", all.join(" ")));
        }
    }
    line
}

/// A key of a running gateway.
#[derive(Args)]
struct Which {
    /// The authenticator that takes it.
    authenticator: String,
    /// Its id: what stands between the first two `_` of the key.
    id: String,
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

impl Which {
    fn turn(&self, state: &str) -> anyhow::Result<()> {
        let path = format!("/keys/{}/{}/state", segment(&self.authenticator), segment(&self.id));
        let order = json!({ "state": state, "note": self.note });
        let answer = AdminClient::open(&self.access)?.put(&path, &order)?;
        println!("{}", answer["result"].as_str().unwrap_or(state));
        Ok(())
    }
}

#[derive(Args)]
#[command(after_help = "Example:
  ringgate key revoke partners 7f3k2m9x0a --note 'found in a log'

It holds for keys of files as well, and for ever; streams and connections of the key are cut.")]
pub(super) struct Revoke {
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
#[command(after_help = "Example:
  ringgate key disable partners 7f3k2m9x0a")]
pub(super) struct Disable {
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
#[command(after_help = "Example:
  ringgate key enable partners 7f3k2m9x0a")]
pub(super) struct Enable {
    #[command(flatten)]
    which: Which,
}

impl Revoke {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        self.which.turn("revoked")
    }
}

impl Disable {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        self.which.turn("disabled")
    }
}

impl Enable {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        self.which.turn("active")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_in_a_line() {
        let key = json!({
            "authenticator": "partners", "id": "k1", "state": "active", "owner": "acme", "plan": "gold",
            "scopes": ["a", "b"], "roles": [], "tenant": null, "expires": null, "note": null,
        });
        assert_eq!(told(&key), "partners  k1  active    acme  plan gold  scopes a b");
    }
}
