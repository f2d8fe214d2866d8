//! Offered load against goodput: a service behind Ringgate, nginx and Envoy, with half to three times of what it can do.
//!
//! `cargo bench --bench overload -- --help`. Requests come by the clock, whether or not earlier ones have been answered, and
//! their clients wait for so long and no longer. Goodput is what was answered within that. The method and its reasons are in
//! `benches/README.md`.

#[allow(dead_code, reason = "shared with another bench, which uses more of it")]
#[path = "../load/dice.rs"]
mod dice;
mod gateway;
#[allow(dead_code, reason = "shared with another bench, which uses more of it")]
#[path = "../load/machine.rs"]
mod machine;
mod offered;
#[allow(dead_code, reason = "shared with another bench, which uses more of it")]
#[path = "../load/poller.rs"]
mod poller;
#[allow(dead_code, reason = "shared with another bench, which uses more of it")]
#[path = "../load/process.rs"]
mod process;
mod service;
#[allow(dead_code, reason = "shared with another bench, which uses more of it")]
#[path = "../load/socket.rs"]
mod socket;

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use gateway::{Contender, Running};
use offered::{Course, Outcome};
use service::{Capacity, Service};

/// Compares what is answered in time behind Ringgate, nginx and Envoy when more is offered than a service can do.
#[derive(Parser)]
struct Options {
    /// Length of each course.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Before each, for the same load to settle.
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// What the service works on at once.
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// How long it works on each, in milliseconds.
    #[arg(long, default_value_t = 20.0)]
    work_ms: f64,
    /// How long clients wait, in milliseconds.
    #[arg(long, default_value_t = 500)]
    patience_ms: u64,
    /// Offered load, in parts of what the service can do.
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 0.9, 1.0, 1.5, 2.0, 3.0])]
    offered: Vec<f64>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    ensure!(
        options.seconds >= 0.5 && options.work_ms >= 1.0,
        "courses of half a second, work of a millisecond"
    );
    machine::raise_open_files();
    let dir = tempfile::tempdir()?;
    let capacity =
        Capacity { at_once: options.at_once, work: Duration::from_secs_f64(options.work_ms / 1e3) };
    println!(
        "service: {} at once, {} ms each, {:.0}/s",
        options.at_once,
        options.work_ms,
        capacity.per_second()
    );
    println!("clients wait {} ms; a tenth of the requests are critical\n", options.patience_ms);
    println!(
        "| gateway | offered | /s | in time | of capacity | refused | late | critical in time | median | p99 |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for contender in Contender::ALL {
        if contender.program().is_none() {
            eprintln!("{} is not installed and does not take part", contender.name());
            continue;
        }
        for &factor in &options.offered {
            let outcome = hold(contender, factor, capacity, &options, dir.path())
                .with_context(|| format!("{} at {factor}", contender.name()))?;
            println!("{}", row(contender, factor, capacity, &options, &outcome));
        }
    }
    Ok(())
}

/// One course with a gateway and a service of its own, so that none inherits what another has left behind.
fn hold(
    contender: Contender,
    factor: f64,
    capacity: Capacity,
    options: &Options,
    dir: &std::path::Path,
) -> anyhow::Result<Outcome> {
    let service = Service::start(capacity)?;
    let gateway = Running::start(contender, service.address(), dir)?;
    let course = Course {
        per_second: capacity.per_second() * factor,
        patience: Duration::from_millis(options.patience_ms),
        warm_up: Duration::from_secs_f64(options.warm_up),
        time: Duration::from_secs_f64(options.seconds),
    };
    course.run(gateway.address())
}

fn row(
    contender: Contender,
    factor: f64,
    capacity: Capacity,
    options: &Options,
    outcome: &Outcome,
) -> String {
    let per_second = |count: u64| count as f64 / options.seconds;
    let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
    format!(
        "| {} | {factor:.1} | {:.0} | {:.0} | {:.0} % | {:.0} | {:.0} | {:.1} % | {} | {} |",
        contender.name(),
        per_second(outcome.offered),
        per_second(outcome.in_time),
        100.0 * per_second(outcome.in_time) / capacity.per_second(),
        per_second(outcome.refused),
        per_second(outcome.late),
        share(outcome.critical_in_time, outcome.critical),
        millis(outcome.quantile(0.5)),
        millis(outcome.quantile(0.99)),
    )
}

fn millis(time: Option<Duration>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| format!("{:.0} ms", time.as_secs_f64() * 1e3))
}
