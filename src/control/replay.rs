//! Recent requests held against a configuration before it is used: what would they meet otherwise?
//!
//! Runs the pure decisions of both configurations on recorded heads and groups what differs. Deterministic: the same
//! heads give the same lines. What cannot be decided again from a head (a secret that was not kept, a limit that was
//! reached) is left out and counted, not guessed.

mod outcome;
mod recorded;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::control::explain::decide::Decider;

pub use outcome::Outcome;
pub use recorded::{Head, RecordedHead};

/// Kinds of change that are told one by one; a change of everything is told by its largest parts.
const CHANGES_MAX: usize = 20;
/// Requests that are shown of each kind.
const EXAMPLES_MAX: usize = 3;

/// What recent requests would meet otherwise.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Replay {
    /// Requests that were held against both configurations.
    pub compared: usize,
    /// Of those, how many would meet something else.
    pub changed: usize,
    /// Requests about which a head alone does not say enough.
    pub undecidable: usize,
    /// The same by what would change, the most frequent first.
    pub changes: Vec<Change>,
}

/// Requests that would meet something else, in the same way.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// How many.
    pub count: usize,
    /// What they meet.
    pub before: String,
    /// What they would meet.
    pub after: String,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Holds heads against both. A thousand of them take some milliseconds.
pub fn replay(old: &Decider<'_>, new: &Decider<'_>, heads: &[RecordedHead]) -> Replay {
    let outcomes = heads.iter().map(|head| {
        let outcome = head.outcome(old);
        // It ran on this very generation and met something else: what decided is not in the head.
        let is_decidable = head.generation != old.snapshot.generation || outcome.is_like(&head.met);
        is_decidable.then_some(outcome)
    });
    compare(outcomes, new, heads)
}

/// Holds heads that say what they would meet now against another configuration.
pub fn replay_against_now(new: &Decider<'_>, heads: &[RecordedHead]) -> Replay {
    compare(heads.iter().map(|head| head.now.clone()), new, heads)
}

fn compare(
    before: impl Iterator<Item = Option<Outcome>>,
    new: &Decider<'_>,
    heads: &[RecordedHead],
) -> Replay {
    let mut replay = Replay::default();
    let mut groups: BTreeMap<(String, String), Vec<&RecordedHead>> = BTreeMap::new();
    for (head, before) in heads.iter().zip(before) {
        let Some(before) = before else {
            replay.undecidable += 1;
            continue;
        };
        replay.compared += 1;
        let after = head.outcome(new);
        if before != after {
            replay.changed += 1;
            groups.entry(before.told_beside(&after)).or_default().push(head);
        }
    }
    replay.changes =
        groups.into_iter().map(|((before, after), heads)| change(before, after, heads)).collect();
    // A stable sort: equal counts stay in the order of their words.
    replay.changes.sort_by_key(|change| std::cmp::Reverse(change.count));
    replay
}

fn change(before: String, after: String, heads: Vec<&RecordedHead>) -> Change {
    let count = heads.len();
    let mut examples: Vec<String> = heads.into_iter().map(RecordedHead::line).collect();
    examples.sort();
    examples.dedup();
    examples.truncate(EXAMPLES_MAX);
    Change { count, before, after, examples }
}

impl Replay {
    /// A line for every kind of change.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .changes
            .iter()
            .take(CHANGES_MAX)
            .map(|Change { count, before, after, examples }| {
                let example = examples.first().map_or_else(String::new, |line| format!(", e.g. {line}"));
                format!("{count} of {} recent requests: {before} -> {after}{example}", self.compared)
            })
            .collect();
        if let Some(rest) = self.changes.get(CHANGES_MAX..).filter(|rest| !rest.is_empty()) {
            let count: usize = rest.iter().map(|change| change.count).sum();
            lines.push(format!(
                "{count} of {} recent requests: {} further kinds of change",
                self.compared,
                rest.len()
            ));
        }
        lines
    }
}

#[cfg(test)]
#[path = "replay/tests.rs"]
mod tests;
