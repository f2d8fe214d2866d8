//! `ringgate breaker`: what is believed of services, and breakers held by hand.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::client::{Access, AdminClient, segment};

/// Show the breakers and verdicts of a running gateway, or hold a breaker open or closed.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate breaker                                           all of them, and why
  ringgate breaker open --cluster orders --note 'migration'  nothing goes there
  ringgate breaker close --cluster orders --endpoint 10.0.0.7:8080
  ringgate breaker auto --route checkout                     it does what it does again

What is held stays so across reloads, until it is let go or the gateway ends.")]
pub struct Breaker {
    /// What becomes of it. Without, all are shown.
    #[arg(value_enum)]
    action: Option<Action>,
    /// Of this cluster.
    #[arg(long, conflicts_with = "route")]
    cluster: Option<String>,
    /// Of this endpoint of the cluster, as it is written or as its registry names it.
    #[arg(long, requires = "cluster")]
    endpoint: Option<String>,
    /// Of this route.
    #[arg(long)]
    route: Option<String>,
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    Open,
    Close,
    Auto,
}

impl Breaker {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        let Some(action) = self.action else {
            show(&client.get("/verdicts")?);
            return Ok(ExitCode::SUCCESS);
        };
        let path = match (&self.cluster, &self.endpoint, &self.route) {
            (Some(cluster), None, _) => format!("/clusters/{}/breaker", segment(cluster)),
            (Some(cluster), Some(endpoint), _) => {
                format!("/clusters/{}/endpoints/{}/breaker", segment(cluster), segment(endpoint))
            }
            (None, _, Some(route)) => format!("/routes/{}/breaker", segment(route)),
            (None, _, None) => {
                anyhow::bail!("say which one: --cluster, --cluster with --endpoint, or --route")
            }
        };
        let state = match action {
            Action::Open => "open",
            Action::Close => "closed",
            Action::Auto => "auto",
        };
        let answer = client.put(&path, &json!({ "state": state, "note": self.note }))?;
        println!("{}", answer["result"].as_str().unwrap_or(state));
        Ok(ExitCode::SUCCESS)
    }
}

fn show(verdicts: &Value) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (clusters, routes) = (list(&verdicts["clusters"]), list(&verdicts["routes"]));
    if clusters.is_empty() && routes.is_empty() {
        println!("nothing is judged: no cluster has `health`, `outliers` or a breaker, and no route has one");
    }
    for route in &routes {
        println!("route {}", text(&route["name"]));
        line("  ", "breaker", &route["breaker"]);
    }
    for cluster in &clusters {
        println!("cluster {}", text(&cluster["name"]));
        line("  ", "breaker", &cluster["breaker"]);
        for endpoint in list(&cluster["endpoints"]) {
            let reason = endpoint["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            println!("  {:<24} {}{reason}", text(&endpoint["label"]), text(&endpoint["state"]));
            line("    ", "breaker", &endpoint["breaker"]);
        }
    }
}

fn line(indent: &str, what: &str, breaker: &Value) {
    if breaker.is_null() {
        return;
    }
    let held = if breaker["held"] == "auto" { "" } else { " (held)" };
    println!("{indent}{what} {}{held}: {}", text(&breaker["state"]), text(&breaker["reason"]));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
