//! Latency that a gateway adds at a rate that all of them can carry, in an open loop.
//!
//! The rate is the same for all, a share of what nginx can do here and now, and so is the schedule within a round. What
//! is added is the percentile with the gateway less that of the origin alone, by the same clients in the same round.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::contender::{Bodies, Contender};
use crate::contest::{self, Conditions};
use crate::dice::Dice;
use crate::estimate::Estimate;
use crate::lane::{self, Lane, Reading, Sample, WARM_UP};
use crate::quiet::Patience;
use crate::schedule::Times;
use crate::socket::Address;
use crate::stage::Stage;
use crate::standing::{Outcome, Standing};
use crate::work::Work;

/// Closed-loop samples whose median is nginx's capacity.
const CALIBRATIONS: usize = 3;
/// The 99th percentile of the load generator's own lateness in a sample that counts. On a quiet machine it is about 15 us.
const LAG_MAX: Duration = Duration::from_micros(40);
/// The same where a gateway cannot follow: more comes at once.
const LAG_MAX_OVERLOADED: Duration = Duration::from_millis(2);
/// Least share of the requests meant to be sent that must be answered within the sample.
const ANSWERED_MIN: f64 = 0.98;

/// A way from the clients to the origin.
struct Path {
    label: &'static str,
    address: Address,
    /// None for the direct one.
    lane: Option<Lane>,
    samples: Vec<Option<Tail>>,
    /// Samples in which it could not follow.
    overloads: usize,
}

/// One sample.
struct Tail {
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    lag: Duration,
    /// Answered within the sample, of what was meant to be sent.
    answered: f64,
    sample: Sample,
}

/// Measures all contenders at `load` times nginx's capacity.
pub fn hold(connections: usize, load: f64, conditions: &Conditions<'_>) -> anyhow::Result<Outcome> {
    let work = Rc::new(Work::download(128));
    let (mut stage, upstream) = contest::origin(&work, false, conditions)?;
    let direct = Path::new("direct", upstream.clone(), None);
    let mut paths = vec![direct];
    for &contender in &conditions.contenders {
        let tuning = contender.tunings(Bodies::Small)[0];
        let (lane, _) =
            Lane::start(&mut stage, contest::plan(contender, tuning, &work, &upstream, conditions))?;
        paths.push(Path::new(contender.name(), lane.address.clone(), Some(lane)));
    }
    let (measure, capacity) = capacity(&mut stage, &mut paths, connections)?;
    let rate = capacity * load;
    eprintln!("  {rate:.0} requests/s, {:.0} % of {measure}'s {capacity:.0}", load * 100.0);
    rounds(&mut stage, &mut paths, connections, rate, conditions)?;
    let details = details(&paths, rate, &format!("{:.0} % of {measure}'s capacity", load * 100.0));
    Ok(Outcome { standings: standings(&paths), details: Some(details) })
}

/// Requests per second of nginx in a closed loop, or of the first contender where there is no nginx.
fn capacity(
    stage: &mut Stage,
    paths: &mut [Path],
    connections: usize,
) -> anyhow::Result<(&'static str, f64)> {
    let mut lanes: Vec<&mut Lane> = paths.iter_mut().filter_map(|path| path.lane.as_mut()).collect();
    let at = lanes.iter().position(|lane| lane.contender == Contender::Nginx);
    let at = at.or_else(|| lanes.iter().position(|lane| lane.contender != Contender::Relay)).unwrap_or(0);
    let lane = lanes.get_mut(at).context("nobody takes part")?;
    let mut rates = Vec::new();
    for _ in 0..CALIBRATIONS {
        let sample = lane.sample(stage, connections, contest::TRIAL)?;
        // What it would do if it were never kept waiting.
        rates.push(sample.per_second / sample.busy.clamp(0.5, 1.0));
    }
    let median = Estimate::of(rates).context("no calibration")?.median;
    Ok((lane.contender.name(), median))
}

fn rounds(
    stage: &mut Stage,
    paths: &mut [Path],
    connections: usize,
    rate: f64,
    conditions: &Conditions<'_>,
) -> anyhow::Result<()> {
    let mut order: Vec<usize> = (0..paths.len()).collect();
    let mut dice = Dice::new();
    let mut patience = Patience::new(conditions.patience, conditions.end);
    for round in 0..2 * conditions.rounds {
        let is_enough = paths.iter().all(|path| path.is_overloaded() || path.kept() >= conditions.rounds);
        if is_enough || Instant::now() > conditions.end {
            break;
        }
        dice.shuffle(&mut order);
        for &at in &order {
            if paths[at].is_overloaded() {
                paths[at].samples.push(None);
                continue;
            }
            patience.wait()?;
            let path = &mut paths[at];
            let tail = path.sample(stage, connections, rate, round as u64, conditions.time)?;
            tail.show(round, path.label);
            path.overloads += usize::from(tail.is_overloaded());
            path.samples.push(tail.is_clean().then_some(tail));
        }
    }
    Ok(())
}

