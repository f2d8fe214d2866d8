//! Back to a former generation: one that is kept in memory at once, one on disk after compiling it.

use std::time::Instant;

use super::Steward;
use crate::config::diagnostic::Diagnostics;
use crate::control::desk::{Change, Outcome, Refusal, Reloaded};
use crate::control::diff;
use crate::control::rollout::figures::RolloutState;
use crate::rt::say::say_at;
use crate::shared::level::Level;

impl Steward {
    /// Back to a generation, or to the one before. A rollout that is under way is taken back first, which is all there
    /// is to do where nobody says which one.
    pub(super) async fn roll_back(&mut self, to: Option<u64>, change: Change) -> Result<Reloaded, Refusal> {
        let began = Instant::now();
        let reason = by("rolled back", &change);
        let was_staged = self.staged.is_some();
        if was_staged {
            self.take_back(&reason, RolloutState::Aborted).await;
        }
        let before = || self.before.or_else(|| self.chronicle.good_before(self.in_force));
        let meant = if was_staged { Some(self.in_force) } else { before() };
        let number = to.or(meant).ok_or_else(|| Refusal {
            code: "no_such_generation",
            reason: "there is no generation before this one".to_owned(),
        })?;
        if number == self.in_force {
            let outcome = if was_staged { Outcome::Installed } else { Outcome::Unchanged };
            return Ok(self.told(outcome, Vec::new(), Diagnostics::default(), began));
        }
        if self.index(number).is_none() {
            self.recall(number, change.clone()).await?;
        }
        let target = &self.generations[self.index(number).unwrap_or(0)];
        let changes = diff::texts(&diff::diff(&self.current().config, &target.config));
        let prepared = self.crew.prepare(&target.config, &target.snapshot).map_err(|wrong| Refusal {
            code: "cannot_listen",
            reason: format!(
                "listener `{}` of generation {number}: {}",
                target.config.listeners[wrong.at].name, wrong.reason
            ),
        })?;
        let from = self.in_force;
        self.install_everywhere(number, prepared).await;
        say_at(Level::Warn, format_args!("configuration: generation {from} {reason}"));
        let told = self.told(Outcome::Installed, changes, Diagnostics::default(), began);
        self.shown.figures.rolled_back.add(1);
        // Its source may still say it: it is not taken again by itself.
        if let Some(at) = self.index(from) {
            self.chronicle.taken_back(&self.generations[at], &reason, true);
        }
        let hash = self.current().hash.clone();
        self.chronicle.readmit(&hash);
        self.chronicle.good(number);
        self.show();
        Ok(told)
    }

    /// Gets a generation from disk, as if it had been kept.
    async fn recall(&mut self, number: u64, change: Change) -> Result<(), Refusal> {
        let refused = |why: String| {
            let reason = format!("generation {number}: {why}; `ringgate history` lists what is kept");
            Refusal { code: "no_such_generation", reason }
        };
        let stored = self.chronicle.stored(number).map_err(|error| refused(error.to_string()))?;
        let record = stored.record.clone();
        let candidate =
            self.load_stored(stored).await.map_err(|diagnostics| refused(diagnostics.to_string()))?;
        let mut generation = self.adopt(candidate, change, record.changes);
        self.next_number -= 1;
        (generation.number, generation.hash, generation.unix_ms) = (number, record.hash, record.unix_ms);
        generation.change = Change { author: record.author, note: record.note, is_now: true };
        let at = self.generations.partition_point(|one| one.number < number);
        self.generations.insert(at, generation);
        Ok(())
    }
}

/// Who did something, and why.
pub(super) fn by(what: &str, change: &Change) -> String {
    match change.note.as_str() {
        "" => format!("{what} by {}", change.author),
        note => format!("{what} by {}: {note}", change.author),
    }
}
