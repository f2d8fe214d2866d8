//! `ringgate diff`: what differs between configurations, in the words of the configuration.
//!
//! Between two files nobody is asked; otherwise the running gateway is.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Access, AdminClient};
use crate::config::diagnostic::Diagnostics;
use crate::control::check::load_fetched;
use crate::control::config::Config;
use crate::control::diff::{Change, diff, texts};

/// Tell what differs between configurations, in the words of the configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate diff                        what the running gateway would change if it read its source now
  ringgate diff 5                      generation 5 against the one in force
  ringgate diff 5 7                    generation 5 against generation 7
  ringgate diff gateway.yaml           what runs against a file
  ringgate diff old.yaml new.yaml      two files; no gateway is asked

Exit codes: 0 nothing differs, 1 something does, 2 it could not be told.")]
pub struct Diff {
    /// A generation's number, or a file, a folder or a URL as `run` takes it.
    from: Option<String>,
    /// The same, for the other side.
    to: Option<String>,
    /// Print the changes as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// It could not be told.
const EXIT_TROUBLE: u8 = 2;

/// What to compare.
enum Side {
    Generation(u64),
    Source(String),
}

impl Diff {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        Ok(self.tell().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::from(EXIT_TROUBLE)
        }))
    }

    fn tell(&self) -> anyhow::Result<ExitCode> {
        match (self.from.as_deref().map(side), self.to.as_deref().map(side)) {
            (None, _) => self.against_source(),
            (Some(Side::Generation(from)), None) => self.generations(from, self.in_force()?),
            (Some(Side::Generation(from)), Some(Side::Generation(to))) => self.generations(from, to),
            (Some(Side::Source(file)), None) => self.changes(&diff(&self.running()?, &configuration(&file)?)),
            (Some(Side::Source(old)), Some(Side::Source(new))) => {
                self.changes(&diff(&configuration(&old)?, &configuration(&new)?))
            }
            _ => {
                bail!("a generation cannot be compared with a file; `ringgate diff FILE` compares what runs")
            }
        }
    }

    /// What a reload would do.
    fn against_source(&self) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        let answer = client.ask(&Method::POST, "/reload", Some(&json!({ "dry_run": true })))?;
        let answer = answer.into_success()?;
        if answer["outcome"] == "refused" {
            bail!("its source is wrong:\n{}", answer["report"].as_str().unwrap_or_default().trim_end());
        }
        self.print(&answer["changes"])
    }

    fn generations(&self, from: u64, to: u64) -> anyhow::Result<ExitCode> {
        let client = AdminClient::open(&self.access)?;
        self.print(&client.get(&format!("/generations/{to}/diff?against={from}"))?["changes"])
    }

    fn in_force(&self) -> anyhow::Result<u64> {
        let answer = AdminClient::open(&self.access)?.get("/generations")?;
        let mut all = answer["generations"].as_array().into_iter().flatten();
        let current = all.find(|generation| generation["standing"] == "in_force");
        current.and_then(|generation| generation["number"].as_u64()).context("no generation is in force")
    }

    fn running(&self) -> anyhow::Result<Config> {
        let value = AdminClient::open(&self.access)?.get("/config")?;
        serde_json::from_value(value).context("the gateway's configuration is of another version")
    }

    fn changes(&self, changes: &[Change]) -> anyhow::Result<ExitCode> {
        if self.json {
            println!("{:#}", serde_json::to_value(changes)?);
            return Ok(exit_code(changes.is_empty()));
        }
        self.print(&json!(texts(changes)))
    }

    fn print(&self, changes: &Value) -> anyhow::Result<ExitCode> {
        let lines: Vec<&str> = changes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match (self.json, lines.is_empty()) {
            (true, _) => println!("{changes:#}"),
            (false, true) => println!("nothing differs"),
            (false, false) => lines.iter().for_each(|line| println!("{line}")),
        }
        Ok(exit_code(lines.is_empty()))
    }
}

fn exit_code(is_same: bool) -> ExitCode {
    if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn side(text: &str) -> Side {
    text.parse().map_or_else(|_| Side::Source(text.to_owned()), Side::Generation)
}

fn configuration(text: &str) -> anyhow::Result<Config> {
    let environment = super::environment();
    let source = super::source(text, &environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wrong = |diagnostics: Diagnostics| {
        anyhow::anyhow!("{text} is wrong:\n{}", diagnostics.to_string().trim_end())
    };
    let fetched = runtime.block_on(source.read(&environment));
    let fetched = fetched.map_err(|error| wrong(error.diagnostics(source.describe())))?;
    Ok(load_fetched(&fetched, &environment).map_err(wrong)?.config)
}
