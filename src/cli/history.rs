//! `ringgate history`: the generations of a running gateway, in memory and on disk.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::{Access, AdminClient};
use crate::telemetry::timestamp::TimestampCache;

/// List the generations of a running gateway: what changed, who wanted it, what became of it.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate history                   the last twenty, newest first
  ringgate history -n 3 --json

`ringgate diff 5 7` tells what lies between two, `ringgate rollback 5` goes back to one.")]
pub struct History {
    /// How many generations.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// Changes of a generation that are shown.
const CHANGES_SHOWN: usize = 5;

impl History {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let answer = AdminClient::open(&self.access)?.get("/generations")?;
        let all = answer["generations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let shown = &all[..all.len().min(self.limit)];
        if self.json {
            println!("{:#}", Value::from(shown));
            return Ok(ExitCode::SUCCESS);
        }
        for generation in shown {
            print!("{}", told(generation));
        }
        let older = all.len() - shown.len();
        if older > 0 {
            println!("and {older} older; -n {} shows them", all.len());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(generation: &Value) -> String {
    let text = |key: &str| generation[key].as_str().unwrap_or_default();
    let taken_back = generation["taken_back"].as_str();
    let state = match (text("standing"), taken_back, generation["is_good"].as_bool()) {
        ("in_force", ..) => "in force",
        ("rolling_out", ..) => "rolling out",
        (_, Some(_), _) => "taken back",
        (_, _, Some(true)) => "former",
        _ => "unfinished",
    };
    let when = TimestampCache::default().at(generation["unix_ms"].as_u64().unwrap_or_default());
    let when = String::from_utf8_lossy(&when.as_bytes()[..19]).replace('T', " ");
    let note = if text("note").is_empty() { String::new() } else { format!(", {}", text("note")) };
    let first = format!(
        "{:>4}  {state:<11}  {when}  {}  by {}{note}\n",
        generation["number"].as_u64().unwrap_or_default(),
        text("hash"),
        text("author"),
    );
    let changes = generation["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = changes.iter().filter_map(Value::as_str).take(CHANGES_SHOWN);
    let mut all: String = lines.map(|line| format!("      {line}\n")).collect();
    if changes.len() > CHANGES_SHOWN {
        all.push_str(&format!("      and {} more\n", changes.len() - CHANGES_SHOWN));
    }
    let exchanges = generation["exchanges"].as_u64().filter(|count| *count > 0);
    let going_on = exchanges.map(|count| format!("      {count} exchanges go on\n")).unwrap_or_default();
    let why = taken_back.map(|why| format!("      taken back: {why}\n")).unwrap_or_default();
    format!("{first}{all}{why}{going_on}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_told_with_what_changed_and_what_became_of_it() {
        let generation = serde_json::json!({
            "number": 7, "hash": "0a1b2c", "author": "ci", "note": "canary", "unix_ms": 1_700_000_000_000_u64,
            "standing": "former", "taken_back": "route `a`: 5xx 100%", "is_good": false, "exchanges": 2,
            "changes": ["1", "2", "3", "4", "5", "6", "7"],
        });
        let told = told(&generation);
        assert!(
            told.starts_with("   7  taken back   2023-11-14 22:13:20  0a1b2c  by ci, canary\n"),
            "{told}"
        );
        assert!(
            told.contains("      5\n      and 2 more\n      taken back: route `a`: 5xx 100%\n"),
            "{told}"
        );
        assert!(told.ends_with("2 exchanges go on\n"), "{told}");
    }
}
