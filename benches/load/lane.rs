//! A contender that runs, and samples of what an exchange costs it.
//!
//! A sample opens its own clients, warms up, measures, and closes them. It is clean if the gateway was busy and alone
//! on its CPU; anything else says more about the machine than about the gateway. Several lanes can be sampled as one.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::contender::{Contender, Setup, Tuning};
use crate::machine::{self, CpuTime};
use crate::multiplexed::NotSpoken;
use crate::process::Group;
use crate::socket::{self, Address};
use crate::stage::Stage;
use crate::work::Work;

/// Before each sample: connections are made, pools are filled, caches are warm.
pub const WARM_UP: Duration = Duration::from_millis(250);
/// A gateway that gives no answer within this has failed to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Least share of the time the gateway must be busy.
const BUSY_MIN: f64 = 0.88;
/// Largest share of the gateway's CPU that others may use.
const OTHERS_MAX: f64 = 0.06;

/// A running contender.
pub struct Lane {
    /// Which.
    pub contender: Contender,
    /// As it stands in the report, where there is more than one of a contender.
    pub label: String,
    /// What is sent through it.
    pub work: Rc<Work>,
    /// Its settings.
    pub tuning: Tuning,
    /// Where it runs.
    pub cpus: &'static [usize],
    /// Its processes.
    pub group: Group,
    /// Where it listens.
    pub address: Address,
}

/// What a lane is started with.
#[derive(Clone)]
pub struct LanePlan<'a> {
    /// Which contender.
    pub contender: Contender,
    /// As it stands in the report, and different from those that run beside it.
    pub label: String,
    /// Its settings.
    pub tuning: Tuning,
    /// Where it runs: Ringgate with one worker on each.
    pub cpus: &'static [usize],
    /// Number of routes (Ringgate only).
    pub routes: usize,
    /// With everything that there is against failing services (Ringgate only).
    pub is_careful: bool,
    /// What is sent through it.
    pub work: Rc<Work>,
    /// Where the origin listens.
    pub upstream: &'a Address,
    /// Where its files go.
    pub dir: &'a Path,
    /// Event loop (Ringgate only).
    pub driver: &'a str,
    /// What to run it under (Ringgate only).
    pub under: &'a str,
}

/// What an exchange cost, once.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// CPU time of the gateway per exchange, in microseconds.
    pub cpu_us: f64,
    /// Exchanges per second.
    pub per_second: f64,
    /// Share of the time the gateway was busy.
    pub busy: f64,
    /// Share of the time others used its CPU, the hypervisor included.
    pub others: f64,
}

impl Sample {
    /// Whether it counts.
    pub fn is_clean(&self) -> bool {
        self.busy >= BUSY_MIN && self.is_alone()
    }

    /// Whether it counts where the gateway is not meant to be busy all the time.
    pub fn is_alone(&self) -> bool {
        self.others <= OTHERS_MAX
    }
}

impl Lane {
    /// Starts it and waits for its first answer. Gives the time that took, too.
    pub fn start(stage: &mut Stage, plan: LanePlan<'_>) -> anyhow::Result<(Self, Duration)> {
        // A port that was free a moment ago; nothing else on this machine takes ports at this rate.
        let address = socket::listen(&Address::any())?.1;
        let dir = plan.dir.join(plan.label.replace([' ', ','], "-"));
        std::fs::create_dir_all(&dir)?;
        let setup = Setup {
            address: &address,
            upstream: plan.upstream,
            tuning: plan.tuning,
            cpus: plan.cpus,
            routes: plan.routes,
            is_careful: plan.is_careful,
            talk: plan.work.talk,
            certificates: plan.dir,
            dir: &dir,
            driver: plan.driver,
            under: plan.under,
        };
        let command = plan.contender.command(&setup)?;
        let began = Instant::now();
        let group = Group::start(command, plan.cpus, &dir.join("output"))?;
        let LanePlan { contender, label, work, tuning, cpus, .. } = plan;
        let mut lane = Self { contender, label, work, tuning, cpus, group, address };
        let first_answer =
            lane.await_answer(stage, began).with_context(|| format!("starting {}", lane.label))?;
        lane.group.find_members()?;
        Ok((lane, first_answer))
    }