impl Path {
    fn new(label: &'static str, address: Address, lane: Option<Lane>) -> Self {
        Self { label, address, lane, samples: Vec::new(), overloads: 0 }
    }

    fn sample(
        &mut self,
        stage: &mut Stage,
        connections: usize,
        rate: f64,
        seed: u64,
        time: Duration,
    ) -> anyhow::Result<Tail> {
        let address = self.address.clone();
        lane::watched(self.lane.as_mut_slice(), stage, |lanes, stage| {
            stage.open_paced(&address, connections, rate, seed)?;
            stage.run(WARM_UP)?;
            stage.take_times();
            let before = Reading::take(lanes, stage)?;
            stage.run(time)?;
            let after = Reading::take(lanes, stage)?;
            let times = stage.take_times().context("the schedule is gone")?;
            stage.finish()?;
            Tail::of(&times, after.since(&before))
        })
        .context(self.label)
    }

    fn kept(&self) -> usize {
        self.samples.iter().flatten().count()
    }

    /// Whether it is given up as too slow for this rate.
    fn is_overloaded(&self) -> bool {
        self.overloads >= 2 && self.kept() == 0
    }

    fn estimate(&self, value: impl Fn(&Tail) -> f64) -> Option<Estimate> {
        Estimate::of(self.samples.iter().flatten().map(value).collect())
    }
}

impl Tail {
    fn of(times: &Times, sample: Sample) -> anyhow::Result<Self> {
        let at = |sorted: &[Duration], share: f64| {
            let rank = (sorted.len() as f64 * share) as usize;
            sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().context("nothing was answered")
        };
        let latency = |share| at(&times.latencies, share).map(|time| time.as_secs_f64() * 1e6);
        Ok(Self {
            p50_us: latency(0.5)?,
            p99_us: latency(0.99)?,
            p999_us: latency(0.999)?,
            lag: at(&times.lags, 0.99)?,
            answered: times.latencies.len() as f64 / times.lags.len() as f64,
            sample,
        })
    }

    /// Whether it says something about the gateway, and not about the load generator or others.
    fn is_fair(&self) -> bool {
        self.lag <= LAG_MAX && self.sample.is_alone()
    }

    fn is_overloaded(&self) -> bool {
        // Being late by so little cannot leave a fiftieth unanswered.
        let is_generator_well = self.lag <= LAG_MAX_OVERLOADED && self.sample.is_alone();
        is_generator_well && self.answered < ANSWERED_MIN
    }

    fn is_clean(&self) -> bool {
        self.is_fair() && self.answered >= ANSWERED_MIN
    }

    fn show(&self, round: usize, label: &str) {
        eprintln!(
            "  {round:>2} {label:<10} p50 {:>5.0}  p99 {:>6.0}  p99.9 {:>6.0} us  late {:>3} us  {:>5.2} us CPU  busy {:>3.0} %  \
             others {:>4.1} %{}",
            self.p50_us,
            self.p99_us,
            self.p999_us,
            self.lag.as_micros(),
            self.sample.cpu_us,
            self.sample.busy * 100.0,
            self.sample.others * 100.0,
            match (self.is_overloaded(), self.is_clean()) {
                (true, _) => "  cannot follow",
                (_, false) => "  thrown away",
                _ => "",
            },
        );
    }
}

/// What each adds at the 99th percentile, in microseconds.
fn standings(paths: &[Path]) -> Vec<Standing> {
    let Some((direct, others)) = paths.split_first() else { return Vec::new() };
    let standing = |path: &Path| {
        let mut standing = Standing::new(path.lane.as_ref()?);
        for (sample, direct) in path.samples.iter().zip(&direct.samples) {
            let added = sample.as_ref().zip(direct.as_ref());
            standing.add(added.map(|(sample, direct)| sample.p99_us - direct.p99_us));
        }
        Some(standing)
    };
    others.iter().filter_map(standing).collect()
}

fn details(paths: &[Path], rate: f64, load: &str) -> String {
    let mut text = format!(
        "Latency in microseconds at {rate:.0} requests/s ({load}), open loop:\n\n\
         | | p50 | p99 | p99.9 | CPU us per exchange | busy | kept/thrown |\n|---|---|---|---|---|---|---|\n"
    );
    for path in paths {
        let cell = |value: &dyn Fn(&Tail) -> f64, digits: usize| {
            path.estimate(value).map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let has_cost = path.lane.is_some();
        let cpu = if has_cost { cell(&|tail| tail.sample.cpu_us, 2) } else { "-".to_owned() };
        let busy = path.estimate(|tail| tail.sample.busy * 100.0).filter(|_| has_cost);
        let follows = if path.is_overloaded() { " (cannot follow)" } else { "" };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {}{follows} | {} | {} | {} | {cpu} | {} | {}/{} |",
            path.label,
            cell(&|tail| tail.p50_us, 0),
            cell(&|tail| tail.p99_us, 0),
            cell(&|tail| tail.p999_us, 0),
            busy.map_or("-".to_owned(), |busy| format!("{:.0} %", busy.median)),
            path.kept(),
            path.samples.len() - path.kept(),
        );
    }
    text
}
