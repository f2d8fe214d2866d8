//! `ringgate release`: how releases behind routes stand, and moving their shares.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Access, AdminClient, segment};

/// Show or steer the releases behind a running gateway's routes.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate release list                          all routes with a split
  ringgate release show shop --watch             until its ramp is over
  ringgate release promote shop                  everything to the variant that is ramped
  ringgate release abort shop --note 'slow'      nothing to it
  ringgate release set shop canary=5%            the others share the rest
  ringgate release flip shop                     everything to the other side; once more: back

It is in force for the next request, holds over reloads and, with a state folder, over restarts. `restart` brings back what
is written.

Exit codes: 0 done, or nothing is wrong; 1 the variant that is shown was stopped.")]
pub struct Release {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// All routes with a split.
    List(Shown),
    /// One of them.
    Show {
        /// The route.
        route: String,
        /// Show it until its ramp is over.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        shown: Shown,
    },
    /// Everything to a variant.
    Promote(ToVariant),
    /// Nothing to a variant.
    Abort(ToVariant),
    /// A ramp stays at its step; it is stopped all the same if it does worse.
    Pause(ToRoute),
    /// A ramp goes on after a pause.
    Resume(ToRoute),
    /// Everything as written, from the beginning.
    Restart(ToRoute),
    /// Everything to the other variant.
    Flip(ToVariant),
    /// These shares.
    Set {
        /// The route.
        route: String,
        /// `canary=10%`, several if need be; who is not named shares the rest.
        #[arg(required = true, value_name = "VARIANT=SHARE")]
        shares: Vec<String>,
        #[command(flatten)]
        told: Told,
    },
}

#[derive(Args)]
struct Shown {
    /// Print what the gateway says as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Args)]
struct Told {
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Args)]
struct ToRoute {
    /// The route.
    route: String,
    #[command(flatten)]
    told: Told,
}

#[derive(Args)]
struct ToVariant {
    /// The route.
    route: String,
    /// The variant [default: that of the ramp; for `flip` the other one of two]
    variant: Option<String>,
    #[command(flatten)]
    told: Told,
}

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Release {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.action {
            Action::List(shown) => list(shown),
            Action::Show { route, watch, shown } => show(route, *watch, shown),
            Action::Promote(to) => to.steer("promote"),
            Action::Abort(to) => to.steer("abort"),
            Action::Flip(to) => to.steer("flip"),
            Action::Pause(to) => to.steer("pause"),
            Action::Resume(to) => to.steer("resume"),
            Action::Restart(to) => to.steer("restart"),
            Action::Set { route, shares, told } => {
                let pair = |text: &String| {
                    let (name, share) = text
                        .split_once('=')
                        .with_context(|| format!("`{text}`: write VARIANT=SHARE, canary=10%"))?;
                    Ok((name.to_owned(), Value::from(share)))
                };
                let shares: Map<String, Value> = shares.iter().map(pair).collect::<anyhow::Result<_>>()?;
                told.order(route, json!({ "action": "set", "shares": shares }))
            }
        }
    }
}

impl ToRoute {
    fn steer(&self, action: &str) -> anyhow::Result<ExitCode> {
        self.told.order(&self.route, json!({ "action": action }))
    }
}

impl ToVariant {
    fn steer(&self, action: &str) -> anyhow::Result<ExitCode> {
        let mut order = json!({ "action": action });
        if let Some(variant) = &self.variant {
            order["variant"] = variant.as_str().into();
        }
        self.told.order(&self.route, order)
    }
}

impl Told {
    fn order(&self, route: &str, mut order: Value) -> anyhow::Result<ExitCode> {
        order["note"] = self.note.as_str().into();
        let answer =
            AdminClient::open(&self.access)?.post(&format!("/releases/{}", segment(route)), &order)?;
        println!("{}", answer["result"].as_str().unwrap_or("done"));
        Ok(ExitCode::SUCCESS)
    }
}

