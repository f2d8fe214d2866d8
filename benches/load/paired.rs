//! Two settings of Ringgate in short alternating samples, where a difference of a hundredth matters.
//!
//! A ratio is that of two samples taken within a second of each other, in random order. Both sides are started anew
//! several times, because where a process happens to lie in memory alone is worth a hundredth.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::contender::{Bodies, Contender};
use crate::contest::{self, Conditions};
use crate::dice::Dice;
use crate::lane::{self, Lane, LanePlan, Sample};
use crate::machine;
use crate::quiet::Patience;
use crate::socket::Address;
use crate::stage::Stage;
use crate::standing::{Outcome, Standing};
use crate::work::Work;

/// Pairs between one start of both sides and the next.
const PAIRS: usize = 8;
/// Share of a usual sample's length.
const LENGTH: f64 = 0.25;
/// Samples are short, and so is the time before each.
const WARM_UP: Duration = Duration::from_millis(100);

/// One of the two.
struct Side {
    label: &'static str,
    /// Processes that are measured as one.
    lanes: Vec<Lane>,
    /// Clients of each.
    connections: usize,
}

/// Few and many routes.
pub fn routes(
    counts: [usize; 2],
    connections: usize,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Outcome> {
    let (mut stage, upstream) = contest::origin(&Rc::new(Work::routes(1, 1)), false, conditions)?;
    let works = counts.map(|count| Rc::new(Work::routes(count, counts[1])));
    let labels = ["few routes", "many routes"];
    let start = |stage: &mut Stage, side: usize| {
        let mut plan = plan(labels[side], &works[side], &upstream, conditions);
        plan.routes = counts[side];
        let lanes = vec![Lane::start(stage, plan)?.0];
        Ok(Side { label: labels[side], lanes, connections })
    };
    compare(&mut stage, start, Sample::is_clean, conditions)
}

/// Without and with everything that there is against failing services.
pub fn careful(connections: usize, conditions: &Conditions<'_>) -> anyhow::Result<Outcome> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = contest::origin(&work, false, conditions)?;
    let labels = ["plain", "careful"];
    let start = |stage: &mut Stage, side: usize| {
        let plan = LanePlan { is_careful: side == 1, ..plan(labels[side], &work, &upstream, conditions) };
        let lanes = vec![Lane::start(stage, plan)?.0];
        Ok(Side { label: labels[side], lanes, connections })
    };
    compare(&mut stage, start, Sample::is_clean, conditions)
}

/// Two processes of one worker each, which can share nothing, and one process of two workers, on the same CPUs.
pub fn cores(connections: usize, conditions: &Conditions<'_>) -> anyhow::Result<Outcome> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = contest::origin(&work, false, conditions)?;
    let start = |stage: &mut Stage, side: usize| {
        let (label, parts): (_, &[(&str, &'static [usize])]) = if side == 0 {
            ("two processes", &[("one", &machine::WORKER_CPUS[..1]), ("other", &machine::WORKER_CPUS[1..])])
        } else {
            ("two workers", &[("both", &machine::WORKER_CPUS)])
        };
        let mut lanes = Vec::new();
        for &(label, cpus) in parts {
            let plan = LanePlan { cpus, ..plan(label, &work, &upstream, conditions) };
            lanes.push(Lane::start(stage, plan)?.0);
        }
        Ok(Side { label, connections: connections / lanes.len(), lanes })
    };
    compare(&mut stage, start, Sample::is_alone, conditions)
}

fn compare(
    stage: &mut Stage,
    start: impl Fn(&mut Stage, usize) -> anyhow::Result<Side>,
    counts: impl Fn(&Sample) -> bool,
    conditions: &Conditions<'_>,
) -> anyhow::Result<Outcome> {
    let mut standings: Vec<Standing> = Vec::new();
    let time = conditions.time.mul_f64(LENGTH).max(Duration::from_millis(100));
    let mut patience = Patience::new(conditions.patience, conditions.end);
    let mut dice = Dice::new();
    for round in 0..2 * conditions.rounds {
        let is_enough = standings.iter().all(|standing| standing.kept() >= conditions.rounds * PAIRS);
        if round > 0 && (is_enough || Instant::now() > conditions.end) {
            break;
        }
        let mut sides = [start(stage, 0)?, start(stage, 1)?];
        if standings.is_empty() {
            standings = sides.iter().map(|side| Standing::labelled(&side.lanes[0], side.label)).collect();
        }
        for _ in 0..PAIRS {
            patience.wait()?;
            let mut order = [0, 1];
            dice.shuffle(&mut order);
            for at in order {
                let Side { lanes, connections, .. } = &mut sides[at];
                let sample = lane::sample(lanes, stage, *connections, WARM_UP, time)?;
                let is_kept = counts(&sample);
                standings[at].add(is_kept.then_some(sample.cpu_us));
                contest::show(round, sides[at].label, &sample, is_kept);
            }
        }
        if let Some(ratio) = standings[1].ratio(&standings[0]) {
            eprintln!("     so far {ratio:.3}");
        }
    }
    let details = details(&standings);
    Ok(Outcome { standings, details })
}

fn details(standings: &[Standing]) -> Option<String> {
    let [first, second] = standings else { return None };
    let ratio = second.ratio(first)?;
    let (was, is) = (first.median()?, second.median()?);
    Some(format!(
        "{} {was:.2}, {} {is:.2}: median of the ratios of {} pairs {ratio:.3}\n",
        first.label, second.label, ratio.count
    ))
}

fn plan<'a>(
    label: &str,
    work: &Rc<Work>,
    upstream: &'a Address,
    conditions: &'a Conditions<'a>,
) -> LanePlan<'a> {
    let tuning = Contender::Ringgate.tunings(Bodies::Small)[0];
    let plan = contest::plan(Contender::Ringgate, tuning, work, upstream, conditions);
    LanePlan { label: label.to_owned(), ..plan }
}
