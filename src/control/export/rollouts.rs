//! How rollouts went and what is kept on disk, as metrics.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let figures = &sources.rollouts;
    let mut family =
        Family::counter(encoder, "ringgate_rollouts", "Rollouts that are over, by how they ended.")?;
    for (outcome, count) in [
        ("done", &figures.done),
        ("taken_back", &figures.taken_back),
        ("aborted", &figures.aborted),
        ("superseded", &figures.superseded),
    ] {
        family.count([("outcome", outcome)], count.get())?;
    }
    for (name, help, level) in [
        ("ringgate_rollout_step", "Step of the rollout under way, from 1; 0 without one.", &figures.step),
        ("ringgate_rollout_workers", "Workers that run what is being rolled out.", &figures.workers),
        ("ringgate_rollout_paused", "1 while a rollout is paused.", &figures.is_paused),
        (
            "ringgate_rollout_taken_back_timestamp_seconds",
            "When a rollout was last taken back by itself, since 1970.",
            &figures.taken_back_seconds,
        ),
        ("ringgate_history_generations", "Generations on disk.", &figures.kept_on_disk),
        (
            "ringgate_history_good_generation",
            "Last known good generation on disk; 0 without one.",
            &figures.good_generation,
        ),
        ("ringgate_history_write_failures", "What could not be written to disk.", &figures.write_failures),
        (
            "ringgate_started_from_last_good",
            "1 if the gateway started with the last known good generation instead of its source.",
            &figures.started_from_last_good,
        ),
    ] {
        Family::gauge(encoder, name, help)?.level([], level.get())?;
    }
    Ok(())
}
