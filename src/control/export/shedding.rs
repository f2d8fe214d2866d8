//! Metrics of what there is room for: saturation, limits of clusters, and who is turned away.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use super::process::ProcessReading;
use crate::control::saturation::Saturation;
use crate::shared::{Gauge, Sharded};
use crate::telemetry::metrics::ClusterMetrics;
use crate::telemetry::shed::ShedReason;
use crate::upstream::admission::class;

type Shards = Sharded<ClusterMetrics>;
type Level = (&'static str, &'static str, fn(&Shards) -> Option<f64>);

/// What is told of each cluster that has limits.
const LEVELS: [Level; 7] = [
    ("ringgate_cluster_limit", "Most exchanges with a cluster at once, as written.", |shards| {
        Some(most(shards, |it| &it.limits.cap)).filter(|cap| *cap < UNLIMITED)
    }),
    ("ringgate_cluster_in_use", "Exchanges with a cluster that has limits.", |shards| {
        Some(sum(shards, |it| &it.limits.used))
    }),
    ("ringgate_cluster_pending_limit", "Most that may wait for a cluster.", |shards| {
        Some(most(shards, |it| &it.limits.pending_cap))
    }),
    ("ringgate_cluster_waiting", "Exchanges that wait for a cluster.", |shards| {
        Some(sum(shards, |it| &it.limits.waiting))
    }),
    ("ringgate_cluster_adaptive_limit", "Most exchanges at once, as found out.", |shards| {
        Some(sum(shards, |it| &it.limits.found)).filter(|found| *found > 0.0)
    }),
    ("ringgate_cluster_base_seconds", "Time of an answer of the unburdened cluster.", |shards| {
        Some(most(shards, |it| &it.limits.base_nanos) / 1e9).filter(|base| *base > 0.0)
    }),
    ("ringgate_cluster_recent_seconds", "Time of an answer now, where a limit is found out.", |shards| {
        Some(most(shards, |it| &it.limits.recent_nanos) / 1e9).filter(|recent| *recent > 0.0)
    }),
];

/// A cap that stands for none.
const UNLIMITED: f64 = (1_u64 << 40) as f64;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    saturation(sources, encoder)?;
    let mut family = Family::counter(encoder, "ringgate_shed", "Requests turned away for want of room.")?;
    for (slot, class) in class::NAMES.into_iter().enumerate() {
        for reason in ShedReason::ALL {
            let counts = sources.registry.workers().map(|it| it.shed.counts[slot][reason as usize].get());
            family.count([("class", class), ("reason", reason.label())], counts.sum())?;
        }
    }
    let limited = |shards: &Shards| shards.iter().any(|shard| shard.limits.cap.get() > 0);
    let mut clusters = sources.registry.clusters();
    clusters.retain(|(_, shards)| limited(shards));
    for (name, help, level) in LEVELS {
        let mut family = Family::gauge(encoder, name, help)?;
        for (cluster, shards) in &clusters {
            if let Some(value) = level(shards) {
                family.level_part([("cluster", cluster.as_str())], value)?;
            }
        }
    }
    let help = "Exchanges that were let in after they had waited.";
    let mut family = Family::counter(encoder, "ringgate_cluster_waited", help)?;
    for (cluster, shards) in &clusters {
        let waited = shards.iter().map(|shard| shard.limits.waited.get()).sum();
        family.count([("cluster", cluster.as_str())], waited)?;
    }
    Ok(())
}

fn saturation(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let reading = ProcessReading::take();
    let saturation = Saturation::of(&sources.registry, reading.open_fds.zip(reading.fds_max));
    let help = "Used of what the gateway has, 0 to 1: its fullest part.";
    Family::gauge(encoder, "ringgate_saturation", help)?.level_part([], saturation.total())?;
    let mut family = Family::gauge(encoder, "ringgate_saturation_part", "The same, part by part.")?;
    for (part, value) in saturation.parts() {
        family.level_part([("part", part)], value)?;
    }
    let label = |index: usize| index.to_string();
    let help = "How long what is ready waits for the worker, lately.";
    let mut family = Family::gauge(encoder, "ringgate_worker_queue_seconds", help)?;
    for (index, worker) in sources.registry.workers().enumerate() {
        family.level_part([("worker", &*label(index))], worker.queue_nanos.get() as f64 / 1e9)?;
    }
    let help = "Share of the requests that the worker refuses.";
    let mut family = Family::gauge(encoder, "ringgate_worker_shed_share", help)?;
    for (index, worker) in sources.registry.workers().enumerate() {
        family.level_part([("worker", &*label(index))], worker.shed_millionths.get() as f64 / 1e6)?;
    }
    Ok(())
}

fn sum(shards: &Shards, gauge: fn(&ClusterMetrics) -> &Gauge) -> f64 {
    shards.iter().map(|shard| gauge(shard).get()).sum::<i64>() as f64
}

fn most(shards: &Shards, gauge: fn(&ClusterMetrics) -> &Gauge) -> f64 {
    shards.iter().map(|shard| gauge(shard).get()).max().unwrap_or(0) as f64
}
