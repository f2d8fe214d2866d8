//! `ringgate audit`: who changed what, from a running gateway; and whether a log is what was written.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Access, AdminClient};
use crate::control::audit::chain::{Verified, verify};

/// Look at the audit log: who changed what, and whether nobody has altered it.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate audit show                      the last changes, from the running gateway
  ringgate audit verify /var/lib/ringgate/audit.log
  ringgate audit verify audit.log --head 4be1...    nor anything cut off behind this line

Exit codes of verify: 0 every line is as it was written, 1 it is broken somewhere.")]
pub struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The last changes, from the running gateway.
    Show(Show),
    /// Check the chain of a log's lines, in a file.
    Verify(Verify),
}

#[derive(Args)]
struct Show {
    /// How many lines.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print the gateway's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Args)]
struct Verify {
    /// The log.
    file: PathBuf,
    /// The hash of a line that has to be in it, as /audit showed it.
    #[arg(long)]
    head: Option<String>,
}

impl Audit {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.command {
            Command::Show(command) => command.run(),
            Command::Verify(command) => command.run(),
        }
    }
}

impl Show {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let answer = AdminClient::open(&self.access)?.get(&format!("/audit?limit={}", self.limit))?;
        if self.json {
            println!("{answer:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        for line in lines.iter().rev() {
            println!("{}", told(line));
        }
        let kept =
            if answer["kept"] == true { "in a file" } else { "in memory alone; `admin.audit` names a file" };
        let (seq, hash) = (&answer["head"]["seq"], answer["head"]["hash"].as_str().unwrap_or_default());
        eprintln!("{seq} lines, kept {kept}; head {hash}");
        Ok(ExitCode::SUCCESS)
    }
}

/// `17 2025-01-31T23:59:59.123Z ops 127.0.0.1:5 reload {"note":"x"}: asked`
fn told(line: &Value) -> String {
    let word = |key: &str| line[key].as_str().filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let (seq, parameters) = (&line["seq"], &line["parameters"]);
    let (time, author, address) = (word("time"), word("author"), word("address"));
    format!("{seq} {time} {author} {address} {} {parameters}: {}", word("action"), word("outcome"))
}

impl Verify {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let found = verified(&self.file).with_context(|| self.file.display().to_string())?;
        let Verified { head, good, segments, breaks, .. } = &found;
        for broken in breaks {
            println!("line {}: {}", broken.line, broken.reason);
        }
        let is_missing = self.head.as_ref().is_some_and(|wanted| !has_line(&self.file, wanted));
        if is_missing {
            println!("no line has the hash that --head names: something was cut off");
        }
        let is_whole = breaks.is_empty() && !is_missing;
        let verdict = if is_whole { "whole" } else { "BROKEN" };
        let begun =
            if *segments > 0 { format!(", {segments} segments begun behind damage") } else { String::new() };
        println!("{verdict}: {good} good lines{begun}; head {} {}", head.seq, head.previous);
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn verified(file: &Path) -> std::io::Result<Verified> {
    verify(BufReader::new(File::open(file)?), 0)
}

/// Whether a line of the log has this hash. The chain has been verified, so its text is that line's own.
fn has_line(file: &Path, hash: &str) -> bool {
    let member = format!(",\"hash\":\"{hash}\"}}");
    std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.ends_with(&member)))
}
