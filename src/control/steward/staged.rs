//! A rollout as the steward carries it out: what it says is done, and written down.
//!
//! Decides nothing: when to go on and when to go back is `rollout`'s. While one is under way the generation in force is
//! the old one, so that everything else goes on as if nothing were.

use std::time::Instant;

use super::back::by;
use super::loading::Candidate;
use super::{Steward, feed, no_rollout};
use crate::config::diagnostic::Diagnostics;
use crate::config::units::UnitError;
use crate::control::config::changes::RolloutConfig;
use crate::control::crew::Prepared;
use crate::control::desk::{Change, Outcome, Refusal, Reloaded, RolloutOrder};
use crate::control::rollout::figures::{RolloutReport, RolloutState};
use crate::control::rollout::{Action, Rollout};
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::Frozen;
use crate::shared::level::Level;

/// A rollout under way.
pub(super) struct Staged {
    rollout: Rollout,
    pub(super) number: u64,
    prepared: Prepared,
    began_unix_ms: u64,
    /// Why it would be over next, if somebody said so.
    ending: RolloutState,
}

impl Steward {
    /// Brings a generation to some workers first.
    pub(super) async fn stage(
        &mut self,
        number: u64,
        settings: &RolloutConfig,
        prepared: Prepared,
    ) -> Outcome {
        let past = (self.baseline.from().clone(), self.crew.reading());
        let routes = self.index(number).map_or(1, |at| self.generations[at].config.routes.len());
        self.staged = Some(Staged {
            rollout: Rollout::new(settings, self.crew.len(), routes, past),
            number,
            prepared,
            began_unix_ms: clock::wall_ms(),
            ending: RolloutState::TakenBack,
        });
        self.attend().await;
        match &self.staged {
            Some(_) => Outcome::RollingOut,
            None => Outcome::Installed,
        }
    }

    /// Looks at the rollout that is under way, and does what it says.
    pub(super) async fn attend(&mut self) {
        while let Some(staged) = &mut self.staged {
            let reading = self.crew.reading();
            match staged.rollout.next(self.started.elapsed(), &reading) {
                Action::Wait => break,
                Action::Install(workers) => {
                    if let Some(reason) = self.install_staged(&workers).await {
                        self.take_back(&reason, RolloutState::TakenBack).await;
                    }
                }
                Action::TakeBack { reason, .. } => {
                    let ending = staged.ending;
                    self.take_back(&reason, ending).await;
                }
                Action::Done(remarks) => self.staged_is_done(&remarks),
            }
        }
        if self.staged.is_none() {
            self.baseline.look(self.started.elapsed(), || self.crew.reading());
        }
        self.show_rollout();
    }

    /// Gives these workers the new generation. Why it cannot be, if it cannot.
    async fn install_staged(&mut self, workers: &[usize]) -> Option<String> {
        let staged = self.staged.as_mut()?;
        let generation = self.generations.iter().find(|one| one.number == staged.number)?;
        feed(&self.shown, generation).await;
        for &worker in workers {
            self.crew.install(worker, generation, &mut staged.prepared);
        }
        let late = self.crew.wait(workers, staged.number).await;
        if !late.is_empty() {
            return Some(format!("workers {late:?} did not take it in time"));
        }
        staged.rollout.installed(self.started.elapsed(), self.crew.reading());
        let view = staged.rollout.view(self.started.elapsed());
        let (number, all) = (staged.number, self.crew.len());
        let (step, steps, has) = (view.step, view.steps, view.workers.len());
        say_at(
            Level::Info,
            format_args!(
                "rollout: generation {number} runs on {has} of {all} workers (step {step} of {steps})"
            ),
        );
        self.show();
        None
    }

    /// All workers run it.
    fn staged_is_done(&mut self, remarks: &[String]) {
        let Some(staged) = self.staged.take() else { return };
        for remark in remarks {
            say_at(Level::Info, format_args!("rollout: {remark}"));
        }
        self.put_in_force(staged.number);
        let now = self.started.elapsed();
        self.baseline.restart(now, self.crew.reading());
        self.chronicle.good(staged.number);
        self.show();
        self.shown.rollouts.done.add(1);
        let (number, current) = (staged.number, self.current());
        say_at(
            Level::Info,
            format_args!("rollout: generation {number} ({}) is in force on all workers", current.hash),
        );
        self.publish_rollout(&staged, RolloutState::Done, "");
        self.note_rollout(number, "done".to_owned());
    }

