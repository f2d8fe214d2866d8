//! Keeping house: former generations and their streams, views for others, what is said of a change.

use std::time::{Duration, Instant};

use super::Steward;
use super::shown::Refused;
use crate::config::diagnostic::Diagnostics;
use crate::control::desk::{Outcome, Reloaded};
use crate::control::generation::{GenerationLabel, GenerationView, Standing};
use crate::control::history::Record;
use crate::control::tls::watch::Watch;
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::Frozen;
use crate::shared::level::Level;

/// Former generations that are kept though nothing runs on them, so that going back takes no compiling. Ten thousand routes
/// are some 60 MB each.
const FORMER_KEPT: usize = 1;
/// Until every worker has said what of a generation goes on, which they do once a second.
const SETTLING: Duration = Duration::from_secs(3);
/// Changes that are told one by one.
const CHANGES_TOLD: usize = 20;

impl Steward {
    /// Lets go what nobody needs, and ends what has run on a former generation for too long. Now and then.
    pub(super) fn look(&mut self) {
        let pinned = self.crew.pinned();
        let running = self.crew.running();
        let in_force = self.in_force;
        let is_needed =
            |number: u64| number == in_force || pinned.contains_key(&number) || running.contains(&number);
        let mut spare = FORMER_KEPT;
        for at in (0..self.generations.len()).rev() {
            let generation = &self.generations[at];
            let is_settling = generation.replaced.is_some_and(|since| since.elapsed() < SETTLING);
            if is_settling || is_needed(generation.number) {
                continue;
            }
            if spare > 0 {
                spare -= 1;
            } else {
                self.generations.remove(at);
            }
        }
        self.show();
    }

    /// Publishes everything that is shown of generations.
    pub(super) fn show(&self) {
        let current = self.current();
        let label = GenerationLabel { number: current.number, hash: current.hash.clone() };
        if *self.shown.label.load().1 != label {
            self.shown.label.publish(Frozen::new(label));
            self.shown.snapshot.publish(current.snapshot.clone());
        }
        if self.shown.config.generation() == 1
            || self.shown.label.generation() != self.shown.config.generation()
        {
            self.shown
                .config
                .publish(Frozen::new(serde_json::to_value(&*current.config).unwrap_or_default()));
        }
        let configs: Vec<_> = self.generations.iter().map(|one| (one.number, one.config.clone())).collect();
        if self.shown.configs.load().1.iter().map(|(number, _)| number).ne(configs.iter().map(|(it, _)| it)) {
            self.shown.configs.publish(Frozen::new(configs));
        }
        let mut views = self.views();
        self.shown.figures.kept.set(views.len() as i64);
        let former: Vec<_> = views.iter().filter(|view| view.exchanges > 0).collect();
        self.shown.figures.former.set(former.len() as i64);
        let exchanges: u64 = former.iter().map(|view| view.exchanges).sum();
        self.shown.figures.former_exchanges.set(exchanges.cast_signed());
        views.extend(self.on_disk());
        views.sort_by_key(|view| std::cmp::Reverse(view.number));
        if *self.shown.generations.load().1 != views {
            self.shown.generations.publish(Frozen::new(views));
        }
    }

    fn views(&self) -> Vec<GenerationView> {
        let (pinned, running) = (self.crew.pinned(), self.crew.running());
        let view = |generation: &crate::control::generation::Generation| {
            let number = generation.number;
            let workers: Vec<usize> =
                (0..running.len()).filter(|&worker| running[worker] == number).collect();
            let former = pinned.get(&number);
            let standing = match () {
                () if number == self.in_force => Standing::InForce,
                () if !workers.is_empty() => Standing::RollingOut,
                () => Standing::Former,
            };
            GenerationView {
                number,
                hash: generation.hash.clone(),
                author: generation.change.author.clone(),
                note: generation.change.note.clone(),
                unix_ms: generation.unix_ms,
                standing,
                workers,
                exchanges: former.map_or(0, |it| it.exchanges),
                bytes: former.map_or(0, |it| it.bytes),
                changes: generation.changes.clone(),
                is_good: self.chronicle.is_good(number),
                taken_back: self.chronicle.why_taken_back(number),
            }
        };
        self.generations.iter().rev().map(view).collect()
    }

