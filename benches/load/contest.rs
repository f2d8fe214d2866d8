//! Measuring a row: who takes part, in which order, how often.
//!
//! The order is shuffled in every round, because whoever runs after the slowest looks bad. Rounds go on until everyone
//! has as many clean samples as wanted, but no longer than twice that, and none begins after the time is up.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::contender::{Bodies, Contender, Tuning};
use crate::dice::Dice;
use crate::lane::{Lane, LanePlan, Sample};
use crate::quiet::Patience;
use crate::row::{Measure, Row};
use crate::socket::Address;
use crate::stage::Stage;
use crate::standing::{Outcome, Standing};
use crate::work::Work;
use crate::{latency, machine, paired};

/// Length of a sample that only chooses between tunings.
pub const TRIAL: Duration = Duration::from_millis(600);
/// How often each tuning is tried, in turns.
const TRIALS: usize = 2;
/// Connections that are busy before idle ones are opened, and that open those.
const IDLE_CALLERS: usize = 64;
/// How long idle connections are left alone before memory is looked at.
const IDLE_REST: Duration = Duration::from_secs(3);

/// How to measure.
pub struct Conditions<'a> {
    /// Who takes part, if installed.
    pub contenders: Vec<Contender>,
    /// Length of a sample.
    pub time: Duration,
    /// Clean samples wanted.
    pub rounds: usize,
    /// No round begins after this.
    pub end: Instant,
    /// How long a row may wait for the machine to be quiet.
    pub patience: Duration,
    /// Ringgate's event loop.
    pub driver: &'a str,
    /// What to run Ringgate under.
    pub under: &'a str,
    /// For configurations and logs.
    pub dir: &'a Path,
}

/// Measures a row.
pub fn hold(row: &Row, conditions: &Conditions<'_>) -> anyhow::Result<Outcome> {
    let standings = match row.measure {
        Measure::Exchanges { work, connections, bodies, on_unix } => {
            return exchanges(&Rc::new(work()), connections, bodies, on_unix, conditions);
        }
        Measure::Latency { connections, load } => return latency::hold(connections, load, conditions),
        Measure::Routes { few, many, connections } => {
            return paired::routes([few, many], connections, conditions);
        }
        Measure::Careful { connections } => return paired::careful(connections, conditions),
        Measure::Cores { connections } => return paired::cores(connections, conditions),
        Measure::Idle { connections } => idle(connections, conditions),
        Measure::Start => start(conditions),
    };
    Ok(standings?.into())
}

