//! Metrics of copies of requests. Their labels are the route and a word from a closed set.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::collector::{merged, total};
use super::family::Family;
use crate::shared::{Counter, Sharded};
use crate::telemetry::shadow::ShadowMetrics;

/// A word, and what is counted under it.
type Word = (&'static str, fn(&ShadowMetrics) -> &Counter);

/// Name, help, label, and the words that it may have.
type Row<'a> = (&'static str, &'static str, &'static str, &'a [Word]);

const ROWS: [Row<'_>; 5] = [
    (
        "ringgate_shadow_copies",
        "Copies of requests, by what became of them.",
        "outcome",
        &[
            ("answered", |it| &it.answered),
            ("unreachable", |it| &it.unreachable),
            ("late", |it| &it.late),
            ("broken", |it| &it.broken),
        ],
    ),
    (
        "ringgate_shadow_skipped",
        "Requests that were to be copied and were not.",
        "reason",
        &[
            ("too_large", |it| &it.too_large),
            ("too_many", |it| &it.too_many),
            ("busy", |it| &it.busy),
            ("incomplete", |it| &it.incomplete),
        ],
    ),
    (
        "ringgate_shadow_compared",
        "Answers to copies that were held against the originals'.",
        "result",
        &[("match", |it| &it.matched), ("mismatch", |it| &it.mismatched)],
    ),
    (
        "ringgate_shadow_mismatches",
        "Answers to copies that were others, by what was; one may count twice.",
        "kind",
        &[("status", |it| &it.statuses), ("field", |it| &it.fields), ("body", |it| &it.bodies)],
    ),
    (
        "ringgate_shadow_not_compared",
        "What of answers to copies was not compared: bodies too large or in a coding, or all for want of the original's.",
        "what",
        &[("body", |it| &it.bodies_left), ("answer", |it| &it.alone)],
    ),
];

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let all: Vec<(String, Sharded<ShadowMetrics>)> = sources.registry.shadows();
    if all.is_empty() {
        return Ok(());
    }
    for (name, help, label, words) in ROWS {
        let mut family = Family::counter(encoder, name, help)?;
        for (route, shards) in &all {
            for (word, counter) in words {
                family.count([("route", route.as_str()), (label, word)], total(shards, *counter))?;
            }
        }
    }
    let mut family = Family::gauge(encoder, "ringgate_shadow_in_flight", "Copies in flight.")?;
    for (route, shards) in &all {
        family.level([("route", route.as_str())], shards.iter().map(|shard| shard.in_flight.get()).sum())?;
    }
    let help = "From a copy being sent to the end of its answer.";
    let mut family = Family::histogram(encoder, "ringgate_shadow_duration_seconds", help)?;
    for (route, shards) in &all {
        family.durations([("route", route.as_str())], &merged(shards, |shard| &shard.duration))?;
    }
    Ok(())
}