fn list(shown: &Shown) -> anyhow::Result<ExitCode> {
    let releases = AdminClient::open(&shown.access)?.get("/releases")?;
    if shown.json {
        println!("{releases:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let releases = releases["releases"].as_array().cloned().unwrap_or_default();
    if releases.is_empty() {
        println!("no route has a split");
    }
    releases.iter().for_each(|release| println!("{}", line(release)));
    Ok(ExitCode::SUCCESS)
}

fn show(route: &str, watch: bool, shown: &Shown) -> anyhow::Result<ExitCode> {
    let client = AdminClient::open(&shown.access)?;
    let mut last = String::new();
    loop {
        let release = client.get(&format!("/releases/{}", segment(route)))?;
        let said = if shown.json { release.to_string() } else { told(&release) };
        if said != last {
            println!("{said}");
            last = said;
        }
        let phase = release["phase"].as_str().unwrap_or_default();
        if !watch || !matches!(phase, "ramping" | "paused") {
            let was_stopped = phase == "aborted";
            return Ok(if was_stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn percent(share: &Value) -> String {
    let share = 100.0 * share.as_f64().unwrap_or_default();
    format!("{}%", (share * 10.0).round() / 10.0)
}

/// `shop  ramping  canary 10%, stable 90%`.
fn line(release: &Value) -> String {
    let variants = release["variants"].as_array().into_iter().flatten();
    let variants: Vec<String> = variants
        .map(|one| format!("{} {}", one["variant"].as_str().unwrap_or_default(), percent(&one["share"])))
        .collect();
    let text = |key: &str| release[key].as_str().unwrap_or_default().to_owned();
    format!("{}  {}  {}", text("route"), text("phase"), variants.join(", "))
}

fn told(release: &Value) -> String {
    let mut text = line(release);
    for one in release["variants"].as_array().into_iter().flatten() {
        let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let (requests, errors) = (&one["requests"], &one["errors"]);
        text += &format!(
            "\n  {} of cluster {}: {requests} requests, {errors} failed",
            word("variant"),
            word("cluster")
        );
    }
    let ramp = &release["ramp"];
    if ramp.is_object() {
        let seconds = |key: &str| ramp[key].as_f64().unwrap_or_default() / 1e3;
        text += &format!(
            "\n  step {} of {}: watched for {:.0} of {:.0} s, {} requests against {}",
            ramp["step"],
            ramp["steps"],
            seconds("watched_ms"),
            seconds("hold_ms"),
            ramp["requests"],
            ramp["requests_others"],
        );
        if let Some(what) = ramp["waits_for"].as_str() {
            text += &format!("; waits for {what}");
        }
    }
    let by = release["author"].as_str().map(|author| format!("\n  changed last by {author}"));
    let why = release["reason"].as_str().map(|reason| format!(": {reason}"));
    text + &by.unwrap_or_default() + &why.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_told_with_its_ramp_and_why_it_was_stopped() {
        let mut release = json!({
            "route": "shop", "phase": "ramping", "variants": [
                {"variant": "canary", "cluster": "v2", "share": 0.055, "requests": 7, "errors": 1},
                {"variant": "stable", "cluster": "v1", "share": 0.945, "requests": 90, "errors": 0}],
            "ramp": {"step": 1, "steps": 3, "watched_ms": 4100, "hold_ms": 9000, "requests": 7, "requests_others": 90,
                "waits_for": "its time"},
        });
        assert_eq!(
            told(&release),
            "shop  ramping  canary 5.5%, stable 94.5%\n  canary of cluster v2: 7 requests, 1 failed\n  stable of cluster v1: \
             90 requests, 0 failed\n  step 1 of 3: watched for 4 of 9 s, 7 requests against 90; waits for its time"
        );
        release["ramp"] = Value::Null;
        (release["author"], release["reason"]) = ("gateway".into(), "5xx 50%".into());
        assert!(told(&release).ends_with("0 failed\n  changed last by gateway: 5xx 50%"));
    }
}
