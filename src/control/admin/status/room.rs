//! What there is room for: saturation of the gateway, limits of clusters, and who was turned away.

use serde_json::{Map, Value, json};

use super::super::AdminState;
use crate::control::export::process::ProcessReading;
use crate::control::saturation::Saturation;
use crate::shared::{Gauge, Sharded};
use crate::telemetry::Registry;
use crate::telemetry::metrics::ClusterMetrics;
use crate::telemetry::shed::ShedReason;
use crate::upstream::admission::class;

/// Used of what the gateway has, and by which part of it.
pub(super) fn saturation(state: &AdminState) -> Value {
    let reading = ProcessReading::take();
    let saturation = Saturation::of(&state.registry, reading.open_fds.zip(reading.fds_max));
    let rounded = |part: f64| (part * 1e3).round() / 1e3;
    let parts: Map<_, _> =
        saturation.parts().into_iter().map(|(name, part)| (name.to_owned(), json!(rounded(part)))).collect();
    json!({ "total": rounded(saturation.total()), "parts": parts })
}

/// Requests turned away for want of room, by class and reason, as far as there were any.
pub(super) fn shed(registry: &Registry) -> Vec<Value> {
    let mut all = Vec::new();
    for (slot, class) in class::NAMES.into_iter().enumerate() {
        for reason in ShedReason::ALL {
            let counts = registry.workers().map(|it| it.shed.counts[slot][reason as usize].get());
            let count: u64 = counts.sum();
            if count > 0 {
                all.push(json!({ "class": class, "reason": reason.label(), "count": count }));
            }
        }
    }
    all
}

/// Clusters that have limits, and how much of them is used. A limit that is not written is null.
pub(super) fn limits(registry: &Registry) -> Vec<Value> {
    let mut clusters = registry.clusters();
    clusters.retain(|(_, shards)| most(shards, |it| &it.limits.cap) > 0);
    let shown = clusters.iter().map(|(name, shards)| {
        let cap = most(shards, |it| &it.limits.cap);
        let found = sum(shards, |it| &it.limits.found);
        json!({
            "cluster": name,
            "requests": (cap < UNLIMITED).then_some(cap),
            "adaptive": (found > 0).then_some(found),
            "in_use": sum(shards, |it| &it.limits.used),
            "pending": most(shards, |it| &it.limits.pending_cap),
            "waiting": sum(shards, |it| &it.limits.waiting),
        })
    });
    shown.collect()
}

/// A cap that stands for none.
const UNLIMITED: i64 = 1 << 40;

fn sum(shards: &Sharded<ClusterMetrics>, gauge: fn(&ClusterMetrics) -> &Gauge) -> i64 {
    shards.iter().map(|shard| gauge(shard).get()).sum()
}

fn most(shards: &Sharded<ClusterMetrics>, gauge: fn(&ClusterMetrics) -> &Gauge) -> i64 {
    shards.iter().map(|shard| gauge(shard).get()).max().unwrap_or(0)
}
