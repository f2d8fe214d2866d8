//! Metrics of limits on how often and how many at once. Their only label is the name of the limit.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::collector::total;
use super::family::Family;
use crate::shared::{Counter, Gauge};
use crate::telemetry::metrics::RateMetrics;

type Count = (&'static str, &'static str, fn(&RateMetrics) -> &Counter);
type Level = (&'static str, &'static str, fn(&RateMetrics) -> &Gauge);

const COUNTS: [Count; 7] = [
    ("ringgate_rate_limit_waited", "Of the requests let through, such as waited for their turn.", |limit| {
        &limit.waited
    }),
    ("ringgate_rate_limit_asked", "Requests for which another worker was asked.", |limit| &limit.asked),
    ("ringgate_rate_limit_asked_ahead", "Questions to another worker ahead of need.", |limit| {
        &limit.asked_ahead
    }),
    (
        "ringgate_rate_limit_late",
        "Requests refused because another worker did not answer in time.",
        |limit| &limit.late,
    ),
    ("ringgate_rate_limit_evicted", "Keys that left with some debt, for want of room.", |limit| {
        &limit.evicted
    }),
    ("ringgate_rate_limit_crowded", "Requests counted together with others, for want of room.", |limit| {
        &limit.crowded
    }),
    ("ringgate_rate_limit_voided", "Credit between workers that nobody spent in time.", |limit| {
        &limit.voided
    }),
];

const LEVELS: [Level; 4] = [
    ("ringgate_rate_limit_keys", "Keys that have an account.", |limit| &limit.accounts),
    ("ringgate_rate_limit_shares", "Keys that a worker knows of another one's account.", |limit| {
        &limit.shares
    }),
    ("ringgate_rate_limit_outstanding", "Credit between workers that is not settled.", |limit| {
        &limit.outstanding
    }),
    ("ringgate_concurrency_limit_held", "Slots that exchanges have.", |limit| &limit.held),
];

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let all = sources.registry.rates();
    if all.is_empty() {
        return Ok(());
    }
    let mut family =
        Family::counter(encoder, "ringgate_rate_limit_requests", "Requests that a limit decided on.")?;
    for (name, shards) in &all {
        let outcomes = [
            ("admitted", total(shards, |limit| &limit.admitted)),
            ("refused", total(shards, |limit| &limit.refused)),
        ];
        for (outcome, count) in outcomes {
            family.count([("limit", name.as_str()), ("outcome", outcome)], count)?;
        }
    }
    for (family, help, counter) in COUNTS {
        let mut family = Family::counter(encoder, family, help)?;
        for (name, shards) in &all {
            family.count([("limit", name.as_str())], total(shards, counter))?;
        }
    }
    for (family, help, gauge) in LEVELS {
        let mut family = Family::gauge(encoder, family, help)?;
        for (name, shards) in &all {
            family.level([("limit", name.as_str())], shards.iter().map(|shard| gauge(shard).get()).sum())?;
        }
    }
    let help = "Seconds since credit between workers was last settled, where some is not.";
    let mut family = Family::gauge(encoder, "ringgate_rate_limit_unsettled_seconds", help)?;
    for (name, shards) in &all {
        let oldest_ms = shards.iter().map(|shard| shard.unsettled_ms.get()).max().unwrap_or(0);
        family.level([("limit", name.as_str())], oldest_ms / 1_000)?;
    }
    Ok(())
}
