//! `ringgate reload`: the running gateway reads its configuration again; or only says what would become of it.
//!
//! Owns how the outcome of a configuration is told to people, for the other commands that bring one into force too.

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Access, AdminClient, Answer};

/// Have the running gateway read its configuration again.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate reload --note 'longer timeout for orders'
  ringgate reload --dry-run          what would change, and what recent requests would meet
  ringgate reload --now              without the steps of a rollout

Exit codes: 0 it is in force or on its way (with --dry-run: it would be taken), 1 it was refused and nothing has changed.")]
pub struct Reload {
    /// Why, for the history and the audit log.
    #[arg(long, default_value = "")]
    note: String,
    /// On all workers at once, without the steps of a rollout.
    #[arg(long)]
    now: bool,
    /// Change nothing; say what would change.
    #[arg(long, conflicts_with_all = ["note", "now"])]
    dry_run: bool,
    /// Print the gateway's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl Reload {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        let order = json!({ "note": self.note, "now": self.now, "dry_run": self.dry_run });
        print_outcome(client.ask(&Method::POST, "/reload", Some(&order))?, self.json)
    }
}

/// Tells what became of a configuration; exit code 1 where it was refused.
///
/// # Errors
/// When the answer is about something else: no right to ask, nobody there, too much at once.
pub fn print_outcome(answer: Answer, is_json: bool) -> anyhow::Result<ExitCode> {
    let body = if answer.code() == "configuration_refused" { answer.body } else { answer.into_success()? };
    let is_refused = body["outcome"] == "refused";
    if is_json {
        println!("{body:#}");
    } else {
        let report = body["report"].as_str().unwrap_or_default().trim_end();
        if !report.is_empty() {
            eprintln!("{report}");
        }
        println!("{}", told(&body));
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The outcome in words: a line, then what changes, then what recent requests would meet.
fn told(body: &Value) -> String {
    let (generation, hash) = (&body["generation"], body["hash"].as_str().unwrap_or_default());
    let changes = lines(body, "changes");
    let first = match body["outcome"].as_str().unwrap_or_default() {
        "unchanged" => format!("unchanged: generation {generation} says the same"),
        "installed" => format!("installed: generation {generation}, hash {hash}, {}", took(body)),
        "rolling_out" => {
            format!("rolling out: generation {generation}, hash {hash}; `ringgate rollout` shows how it goes")
        }
        "valid" if changes.is_empty() => "valid: it would change nothing".to_owned(),
        "valid" => "valid: nothing has changed; it would change".to_owned(),
        "refused" => format!("refused: nothing has changed, generation {generation} stays in force"),
        other => other.to_owned(),
    };
    let replay = lines(body, "replay");
    let replay = if replay.is_empty() { replay } else { format!("\nrecent requests would meet{replay}") };
    format!("{first}{changes}{replay}")
}

fn lines(body: &Value, key: &str) -> String {
    let all = body[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    all.map(|line| format!("\n  {line}")).collect()
}

fn took(body: &Value) -> String {
    format!("in {:.1} ms", body["took_ms"].as_f64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_in_words() {
        let body = |outcome: &str| {
            json!({ "outcome": outcome, "generation": 4, "hash": "ab", "changes": ["route `a`: timeout 5s -> 8s"],
                    "replay": [], "took_ms": 12.34 })
        };
        assert_eq!(
            told(&body("installed")),
            "installed: generation 4, hash ab, in 12.3 ms\n  route `a`: timeout 5s -> 8s"
        );
        assert!(told(&body("refused")).starts_with("refused: nothing has changed, generation 4 stays"));
        let mut dry = body("valid");
        dry["replay"] = json!(["3 of 5: GET /a from `x` to `y`"]);
        assert!(told(&dry).ends_with("8s\nrecent requests would meet\n  3 of 5: GET /a from `x` to `y`"));
    }
}