    /// All workers run what they ran before.
    pub(super) async fn take_back(&mut self, reason: &str, state: RolloutState) {
        let Some(staged) = self.staged.take() else { return };
        let began = Instant::now();
        let workers = staged.rollout.workers().to_vec();
        let current = &self.generations[self.index(self.in_force).unwrap_or(0)];
        let mut prepared = match self.crew.prepare(&current.config, &current.snapshot) {
            Ok(prepared) => prepared,
            Err(wrong) => {
                let name = &current.config.listeners[wrong.at].name;
                say_at(
                    Level::Error,
                    format_args!("rollout: listener `{name}` cannot be opened again: {}", wrong.reason),
                );
                Prepared::nothing(self.crew.len())
            }
        };
        // Its endpoints are there; the caps on their connections are those of the other.
        self.shown.feeds.attach(&current.config, &current.snapshot);
        self.shown.health.attach(&current.config, &current.snapshot);
        self.shown.keepers.attach(&current.snapshot, &current.base);
        self.shown.revocations.attach(&current.config.revocations, &current.base);
        self.shown.fleet.follow(current);
        self.shown.releases.attach(&current.config, &current.snapshot);
        for &worker in &workers {
            self.crew.install(worker, current, &mut prepared);
        }
        let late = self.crew.wait(&workers, self.in_force).await;
        if !late.is_empty() {
            say_at(Level::Warn, format_args!("rollout: workers {late:?} have not gone back yet"));
        }
        let took = began.elapsed().as_secs_f64() * 1e3;
        self.settle();
        let now = self.started.elapsed();
        self.baseline.restart(now, self.crew.reading());
        let (number, in_force) = (staged.number, self.in_force);
        say_at(
            Level::Error,
            format_args!(
                "rollout: GENERATION {number} TAKEN BACK from {} of {} workers after {took:.1} ms; generation {in_force} stays in \
             force: {reason}",
                workers.len(),
                self.crew.len(),
            ),
        );
        let figures = &self.shown.rollouts;
        match state {
            RolloutState::Aborted => figures.aborted.add(1),
            RolloutState::Superseded => figures.superseded.add(1),
            _ => {
                figures.taken_back.add(1);
                figures.taken_back_seconds.set(clock::wall_seconds().cast_signed());
            }
        }
        if let Some(at) = self.index(number) {
            self.generations[at].replaced = Some(Instant::now());
            // What another one took the place of was not found wanting.
            let is_rejected = state != RolloutState::Superseded;
            self.chronicle.taken_back(&self.generations[at], reason, is_rejected);
        }
        self.show();
        self.publish_rollout(&staged, state, reason);
        self.note_rollout(number, format!("taken back: {reason}"));
    }

    /// Whether what was read is what is being rolled out already.
    pub(super) fn is_staged(&self, candidate: &Candidate) -> bool {
        let staged = self.staged.as_ref().and_then(|staged| self.index(staged.number));
        staged.is_some_and(|at| {
            let snapshot = &self.generations[at].snapshot;
            snapshot.hash == candidate.snapshot.hash && snapshot.inputs == candidate.snapshot.inputs
        })
    }

    /// What is being rolled out was read once more: it goes on, or to all at once if that is what is wanted.
    pub(super) async fn told_again(
        &mut self,
        change: &Change,
        candidate: Candidate,
        began: Instant,
    ) -> Reloaded {
        if change.is_now {
            // It is under way, as has just been seen.
            let _ = self.steer(RolloutOrder::Promote, change).await;
        }
        let outcome = if self.staged.is_some() { Outcome::RollingOut } else { Outcome::Installed };
        self.answer(outcome, Vec::new(), candidate.warnings, began)
    }

    /// Why what was read is not taken, if nobody asked for it and it was taken back before.
    pub(super) fn taken_back_before(&self, candidate: &Candidate, change: &Change) -> Option<Diagnostics> {
        let told = self.chronicle.refusal(&candidate.snapshot.hash).filter(|_| change.is_by_itself())?;
        let hint = "change it, or have it tried again with `ringgate reload` or SIGHUP";
        Some(candidate.refused("taken-back", UnitError::new(told).hint(hint)))
    }

    /// Steers the rollout that is under way.
    pub(super) async fn steer(&mut self, order: RolloutOrder, change: &Change) -> Result<String, Refusal> {
        let Some(staged) = &mut self.staged else { return Err(no_rollout()) };
        let number = staged.number;
        let by = |what: &str| by(what, change);
        let told = match order {
            RolloutOrder::Pause => {
                staged.rollout.pause();
                format!(
                    "generation {number} stays at its step; it is taken back all the same if it does badly"
                )
            }
            RolloutOrder::Resume => {
                staged.rollout.resume();
                format!("generation {number} goes on")
            }
            RolloutOrder::Promote => {
                staged.rollout.promote();
                format!("generation {number} is in force on all workers")
            }
            RolloutOrder::Abort => {
                staged.ending = RolloutState::Aborted;
                staged.rollout.abort(by("aborted"));
                format!("generation {number} is taken back; generation {} stays in force", self.in_force)
            }
        };
        let word = match order {
            RolloutOrder::Pause => "paused",
            RolloutOrder::Resume => "resumed",
            RolloutOrder::Promote => "promoted",
            RolloutOrder::Abort => "aborted",
        };
        say_at(Level::Info, format_args!("rollout: generation {number} {}", by(word)));
        self.attend().await;
        Ok(told)
    }

    /// Publishes how far the rollout is.
    fn show_rollout(&self) {
        let figures = &self.shown.rollouts;
        let history = self.chronicle.history();
        figures.good_generation.set(history.and_then(|it| it.good()).unwrap_or(0).cast_signed());
        figures.kept_on_disk.set(history.map_or(0, |it| it.records().count()) as i64);
        figures.write_failures.set(self.chronicle.failures().cast_signed());
        let view = self.staged.as_ref().map(|staged| staged.rollout.view(self.started.elapsed()));
        figures.step.set(view.as_ref().map_or(0, |view| view.step) as i64);
        figures.workers.set(view.as_ref().map_or(0, |view| view.workers.len()) as i64);
        figures.is_paused.set(i64::from(view.is_some_and(|view| view.is_paused)));
        if let Some(staged) = &self.staged {
            self.publish_rollout(staged, RolloutState::UnderWay, "");
        }
    }

    fn publish_rollout(&self, staged: &Staged, state: RolloutState, reason: &str) {
        let is_over = state != RolloutState::UnderWay;
        let report = RolloutReport {
            generation: staged.number,
            against: self.in_force,
            state,
            reason: reason.to_owned(),
            began_unix_ms: staged.began_unix_ms,
            ended_unix_ms: is_over.then(clock::wall_ms),
            view: staged.rollout.view(self.started.elapsed()),
        };
        self.shown.rollout.publish(Frozen::new(Some(report)));
    }
}
