//! The one task that changes what a running gateway does: it takes orders one after another and carries them out.
//!
//! Owns the generations, the one in force among them, and the workers' commands. Reads and compiles on a thread of its own
//! at low priority; what is wrong with a configuration is known before any worker hears of it. Publishes what others show.

mod audited;
mod back;
mod keep;
mod loading;
mod old;
mod shown;
mod staged;
mod trial;

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::config::secret::Environment;
use crate::control::audit::Audit;
use crate::control::chronicle::Chronicle;
use crate::control::crew::{Crew, Prepared};
use crate::control::desk::{Change, EndpointOrder, Order, Outcome, Refusal, Reloaded};
use crate::control::diff;
use crate::control::generation::Generation;
use crate::control::log_desk::LogDesk;
use crate::control::recorder::Recorder;
use crate::control::rollout::figures::RolloutState;
use crate::control::rollout::reading::Baseline;
use crate::control::sources::Source;
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::Frozen;
use crate::shared::level::Level;
use loading::Candidate;
use staged::Staged;

pub use shown::Shown;

/// Between two looks at what former generations still carry, and at a rollout.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// How long sources of endpoints may take to answer before a generation that has new ones comes into force.
pub const FIRST_ANSWERS_BOUND: std::time::Duration = std::time::Duration::from_secs(3);

/// What the steward is started with.
pub struct Charge {
    /// The workers, which run `first` already.
    pub crew: Crew,
    /// The generation in force.
    pub first: Generation,
    /// Where configurations are read from.
    pub source: Source,
    /// What they may see of this process.
    pub environment: Environment,
    /// What others are shown.
    pub shown: Shown,
    /// The access log's writer.
    pub log: LogDesk,
    /// Where generations are written down.
    pub chronicle: Chronicle,
    /// Where changes are written down that nobody has asked the operator's listener for.
    pub audit: Audit,
    /// Told when the process is to end.
    pub drain: tokio::sync::mpsc::Sender<Change>,
    /// What asks the workers what they remember.
    pub recorder: Recorder,
}

/// The task's state.
pub struct Steward {
    crew: Crew,
    source: Source,
    environment: Environment,
    shown: Shown,
    log: LogDesk,
    drain: tokio::sync::mpsc::Sender<Change>,
    recorder: Recorder,
    /// In the order of their numbers.
    generations: Vec<Generation>,
    in_force: u64,
    /// The one before, for a rollback without a number.
    before: Option<u64>,
    next_number: u64,
    certificates: tokio::task::JoinHandle<()>,
    chronicle: Chronicle,
    audit: Audit,
    staged: Option<Staged>,
    /// What the workers did lately, for the next rollout to compare with.
    baseline: Baseline,
    started: Instant,
}

impl Steward {
    /// Takes charge of a gateway that runs.
    pub fn new(charge: Charge) -> Self {
        let Charge { crew, first, source, environment, shown, log, mut chronicle, audit, drain, recorder } =
            charge;
        chronicle.write(&first, source.describe());
        chronicle.good(first.number);
        let mut steward = Self {
            crew,
            source,
            environment,
            shown,
            log,
            drain,
            recorder,
            in_force: first.number,
            before: None,
            next_number: chronicle.next_number(first.number),
            generations: vec![first],
            certificates: tokio::spawn(std::future::ready(())),
            chronicle,
            audit,
            staged: None,
            baseline: Baseline::default(),
            started: Instant::now(),
        };
        steward.watch_certificates();
        steward.show();
        steward
    }

