//! Instructions per exchange, counted by callgrind: the whole path of a request on a worker, the kernel left out.
//!
//! Runs itself once more under valgrind as the gateway, plays its clients and its origin, and counts the worker's thread
//! alone. Counts hardly depend on what else the machine does, so 3 % more than the stored baseline is a
//! regression. `cargo bench --bench instructions -- --help`.

// The test of allocations uses more of it.
#[allow(dead_code)]
#[path = "../stage/mod.rs"]
mod stage;

mod baseline;
mod callgrind;
mod profile;
mod rows;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use baseline::Baseline;
use profile::Profile;
use rows::Row;

/// More than this, relative to the baseline, is a regression.
const RATIO_MAX: f64 = 1.03;
/// Functions shown of each profile.
const FUNCTIONS: usize = 15;

/// Counts the instructions of an exchange on a worker.
#[derive(Parser)]
#[command(name = "instructions")]
struct Options {
    /// Rows to count. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    rows: Vec<String>,
    /// Exchanges to count, after a tenth as many to warm up.
    #[arg(long, default_value_t = 2_000)]
    exchanges: usize,
    /// Counts to compare with.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/micro/instructions.txt"))]
    against: PathBuf,
    /// Exit with 1 if there is a regression.
    #[arg(long)]
    check: bool,
    /// Store the counts where `--against` says.
    #[arg(long)]
    write: bool,
    /// Show the costliest functions of every row, not only of the first.
    #[arg(long)]
    functions: bool,
    /// Be the gateway of the first row, before this origin; what valgrind runs.
    #[arg(long, hide = true)]
    before: Option<SocketAddr>,
    /// Where that gateway listens.
    #[arg(long, hide = true, requires = "before")]
    listen: Option<SocketAddr>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let rows = rows::chosen(&options.rows)?;
    if let (Some(origin), Some(address)) = (options.before, options.listen) {
        rows[0].serve(address, origin);
    }
    let mut counted = Vec::new();
    for row in rows {
        counted.push((row, row.count(options.exchanges).context(row.name)?));
    }
    report(&options, &counted)
}

fn report(options: &Options, counted: &[(&'static Row, Profile)]) -> anyhow::Result<ExitCode> {
    let baseline = Baseline::read(&options.against)?;
    let mut regressed = false;
    println!("| exchange | instructions | baseline | ratio |");
    println!("|---|---|---|---|");
    for (row, profile) in counted {
        let count = profile.per_exchange(options.exchanges);
        let (known, ratio, verdict) = match baseline.count(row.name) {
            None => ("-".to_owned(), "-".to_owned(), ""),
            Some(known) => {
                let ratio = count as f64 / known as f64;
                regressed |= ratio > RATIO_MAX;
                let verdict = if ratio > RATIO_MAX { " **regression**" } else { "" };
                (known.to_string(), format!("{ratio:.3}"), verdict)
            }
        };
        println!("| {} | {count} | {known} | {ratio}{verdict} |", row.name);
    }
    let shown = if options.functions { counted.len() } else { 1 };
    for (row, profile) in counted.iter().take(shown) {
        println!(
            "\nOwn instructions of the costliest functions, {}:\n\n| function | each exchange | share |",
            row.name
        );
        println!("|---|---|---|");
        for (name, count, share) in profile.costliest(FUNCTIONS, options.exchanges) {
            println!("| `{name}` | {count} | {:.1} % |", share * 100.0);
        }
    }
    if options.write {
        let counts = counted.iter().map(|(row, profile)| (row.name, profile.per_exchange(options.exchanges)));
        baseline.with(counts).write(&options.against)?;
    }
    Ok(if options.check && regressed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
