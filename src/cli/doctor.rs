//! `ringgate doctor`: what of this machine costs the gateway speed, capacity or its start.
//!
//! For people as text, for programs as one JSON document. Changes nothing. The exit code is the worst finding's.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::control::config::Config;
use crate::control::doctor::{Host, Needs, Probes, examine};

/// Look at the machine.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate doctor                                 this machine, with a default configuration
  ringgate doctor gateway.yaml                    with its listeners, workers and limits
  ringgate doctor gateway.yaml --pid $(pidof ringgate)    with the limits of the running gateway, not of this shell
  ringgate doctor --json gateway.yaml | jq '.findings[] | select(.severity == \"warning\") | .fix'

Changes nothing. Exit codes: 0 nothing worse than info, 1 a warning, 2 something critical, 64 wrong usage, 65 the
configuration cannot be used. Run it as the user and in the container or unit that the gateway will have: limits,
CPUs and capabilities are those of this process.")]
pub struct Doctor {
    /// The YAML file. Default: what a configuration has that says nothing.
    file: Option<PathBuf>,
    /// Print one JSON document: `summary`, and `findings` with `id`, `subject`, `severity`, `readable`, `found`,
    /// `costs` and `fix`, good ones too.
    #[arg(long)]
    json: bool,
    /// Show what is well, too.
    #[arg(long)]
    all: bool,
    /// Look at the limits, CPUs, capabilities and cgroup of this process instead of one's own.
    #[arg(long)]
    pid: Option<u32>,
    /// Read the machine's files under this folder, and ask the kernel nothing.
    #[arg(long, hide = true)]
    root: Option<PathBuf>,
}

/// EX_DATAERR of sysexits.h.
const EXIT_CONFIGURATION: u8 = 65;

impl Doctor {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = match self.config() {
            Ok(config) => config,
            Err(reason) => {
                eprintln!("{reason}");
                return Ok(ExitCode::from(EXIT_CONFIGURATION));
            }
        };
        let mut host = Host::at(self.root.clone().unwrap_or_else(|| PathBuf::from("/")));
        if let Some(pid) = self.pid {
            if !host.has(&format!("/proc/{pid}/status")) {
                eprintln!("error: --pid {pid}: there is no such process");
                return Ok(ExitCode::from(super::EXIT_USAGE));
            }
            host = host.of_process(pid);
        }
        let needs = Needs::of(config.as_ref());
        let probes = if host.is_here() { Probes::ask(&needs) } else { Probes::default() };
        let report = examine(&host, &needs, &probes);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.text(self.all));
        }
        Ok(ExitCode::from(report.summary.exit_code))
    }

    fn config(&self) -> Result<Option<Config>, String> {
        let Some(file) = &self.file else { return Ok(None) };
        let loaded = crate::control::check::load(file, &super::environment());
        match loaded {
            Ok(loaded) => Ok(Some(loaded.config)),
            Err(diagnostics) => Err(format!("{diagnostics}error: {}: cannot be used", file.display())),
        }
    }
}
