//! Measuring a row: who takes part, in which order, how often.
//!
//! The order is shuffled in every round, because whoever runs after the slowest looks bad. Rounds go on until everyone
//! has as many clean samples as wanted, but no longer than twice that, and none begins after the time is up.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::contender::{Bodies, Contender, Tuning};
use crate::lane::{Lane, LanePlan};
use crate::row::{Measure, Row};
use crate::socket::Address;
use crate::stage::Stage;
use crate::standing::Standing;
use crate::work::Work;

/// Length of a sample that only chooses between tunings.
const TRIAL: Duration = Duration::from_millis(600);
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
    /// Ringgate's event loop.
    pub driver: &'a str,
    /// What to run Ringgate under.
    pub under: &'a str,
    /// For configurations and logs.
    pub dir: &'a Path,
}

/// Measures a row.
pub fn hold(row: &Row, conditions: &Conditions<'_>) -> anyhow::Result<Vec<Standing>> {
    eprintln!("\n{}: {}", row.name, row.about);
    match row.measure {
        Measure::Exchanges { work, connections, bodies, on_unix } => {
            exchanges(&Rc::new(work()), connections, bodies, on_unix, conditions)
        }
        Measure::Routes { few, many, connections } => routes([few, many], connections, conditions),
        Measure::Idle { connections } => idle(connections, conditions),
        Measure::Start => start(conditions),
    }
}

fn exchanges(
    work: &Rc<Work>,
    connections: usize,
    bodies: Bodies,
    on_unix: bool,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Vec<Standing>> {
    let (mut stage, upstream) = origin(work, on_unix, conditions)?;
    let mut lanes = Vec::new();
    for &contender in &conditions.contenders {
        let plan = |tuning| plan(contender, tuning, 0, work, &upstream, conditions);
        match cheapest(&mut stage, contender.tunings(bodies), connections, plan) {
            Ok(lane) => lanes.push(lane),
            Err(error) => eprintln!("  {} does not take part: {error:#}", contender.name()),
        }
    }
    compare(&mut stage, lanes, connections, conditions)
}

fn routes(
    counts: [usize; 2],
    connections: usize,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Vec<Standing>> {
    let (mut stage, upstream) = origin(&Rc::new(Work::routes(1)), false, conditions)?;
    let mut lanes = Vec::new();
    for count in counts {
        let work = Rc::new(Work::routes(count));
        let tuning = Contender::Ringgate.tunings(Bodies::Small)[0];
        let plan = plan(Contender::Ringgate, tuning, count, &work, &upstream, conditions);
        lanes.push(Lane::start(&mut stage, plan)?.0);
    }
    compare(&mut stage, lanes, connections, conditions)
}

fn idle(connections: usize, conditions: &Conditions<'_>) -> anyhow::Result<Vec<Standing>> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = origin(&work, false, conditions)?;
    let mut standings = Vec::new();
    for contender in without_relay(conditions) {
        let tuning = contender.tunings(Bodies::Small)[0];
        let plan = plan(contender, tuning, 0, &work, &upstream, conditions);
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
                Lane::start(&mut stage, plan(*contender, tuning, 0, &work, &upstream, conditions))?;
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
    for round in 0..2 * conditions.rounds {
        let is_enough = standings.iter().all(|standing| standing.kept() >= conditions.rounds);
        if is_enough || Instant::now() > conditions.end {
            break;
        }
        dice.shuffle(&mut order);
        for &at in &order {
            let sample = lanes[at].sample(stage, connections, conditions.time)?;
            standings[at].add(sample.is_clean().then_some(sample.cpu_us));
            eprintln!(
                "  {round:>2} {:<22} {:>8.2} us {:>7.0}/s  busy {:>3.0} %  others {:>4.1} %{}",
                lanes[at].label,
                sample.cpu_us,
                sample.per_second,
                sample.busy * 100.0,
                sample.others * 100.0,
                if sample.is_clean() { "" } else { "  thrown away" },
            );
        }
    }
    Ok(standings)
}

/// Starts the contender with whichever tuning costs least.
fn cheapest<'a>(
    stage: &mut Stage,
    tunings: &[Tuning],
    connections: usize,
    plan: impl Fn(Tuning) -> LanePlan<'a>,
) -> anyhow::Result<Lane> {
    let mut best: Option<(Lane, f64)> = None;
    for &tuning in tunings {
        let (mut lane, _) = Lane::start(stage, plan(tuning))?;
        if tunings.len() == 1 {
            return Ok(lane);
        }
        let cost = lane.sample(stage, connections, TRIAL)?.cpu_us;
        eprintln!("  tried {} with {}: {cost:.2} us", lane.label, tuning.name);
        if best.as_ref().is_none_or(|(_, least)| cost < *least) {
            best = Some((lane, cost));
        }
    }
    Ok(best.context("a contender without tunings")?.0)
}

/// The stage with its origin, and where the gateways find that.
fn origin(work: &Rc<Work>, on_unix: bool, conditions: &Conditions<'_>) -> anyhow::Result<(Stage, Address)> {
    let address = if on_unix { Address::Unix(conditions.dir.join("origin.sock")) } else { Address::any() };
    Stage::new(work, &address)
}

fn plan<'a>(
    contender: Contender,
    tuning: Tuning,
    routes: usize,
    work: &Rc<Work>,
    upstream: &'a Address,
    conditions: &'a Conditions<'a>,
) -> LanePlan<'a> {
    let Conditions { dir, driver, under, .. } = conditions;
    LanePlan { contender, tuning, routes, work: work.clone(), upstream, dir, driver, under }
}

fn without_relay(conditions: &Conditions<'_>) -> impl Iterator<Item = Contender> {
    conditions.contenders.iter().copied().filter(|&contender| contender != Contender::Relay)
}

/// xorshift64: enough to shuffle five contenders.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(now.map_or(1, |now| now.as_nanos() as u64) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
