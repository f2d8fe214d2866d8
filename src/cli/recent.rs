//! What a running gateway remembers, for the commands that ask it: the story of one request, and recent heads to try a
//! configuration on.

use anyhow::Context;

use super::client::{Access, AdminClient, segment};
use crate::control::explain::decide::Decider;
use crate::control::recorder::DecisionView;
use crate::control::replay::{RecordedHead, Replay, replay_against_now};
use crate::proxy::snapshot::Snapshot;

const OTHER_VERSION: &str = "the answer is of another version of the gateway";

/// What was decided about the request with this id.
///
/// # Errors
/// When nobody answers, or nobody remembers.
pub(super) fn decision(access: &Access, id: &str) -> anyhow::Result<DecisionView> {
    let mut answer = AdminClient::open(access)?.get(&format!("/decisions/{}", segment(id)))?;
    serde_json::from_value(answer["decision"].take()).context(OTHER_VERSION)
}

/// Holds the heads that a running gateway remembers against a configuration.
///
/// # Errors
/// When nobody answers.
pub(super) fn against_recent(access: &Access, next: &Snapshot) -> anyhow::Result<Replay> {
    let mut answer = AdminClient::open(access)?.get("/recent/heads")?;
    let heads = answer["recent"]["heads"].take();
    let heads: Vec<RecordedHead> = serde_json::from_value(heads).context(OTHER_VERSION)?;
    let decider = Decider::new(next).map_err(anyhow::Error::msg)?;
    Ok(replay_against_now(&decider, &heads))
}

/// Tells what would change, a line each; or that nothing would.
pub(super) fn print(replay: &Replay) {
    if replay.changes.is_empty() {
        println!("{} recent requests: nothing would change", replay.compared);
    }
    for line in replay.lines() {
        println!("{line}");
    }
    if replay.undecidable > 0 {
        let count = replay.undecidable;
        println!("{count} more were left out: what decided about them is not in what is kept of a head");
    }
}