    /// Those that are kept on disk alone.
    fn on_disk(&self) -> Vec<GenerationView> {
        let records = self.chronicle.history().into_iter().flat_map(|history| history.records());
        let absent = records.filter(|record| self.index(record.number).is_none());
        let view = |record: &Record| GenerationView {
            number: record.number,
            hash: record.hash.clone(),
            author: record.author.clone(),
            note: record.note.clone(),
            unix_ms: record.unix_ms,
            standing: Standing::Former,
            workers: Vec::new(),
            exchanges: 0,
            bytes: 0,
            changes: record.changes.iter().take(CHANGES_TOLD).cloned().collect(),
            is_good: self.chronicle.is_good(record.number),
            taken_back: self.chronicle.why_taken_back(record.number),
        };
        absent.map(view).collect()
    }

    /// Follows the files of the certificates of the generation in force.
    pub(super) fn watch_certificates(&mut self) {
        self.certificates.abort();
        let current = self.current();
        let watch =
            Watch::new(&current.config, &current.base, &current.snapshot, self.shown.certificates.clone());
        self.certificates = tokio::spawn(watch.run());
    }

    /// What was wrong is said; nothing has changed.
    pub(super) fn refused(&self, diagnostics: Diagnostics, began: Instant) -> Reloaded {
        let figures = &self.shown.figures;
        figures.refused.add(1);
        figures.was_last_good.set(0);
        self.shown.refused.publish(Frozen::new(Some(Refused {
            unix_ms: clock::wall_ms(),
            report: diagnostics.to_string(),
            diagnostics: diagnostics.clone(),
        })));
        self.told(Outcome::Refused, Vec::new(), diagnostics, began)
    }

    /// What became of a configuration, for who asked and for the log.
    pub(super) fn told(
        &self,
        outcome: Outcome,
        changes: Vec<String>,
        diagnostics: Diagnostics,
        began: Instant,
    ) -> Reloaded {
        let took = began.elapsed();
        let figures = &self.shown.figures;
        if matches!(outcome, Outcome::Installed | Outcome::RollingOut | Outcome::Unchanged) {
            figures.was_last_good.set(1);
            if self.shown.refused.load().1.is_some() {
                self.shown.refused.publish(Frozen::new(None));
            }
            figures.last_good_seconds.set(clock::wall_seconds().cast_signed());
        }
        if matches!(outcome, Outcome::Installed | Outcome::RollingOut) {
            figures.installed.add(1);
            figures.last_took_micros.set(i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
        }
        let reloaded = self.answer(outcome, changes, diagnostics, began);
        self.say(&reloaded);
        reloaded
    }

    /// What became of a configuration, or would.
    pub(super) fn answer(
        &self,
        outcome: Outcome,
        changes: Vec<String>,
        diagnostics: Diagnostics,
        began: Instant,
    ) -> Reloaded {
        let current = self.generations.last().filter(|_| outcome == Outcome::RollingOut);
        let current = current.unwrap_or_else(|| self.current());
        Reloaded {
            outcome,
            generation: current.number,
            hash: current.hash.clone(),
            changes,
            report: diagnostics.to_string(),
            diagnostics,
            replay: Vec::new(),
            took_ms: began.elapsed().as_secs_f64() * 1e3,
        }
    }

    fn say(&self, told: &Reloaded) {
        let (number, hash, took) = (told.generation, &told.hash, told.took_ms);
        match told.outcome {
            Outcome::Installed => {
                say_at(
                    Level::Info,
                    format_args!(
                        "configuration: generation {number} ({hash}) is in force, after {took:.1} ms"
                    ),
                );
                say_changes(told);
                if !told.report.is_empty() {
                    say_at(Level::Warn, format_args!("{}", told.report.trim_end()));
                }
            }
            Outcome::RollingOut => {
                say_at(
                    Level::Info,
                    format_args!("configuration: generation {number} ({hash}) is being rolled out"),
                );
                say_changes(told);
            }
            Outcome::Unchanged => say_at(
                Level::Info,
                format_args!("configuration: nothing has changed; generation {number} stays"),
            ),
            Outcome::Refused => {
                say_at(
                    Level::Error,
                    format_args!(
                        "configuration: refused; generation {number} stays in force\n{}",
                        told.report.trim_end()
                    ),
                );
            }
            Outcome::Valid => {}
        }
    }
}

fn say_changes(told: &Reloaded) {
    for change in told.changes.iter().take(CHANGES_TOLD) {
        say_at(Level::Info, format_args!("  {change}"));
    }
    let more = told.changes.len().saturating_sub(CHANGES_TOLD);
    if more > 0 {
        say_at(Level::Info, format_args!("  and {more} more"));
    }
}