    fn await_answer(&mut self, stage: &mut Stage, began: Instant) -> anyhow::Result<Duration> {
        stage.set_work(&self.work);
        loop {
            let answered = stage.open_idle(&self.address, 1, 1).and_then(|()| stage.finish());
            match answered {
                Ok(()) => return Ok(began.elapsed()),
                Err(error) if error.is::<NotSpoken>() || began.elapsed() > START_TIMEOUT => {
                    stage.abandon();
                    return Err(error);
                }
                Err(_) => stage.abandon(),
            }
            crate::interrupt::check()?;
            self.group.check()?;
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// One sample of `time` with `connections` clients, after the usual warm-up.
    pub fn sample(
        &mut self,
        stage: &mut Stage,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<Sample> {
        sample(std::slice::from_mut(self), stage, connections, WARM_UP, time)
    }
}

/// One sample of `time` with `connections` clients for each of `lanes`, which are taken together.
pub fn sample(
    lanes: &mut [Lane],
    stage: &mut Stage,
    connections: usize,
    warm_up: Duration,
    time: Duration,
) -> anyhow::Result<Sample> {
    let label = lanes[0].label.clone();
    watched(lanes, stage, |lanes, stage| {
        stage.set_work(&lanes[0].work);
        for lane in lanes {
            stage.open(&lane.address, connections)?;
        }
        stage.run(warm_up)?;
        let before = Reading::take(lanes, stage)?;
        stage.run(time)?;
        let after = Reading::take(lanes, stage)?;
        stage.finish()?;
        Ok(after.since(&before))
    })
    .context(label)
}

/// Runs `take`. If that fails, it closes all clients and looks whether a gateway has ended.
pub fn watched<T>(
    lanes: &mut [Lane],
    stage: &mut Stage,
    take: impl FnOnce(&[Lane], &mut Stage) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let outcome = take(lanes, stage);
    if outcome.is_err() {
        stage.abandon();
        lanes.iter_mut().try_for_each(|lane| lane.group.check())?;
    }
    outcome
}

/// The counters at one moment.
pub struct Reading {
    at: Instant,
    completed: u64,
    gateway: Duration,
    cpu: CpuTime,
    /// How many CPUs the gateway has.
    cpus: usize,
    /// Time of the load generator, if it runs on one of these.
    generator: Duration,
}

impl Reading {
    /// Of these lanes together.
    pub fn take(lanes: &[Lane], stage: &Stage) -> anyhow::Result<Self> {
        let mut cpus: Vec<usize> = lanes.iter().flat_map(|lane| lane.cpus).copied().collect();
        cpus.sort_unstable();
        cpus.dedup();
        let gateway =
            lanes.iter().try_fold(Duration::ZERO, |sum, lane| anyhow::Ok(sum + lane.group.cpu_time()?))?;
        let is_shared = cpus.contains(&machine::LOAD_CPU);
        Ok(Self {
            gateway,
            completed: stage.completed(),
            at: Instant::now(),
            cpu: machine::cpu_times(&cpus)?,
            cpus: cpus.len(),
            generator: if is_shared { machine::own_cpu_time() } else { Duration::ZERO },
        })
    }

    /// What happened since `before`.
    pub fn since(&self, before: &Self) -> Sample {
        let wall = (self.at - before.at).as_secs_f64();
        if self.cpus == 0 {
            // Without a gateway.
            let per_second = (self.completed - before.completed) as f64 / wall;
            return Sample { cpu_us: 0.0, per_second, busy: 0.0, others: 0.0 };
        }
        let room = wall * self.cpus as f64;
        let gateway = (self.gateway - before.gateway).as_secs_f64();
        let generator = (self.generator - before.generator).as_secs_f64();
        let idle = (self.cpu.idle - before.cpu.idle).as_secs_f64();
        // Time the hypervisor took may hide in the gateway's or be missing from everybody's.
        let stolen = (self.cpu.stolen - before.cpu.stolen).as_secs_f64();
        let completed = (self.completed - before.completed) as f64;
        Sample {
            cpu_us: gateway * 1e6 / completed,
            per_second: completed / wall,
            busy: gateway / room,
            others: (room - idle - gateway - generator).max(stolen) / room,
        }
    }
}
