//! A contender that runs, and samples of what an exchange costs it.
//!
//! A sample opens its own clients, warms up, measures, and closes them. It is clean if the gateway was busy and alone
//! on its CPU; anything else says more about the machine than about the gateway.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::contender::{Contender, Setup, Tuning};
use crate::machine::{self, CpuTime};
use crate::process::Group;
use crate::socket::{self, Address};
use crate::stage::Stage;
use crate::work::Work;

/// Before each sample: connections are made, pools are filled, caches are warm.
const WARM_UP: Duration = Duration::from_millis(250);
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
    /// Its settings.
    pub tuning: Tuning,
    /// Number of routes (Ringgate only).
    pub routes: usize,
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
        self.busy >= BUSY_MIN && self.others <= OTHERS_MAX
    }
}

impl Lane {
    /// Starts it and waits for its first answer. Gives the time that took, too.
    pub fn start(stage: &mut Stage, plan: LanePlan<'_>) -> anyhow::Result<(Self, Duration)> {
        let name = plan.contender.name();
        let label = if plan.routes > 0 { format!("{name}, {} routes", plan.routes) } else { name.to_owned() };
        // A port that was free a moment ago; nothing else on this machine takes ports at this rate.
        let address = socket::listen(&Address::any())?.1;
        let dir = plan.dir.join(label.replace([' ', ','], "-"));
        std::fs::create_dir_all(&dir)?;
        let setup = Setup {
            address: &address,
            upstream: plan.upstream,
            tuning: plan.tuning,
            routes: plan.routes,
            dir: &dir,
            driver: plan.driver,
            under: plan.under,
        };
        let command = plan.contender.command(&setup)?;
        let began = Instant::now();
        let group = Group::start(command, &dir.join("output"))?;
        let mut lane =
            Self { contender: plan.contender, label, work: plan.work, tuning: plan.tuning, group, address };
        let first_answer = lane.await_answer(stage, began).with_context(|| format!("starting {name}"))?;
        lane.group.find_members()?;
        Ok((lane, first_answer))
    }

    fn await_answer(&mut self, stage: &mut Stage, began: Instant) -> anyhow::Result<Duration> {
        stage.set_work(&self.work);
        loop {
            let answered = stage.open_idle(&self.address, 1, 1).and_then(|()| stage.finish());
            match answered {
                Ok(()) => return Ok(began.elapsed()),
                Err(error) if began.elapsed() > START_TIMEOUT => return Err(error),
                Err(_) => stage.abandon(),
            }
            crate::interrupt::check()?;
            self.group.check()?;
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// One sample of `time` with `connections` clients.
    pub fn sample(
        &mut self,
        stage: &mut Stage,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<Sample> {
        let outcome = self.take_sample(stage, connections, time);
        if outcome.is_err() {
            stage.abandon();
            self.group.check()?;
        }
        outcome.with_context(|| self.label.clone())
    }

    fn take_sample(&self, stage: &mut Stage, connections: usize, time: Duration) -> anyhow::Result<Sample> {
        stage.set_work(&self.work);
        stage.open(&self.address, connections)?;
        stage.run(WARM_UP)?;
        let before = Reading::take(self, stage)?;
        stage.run(time)?;
        let after = Reading::take(self, stage)?;
        stage.finish()?;
        Ok(after.since(&before))
    }
}

/// The counters at one moment.
struct Reading {
    at: Instant,
    completed: u64,
    gateway: Duration,
    cpu: CpuTime,
}

impl Reading {
    fn take(lane: &Lane, stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: lane.group.cpu_time()?,
            completed: stage.completed(),
            at: Instant::now(),
            cpu: machine::cpu_time(machine::GATEWAY_CPU)?,
        })
    }

    fn since(&self, before: &Self) -> Sample {
        let wall = (self.at - before.at).as_secs_f64();
        let gateway = (self.gateway - before.gateway).as_secs_f64();
        let idle = (self.cpu.idle - before.cpu.idle).as_secs_f64();
        // Time the hypervisor took may hide in the gateway's or be missing from everybody's.
        let stolen = (self.cpu.stolen - before.cpu.stolen).as_secs_f64();
        let completed = (self.completed - before.completed) as f64;
        Sample {
            cpu_us: gateway * 1e6 / completed,
            per_second: completed / wall,
            busy: gateway / wall,
            others: (wall - idle - gateway).max(stolen) / wall,
        }
    }
}
