//! Ringgate beside a plain relay, nginx, HAProxy and Envoy on this machine: CPU time per exchange.
//!
//! `cargo bench --bench load -- --help`. The method and its reasons are in `benches/README.md`. This file reads the
//! command line and walks through the rows.

mod careful;
mod certificate;
mod client;
mod contender;
mod contest;
mod dice;
mod estimate;
mod front;
mod interrupt;
mod lane;
mod latency;
mod machine;
mod message;
mod multiplexed;
mod paired;
mod poller;
mod process;
mod quiet;
mod relay;
mod report;
mod row;
mod schedule;
mod secure;
mod socket;
mod stage;
mod standing;
mod talk;
mod work;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};

use contender::Contender;
use contest::Conditions;
use report::Report;
use row::{ROWS, Row};
use socket::Address;

/// Time that a row may wait, in samples for each round.
const PATIENCE: f64 = 8.0;
/// What a row may take of the time that is left, in equal shares. Most rows need less than one.
const SHARE: f64 = 1.25;

/// Compares Ringgate with a plain relay, nginx, HAProxy and Envoy, side by side on this machine.
#[derive(Parser)]
#[command(
    name = "load",
    after_help = "Examples:
  Everything: ten minutes undisturbed, 20 at most
    cargo bench --bench load
  Two rows, quickly
    cargo bench --bench load -- --rows small-64,16k --rounds 3
  Two rows that need many samples
    cargo bench --bench load -- --rows routes,cores --rounds 20
  Whether this works at all: a few seconds
    cargo bench --bench load -- --rows small-64 --rounds 1 --seconds 0.1 --contenders relay,ringgate
  Rows, what must be reached, who is installed
    cargo bench --bench load -- --list"
)]
struct Options {
    /// Rows to measure. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    rows: Vec<String>,
    /// Who takes part. Default: all that are installed.
    #[arg(long, value_delimiter = ',', value_enum, value_name = "NAME,...")]
    contenders: Vec<Contender>,
    /// Length of a sample.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Clean samples wanted of each contender.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for everything. A row begins no round when its share of what is left is used up.
    #[arg(long, default_value_t = 1140)]
    limit: u64,
    /// Seconds that a row may wait for the machine to be quiet. Default: eight times `seconds` for each round.
    #[arg(long)]
    patience: Option<f64>,
    /// Ringgate's event loop: auto, io_uring or epoll.
    #[arg(long, default_value = "auto")]
    driver: String,
    /// Run Ringgate under this, such as "perf record -g -o perf.data" or "valgrind --tool=callgrind".
    #[arg(long, default_value = "", value_name = "COMMAND", allow_hyphen_values = true)]
    under: String,
    /// Print the rows and who is installed.
    #[arg(long)]
    list: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// The floor, as a process of its own.
    #[command(hide = true)]
    Relay { listen: String, upstream: String },
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(Role::Relay { listen, upstream }) = &options.role {
        return relay::run(&address(listen)?, &address(upstream)?);
    }
    if options.list {
        list();
        return Ok(());
    }
    interrupt::listen();
    measure(&options)
}

fn measure(options: &Options) -> anyhow::Result<()> {
    let rows = rows(&options.rows)?;
    ensure!(options.seconds >= 0.1 && options.rounds > 0, "samples of at least 0.1 s, and at least one");
    ensure!(machine::cpus() >= 2, "two CPUs are needed: one for the gateway, one for everything else");
    machine::raise_open_files();
    machine::pin(&[machine::LOAD_CPU]).context("pinning the load generator")?;
    let dir = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir()?;
    certificate::issue(dir.path()).context("making a certificate")?;
    std::fs::write(dir.path().join(front::JWKS), include_str!("guarded/jwks.json"))?;
    let patience = options.patience.unwrap_or(PATIENCE * options.seconds * options.rounds as f64);
    let end = Instant::now() + Duration::from_secs(options.limit);
    let mut conditions = Conditions {
        contenders: contenders(&options.contenders),
        time: Duration::from_secs_f64(options.seconds),
        rounds: options.rounds,
        end,
        patience: Duration::from_secs_f64(patience),
        driver: &options.driver,
        under: &options.under,
        dir: dir.path(),
    };
    let header = report::conditions(&conditions.contenders);
    eprintln!("{header}");
    let mut report = Report::default();
    for (at, row) in rows.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        // Those that need less than their share leave it to the others, so that the last rows are not the poorest.
        conditions.end = Instant::now() + (left / (rows.len() - at) as u32).mul_f64(SHARE).min(left);
        eprintln!("\n{}: {} ({} of {}, {} s left)", row.name, row.about, at + 1, rows.len(), left.as_secs());
        match contest::hold(row, &conditions) {
            Ok(outcome) => report.add(row, outcome),
            Err(error) => eprintln!("  {} was not measured: {error:#}", row.name),
        }
        if interrupt::check().is_err() {
            break;
        }
    }
    println!("{header}\n\n{}", report.text());
    Ok(())
}

fn rows(names: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    let find = |name: &String| {
        ROWS.iter().find(|row| row.name == name).with_context(|| format!("no row `{name}`; see --list"))
    };
    if names.is_empty() { Ok(ROWS.iter().collect()) } else { names.iter().map(find).collect() }
}

fn contenders(wanted: &[Contender]) -> Vec<Contender> {
    let is_wanted = |contender: &Contender| wanted.is_empty() || wanted.contains(contender);
    let (here, missing): (Vec<_>, Vec<_>) =
        Contender::ALL.into_iter().filter(is_wanted).partition(|contender| contender.program().is_some());
    for contender in missing {
        eprintln!("{} is not installed and does not take part", contender.name());
    }
    here
}

fn list() {
    for row in ROWS {
        let musts: Vec<String> = row.musts.iter().map(ToString::to_string).collect();
        println!("{:<12} {}; must: {}", row.name, row.about, musts.join(", "));
    }
    println!();
    for contender in Contender::ALL {
        let program = contender.program().map(|path| path.display().to_string());
        println!("{:<12} {}", contender.name(), program.as_deref().unwrap_or("not installed"));
    }
}

fn address(text: &str) -> anyhow::Result<Address> {
    Ok(match text.strip_prefix("unix:") {
        Some(path) => Address::Unix(path.into()),
        None => Address::Tcp(text.parse()?),
    })
}