fn exchanges(
    work: &Rc<Work>,
    connections: usize,
    bodies: Bodies,
    on_unix: bool,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Outcome> {
    let (mut stage, upstream) = origin(work, on_unix, conditions)?;
    let (mut lanes, mut absent) = (Vec::new(), String::new());
    for contender in conditions.contenders.iter().copied() {
        // The relay carries bytes, and whoever speaks in clear behind it would not understand them.
        if !contender.can(work.talk) {
            continue;
        }
        let plan = |tuning| plan(contender, tuning, work, &upstream, conditions);
        match cheapest(&mut stage, contender.tunings(bodies), connections, plan) {
            Ok(lane) => lanes.push(lane),
            Err(error) => {
                let why = format!("{} does not take part: {error:#}", contender.name());
                eprintln!("  {why}");
                absent.push_str(&format!("{why}\n"));
            }
        }
    }
    let standings = compare(&mut stage, lanes, connections, conditions)?;
    Ok(Outcome { standings, details: Some(absent).filter(|absent| !absent.is_empty()) })
}

fn idle(connections: usize, conditions: &Conditions<'_>) -> anyhow::Result<Vec<Standing>> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = origin(&work, false, conditions)?;
    let mut standings = Vec::new();
    for contender in without_relay(conditions) {
        let tuning = contender.tunings(Bodies::Small)[0];
        let plan = plan(contender, tuning, &work, &upstream, conditions);
        match bytes_per_idle_connection(&mut stage, plan, connections) {
            Ok(standing) => standings.push(standing),
            Err(error) => eprintln!("  {} failed: {error:#}", contender.name()),
        }
        stage.abandon();
    }
    Ok(standings)
}

fn bytes_per_idle_connection(
    stage: &mut Stage,
    plan: LanePlan<'_>,
    connections: usize,
) -> anyhow::Result<Standing> {
    let (mut lane, _) = Lane::start(stage, plan)?;
    // What a warm gateway holds anyway is not the idle connections'.
    lane.sample(stage, IDLE_CALLERS, TRIAL)?;
    stage.run_idle(IDLE_REST)?;
    let before = lane.group.resident_bytes()?;
    stage.open_idle(&lane.address, connections, IDLE_CALLERS)?;
    stage.run_idle(IDLE_REST)?;
    let bytes = lane.group.resident_bytes()?.saturating_sub(before) as f64 / connections as f64;
    eprintln!("  {:<10} {bytes:>8.0} bytes on top of {} KiB", lane.label, before / 1024);
    let mut standing = Standing::new(&lane);
    standing.add(Some(bytes));
    Ok(standing)
}

fn start(conditions: &Conditions<'_>) -> anyhow::Result<Vec<Standing>> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = origin(&work, false, conditions)?;
    let mut contenders: Vec<(Contender, Option<Standing>)> =
        without_relay(conditions).map(|contender| (contender, None)).collect();
    let mut dice = Dice::new();
    for _ in 0..conditions.rounds {
        dice.shuffle(&mut contenders);
        for (contender, standing) in &mut contenders {
            let tuning = contender.tunings(Bodies::Small)[0];
            let (lane, took) =
                Lane::start(&mut stage, plan(*contender, tuning, &work, &upstream, conditions))?;
            eprintln!("  {:<10} {:>8.1} ms", lane.label, took.as_secs_f64() * 1e3);
            standing.get_or_insert_with(|| Standing::new(&lane)).add(Some(took.as_secs_f64() * 1e3));
        }
    }
    Ok(contenders.into_iter().filter_map(|(_, standing)| standing).collect())
}

/// Samples of all lanes in shuffled rounds.
fn compare(
    stage: &mut Stage,
    mut lanes: Vec<Lane>,
    connections: usize,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Vec<Standing>> {
    let mut standings: Vec<Standing> = lanes.iter().map(Standing::new).collect();
    let mut order: Vec<usize> = (0..lanes.len()).collect();
    let mut dice = Dice::new();
    let mut patience = Patience::new(conditions.patience, conditions.end);
    for round in 0..2 * conditions.rounds {
        let is_enough = standings.iter().all(|standing| standing.kept() >= conditions.rounds);
        if is_enough || Instant::now() > conditions.end {
            break;
        }
        dice.shuffle(&mut order);
        for &at in &order {
            patience.wait()?;
            let sample = lanes[at].sample(stage, connections, conditions.time)?;
            standings[at].add(sample.is_clean().then_some(sample.cpu_us));
            show(round, &lanes[at].label, &sample, sample.is_clean());
        }
    }
    Ok(standings)
}

/// Tells the terminal about a sample.
pub fn show(round: usize, label: &str, sample: &Sample, is_kept: bool) {
    eprintln!(
        "  {round:>2} {label:<14} {:>8.2} us {:>7.0}/s  busy {:>3.0} %  others {:>4.1} %{}",
        sample.cpu_us,
        sample.per_second,
        sample.busy * 100.0,
        sample.others * 100.0,
        if is_kept { "" } else { "  thrown away" },
    );
}

/// Starts the contender with whichever tuning costs least in the best of its trials: others only ever add.
fn cheapest<'a>(
    stage: &mut Stage,
    tunings: &[Tuning],
    connections: usize,
    plan: impl Fn(Tuning) -> LanePlan<'a>,
) -> anyhow::Result<Lane> {
    let mut lanes = Vec::new();
    for &tuning in tunings {
        lanes.push((Lane::start(stage, plan(tuning))?.0, f64::INFINITY));
    }
    let trials = if lanes.len() > 1 { TRIALS } else { 0 };
    for _ in 0..trials {
        for (lane, least) in &mut lanes {
            *least = least.min(lane.sample(stage, connections, TRIAL)?.cpu_us);
        }
    }
    if trials > 0 {
        for (lane, least) in &lanes {
            eprintln!("  tried {} with {}: {least:.2} us", lane.label, lane.tuning.name);
        }
    }
    let best = lanes.into_iter().min_by(|one, other| one.1.total_cmp(&other.1));
    Ok(best.context("a contender without tunings")?.0)
}

/// The stage with its origin, and where the gateways find that.
pub fn origin(
    work: &Rc<Work>,
    on_unix: bool,
    conditions: &Conditions<'_>,
) -> anyhow::Result<(Stage, Address)> {
    let address = if on_unix { Address::Unix(conditions.dir.join("origin.sock")) } else { Address::any() };
    Stage::new(work, &address)
}

/// What to start a contender with: on the gateway's CPU, with one route.
pub fn plan<'a>(
    contender: Contender,
    tuning: Tuning,
    work: &Rc<Work>,
    upstream: &'a Address,
    conditions: &'a Conditions<'a>,
) -> LanePlan<'a> {
    let Conditions { dir, driver, under, .. } = conditions;
    LanePlan {
        contender,
        label: contender.name().to_owned(),
        tuning,
        cpus: &machine::WORKER_CPUS[..1],
        routes: 0,
        is_careful: false,
        work: work.clone(),
        upstream,
        dir,
        driver,
        under,
    }
}

fn without_relay(conditions: &Conditions<'_>) -> impl Iterator<Item = Contender> {
    conditions.contenders.iter().copied().filter(|&contender| contender != Contender::Relay)
}
