//! `ringgate rollout`: how the rollout of a running gateway goes, and steering it.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::client::{Access, AdminClient};

/// Show or steer the rollout of a running gateway.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate rollout                   how far it is
  ringgate rollout --watch           until it is over
  ringgate rollout promote           to all workers now
  ringgate rollout abort --note 'wrong branch'

Exit codes: 0 done, under way or none, 1 it was taken back.")]
pub struct Rollout {
    /// What it shall do.
    #[arg(value_enum)]
    action: Option<ActionArg>,
    /// Why, for the log.
    #[arg(long, default_value = "", requires = "action")]
    note: String,
    /// Show it until it is over.
    #[arg(long)]
    watch: bool,
    /// Print what the gateway says as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, ValueEnum)]
enum ActionArg {
    /// Stay at its step.
    Pause,
    /// Go on after a pause.
    Resume,
    /// To all workers, without further steps.
    Promote,
    /// Back to the generation before.
    Abort,
}

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Rollout {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        if let Some(action) = self.action {
            let action = match action {
                ActionArg::Pause => "pause",
                ActionArg::Resume => "resume",
                ActionArg::Promote => "promote",
                ActionArg::Abort => "abort",
            };
            let answer = client.post("/rollout", &json!({ "action": action, "note": self.note }))?;
            if !self.watch {
                match self.json {
                    true => println!("{answer:#}"),
                    false => println!("{}", answer["result"].as_str().unwrap_or("done")),
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
        let mut last = String::new();
        loop {
            let rollout = client.get("/rollout")?["rollout"].clone();
            let said = if self.json { rollout.to_string() } else { told(&rollout) };
            if said != last {
                println!("{said}");
                last = said;
            }
            let state = rollout["state"].as_str().unwrap_or("none");
            if !self.watch || state != "under_way" {
                let was_bad = state == "taken_back";
                return Ok(if was_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn told(rollout: &Value) -> String {
    if rollout.is_null() {
        return "no rollout has been made yet".to_owned();
    }
    let number = |key: &str| rollout[key].as_u64().unwrap_or_default();
    let generation = number("generation");
    let reason = rollout["reason"].as_str().unwrap_or_default();
    let first = match rollout["state"].as_str().unwrap_or_default() {
        "under_way" => {
            let workers: Vec<String> =
                rollout["workers"].as_array().into_iter().flatten().map(Value::to_string).collect();
            let paused = if rollout["is_paused"] == true { ", paused" } else { "" };
            format!(
                "generation {generation} on worker {}: step {} of {}{paused}, watched for {:.0} of {:.0} s, {} requests against {}",
                workers.join(", "),
                number("step"),
                number("steps"),
                number("watched_ms") as f64 / 1e3,
                number("hold_ms") as f64 / 1e3,
                number("requests"),
                number("requests_others"),
            )
        }
        "done" => format!("generation {generation} is in force on all workers"),
        "aborted" => format!("generation {generation} was taken back: {reason}"),
        "superseded" => format!("generation {generation} was taken back: {reason}"),
        _ => format!(
            "GENERATION {generation} WAS TAKEN BACK; generation {} stayed in force: {reason}",
            number("against")
        ),
    };
    let remarks = rollout["remarks"].as_array().into_iter().flatten().filter_map(Value::as_str);
    remarks.fold(first, |all, remark| format!("{all}\n  {remark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_told_by_what_has_become_of_it() {
        let mut rollout = json!({
            "state": "under_way", "generation": 4, "against": 3, "step": 1, "steps": 2, "workers": [1],
            "is_paused": true, "watched_ms": 4200, "hold_ms": 10000, "requests": 50, "requests_others": 61,
            "remarks": ["step 1: little"],
        });
        assert_eq!(
            told(&rollout),
            "generation 4 on worker 1: step 1 of 2, paused, watched for 4 of 10 s, 50 requests against 61\n  step 1: little"
        );
        rollout["state"] = "taken_back".into();
        rollout["reason"] = "route `a`: 5xx 100%".into();
        assert!(
            told(&rollout)
                .starts_with("GENERATION 4 WAS TAKEN BACK; generation 3 stayed in force: route `a`")
        );
        assert_eq!(told(&Value::Null), "no rollout has been made yet");
    }
}