    /// Carries out orders until nobody can give any more.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let (told, mut changed) = mpsc::channel(1);
        let following = tokio::spawn(self.source.clone().follow(self.environment.clone(), told));
        let mut looks: Interval = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order).await,
                    None => break,
                },
                Some(()) = changed.recv() => {
                    let change = Change { author: "source".to_owned(), ..Change::default() };
                    // A refusal has been said.
                    let _ = self.reload_audited(change).await;
                }
                _ = looks.tick() => {
                    self.attend().await;
                    self.expire();
                    self.look();
                }
            }
        }
        following.abort();
        self.certificates.abort();
    }

    async fn carry_out(&mut self, order: Order) {
        // Whoever has asked may have gone; what was ordered is done all the same.
        match order {
            Order::Reload(change, answer) => {
                let _ = answer.send(self.reload_audited(change).await);
            }
            Order::DryRun(text, answer) => {
                let _ = answer.send(Ok(self.dry_run(text).await));
            }
            Order::Rollback(to, change, answer) => {
                let _ = answer.send(self.roll_back(to, change).await);
            }
            Order::Rollout(order, change, answer) => {
                let _ = answer.send(self.steer(order, &change).await);
            }
            Order::Endpoint(order, change, answer) => {
                let EndpointOrder { cluster, endpoint, state } = order;
                let done = self.shown.feeds.set_state(&cluster, &endpoint, state);
                let _ = answer.send(done.map(|()| {
                    let told =
                        format!("endpoint `{endpoint}` of cluster `{cluster}` is {state:?}").to_lowercase();
                    say_at(Level::Info, format_args!("{told}, by {}: {}", change.author, change.note));
                    told
                }));
            }
            Order::Drain(change, answer) => {
                let said = self.drain.try_send(change).is_ok();
                let told = if said { "finishing what is in flight, then ending" } else { "ending already" };
                let _ = answer.send(Ok(told.to_owned()));
            }
        }
    }

    /// Reads the source and brings what it says into force.
    async fn reload(&mut self, change: Change) -> Reloaded {
        let began = Instant::now();
        let loaded = self.load(None).await;
        let candidate = match loaded {
            Ok(candidate) => candidate,
            Err(diagnostics) => return self.refused(diagnostics, began),
        };
        if self.is_staged(&candidate) {
            return self.told_again(&change, candidate, began).await;
        }
        if let Some(refusal) = self.taken_back_before(&candidate, &change) {
            return self.refused(refusal, began);
        }
        if self.staged.is_some() {
            self.take_back("another configuration came", RolloutState::Superseded).await;
        }
        if self.is_in_force(&candidate) {
            self.shown.figures.unchanged.add(1);
            return self.told(Outcome::Unchanged, Vec::new(), candidate.warnings, began);
        }
        let prepared = match self.crew.prepare(&candidate.loaded.config, &candidate.snapshot) {
            Ok(prepared) => prepared,
            Err(wrong) => {
                let diagnostics = candidate.unlistenable(&wrong);
                return self.refused(diagnostics, began);
            }
        };
        let mut warnings = candidate.warnings.clone();
        warnings.extend(candidate.needs_restart(&self.current().config));
        let changes = self.changes(&candidate);
        let trial = self.try_out(&candidate);
        let generation = self.adopt(candidate, change, changes.clone());
        let outcome = self.begin(generation, prepared).await;
        trial.completes_and_says(self.told(outcome, changes, warnings, began)).await
    }

    /// What is different, in the words of the configuration.
    fn changes(&self, candidate: &Candidate) -> Vec<String> {
        let mut changes: Vec<String> = diff::diff(&self.current().config, &candidate.loaded.config)
            .iter()
            .map(ToString::to_string)
            .collect();
        if changes.is_empty() {
            changes.push("secrets, certificates or addresses behind names have changed".to_owned());
        }
        changes
    }

    fn adopt(&mut self, candidate: Candidate, change: Change, changes: Vec<String>) -> Generation {
        let number = self.next_number;
        self.next_number += 1;
        Generation {
            number,
            hash: candidate.snapshot.hash.to_string(),
            change,
            unix_ms: clock::wall_ms(),
            config: Frozen::new(candidate.loaded.config),
            base: candidate.base,
            changes,
            replaced: None,
            snapshot: candidate.snapshot,
            tables: candidate.tables,
        }
    }

    /// Brings a generation into force.
    async fn begin(&mut self, generation: Generation, prepared: Prepared) -> Outcome {
        let number = generation.number;
        let rollout = generation.config.changes.rollout().filter(|_| !generation.change.is_now).cloned();
        self.chronicle.readmit(&generation.hash);
        self.chronicle.write(&generation, self.source.describe());
        self.generations.push(generation);
        if let Some(settings) = rollout {
            return self.stage(number, &settings, prepared).await;
        }
        self.install_everywhere(number, prepared).await;
        self.chronicle.good(number);
        self.show();
        Outcome::Installed
    }

    async fn install_everywhere(&mut self, number: u64, mut prepared: Prepared) {
        let all: Vec<usize> = (0..self.crew.len()).collect();
        if let Some(generation) = self.generations.iter().find(|one| one.number == number) {
            feed(&self.shown, generation).await;
            for &worker in &all {
                self.crew.install(worker, generation, &mut prepared);
            }
        }
        let late = self.crew.wait(&all, number).await;
        if !late.is_empty() {
            say_at(
                Level::Warn,
                format_args!("configuration: workers {late:?} have not taken generation {number} yet"),
            );
        }
        self.put_in_force(number);
    }

    /// All workers run it, or are about to.
    fn put_in_force(&mut self, number: u64) {
        let before = std::mem::replace(&mut self.in_force, number);
        for generation in &mut self.generations {
            match generation.number {
                it if it == number => generation.replaced = None,
                it if it == before => generation.replaced = Some(Instant::now()),
                _ => {}
            }
        }
        self.before = Some(before).filter(|&before| before != number);
        self.settle();
    }

    /// After all workers have got the generation in force.
    fn settle(&mut self) {
        let current = &self.generations[self.index(self.in_force).unwrap_or(0)];
        self.crew.close_gone(&current.snapshot);
        self.log.follow(current.config.access_log.as_ref());
        self.watch_certificates();
        self.show();
    }

    /// Says what would become of the source, or of a text instead of it.
    async fn dry_run(&mut self, text: Option<String>) -> Reloaded {
        let began = Instant::now();
        let candidate = match self.load(text).await {
            Ok(candidate) => candidate,
            Err(diagnostics) => return self.answer(Outcome::Refused, Vec::new(), diagnostics, began),
        };
        if self.is_in_force(&candidate) {
            return self.answer(Outcome::Unchanged, Vec::new(), candidate.warnings, began);
        }
        let changes = self.changes(&candidate);
        let mut remarks = candidate.needs_restart(&self.current().config);
        remarks.extend(candidate.warnings.clone());
        match self.crew.prepare(&candidate.loaded.config, &candidate.snapshot) {
            Ok(_) => {
                let told = self.answer(Outcome::Valid, changes, remarks, began);
                self.try_out(&candidate).completes(told).await
            }
            Err(wrong) => self.answer(Outcome::Refused, changes, candidate.unlistenable(&wrong), began),
        }
    }

    fn current(&self) -> &Generation {
        &self.generations[self.index(self.in_force).unwrap_or(0)]
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.generations.iter().position(|one| one.number == number)
    }
}

/// Gives a generation its endpoints, before a worker has it.
async fn feed(shown: &Shown, generation: &Generation) {
    let Shown { feeds, keepers, revocations, fleet, health, releases, .. } = shown;
    feeds.attach(&generation.config, &generation.snapshot);
    releases.attach(&generation.config, &generation.snapshot);
    keepers.attach(&generation.snapshot, &generation.base);
    revocations.attach(&generation.config.revocations, &generation.base);
    fleet.follow(generation);
    feeds.first_answers(FIRST_ANSWERS_BOUND).await;
    keepers.first_values(FIRST_ANSWERS_BOUND).await;
    revocations.first_lists(FIRST_ANSWERS_BOUND).await;
    health.attach(&generation.config, &generation.snapshot);
}

fn no_rollout() -> Refusal {
    Refusal { code: "no_rollout", reason: "no rollout is under way".to_owned() }
}
