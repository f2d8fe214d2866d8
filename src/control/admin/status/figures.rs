//! Figures of routes, clusters and errors, summed over the workers and put beside what the configuration says.
//!
//! Reads shards and views; costs a worker nothing.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::AdminState;
use crate::policy::reply::fault_names;
use crate::shared::counter::BOUNDS_NANOS;
use crate::shared::{HistogramSnapshot, Sharded};
use crate::telemetry::{EndpointMetrics, Registry, RouteMetrics};

/// What the workers count about each route.
pub(in crate::control::admin) type Routes = HashMap<String, Sharded<RouteMetrics>>;

pub(in crate::control::admin) fn routes(registry: &Registry) -> Routes {
    registry.routes().into_iter().collect()
}

/// Upper bounds of the durations' buckets; one more bucket is everything beyond.
pub(in crate::control::admin) fn bounds_ms() -> Vec<f64> {
    BOUNDS_NANOS.iter().map(|nanos| *nanos as f64 / 1e6).collect()
}

/// Requests by status class, 1xx to 5xx, and durations.
struct Sums {
    classes: [u64; 5],
    durations: HistogramSnapshot,
}

impl Sums {
    fn of(shards: &Sharded<RouteMetrics>) -> Self {
        let mut sums = Self { classes: [0; 5], durations: HistogramSnapshot::default() };
        for shard in shards.iter() {
            for by_class in &shard.requests {
                for (sum, counter) in sums.classes.iter_mut().zip(by_class) {
                    *sum += counter.get();
                }
            }
            sums.durations.merge(&shard.duration.snapshot());
        }
        sums
    }

    fn requests(&self) -> u64 {
        self.classes.iter().sum()
    }
}

pub(in crate::control::admin) fn requests(route: &Value, figures: &Routes) -> u64 {
    let shards = route["name"].as_str().and_then(|name| figures.get(name));
    shards.map_or(0, |shards| Sums::of(shards).requests())
}

/// A route of the configuration with its figures.
pub(in crate::control::admin) fn route(written: &Value, figures: &Routes) -> Value {
    let name = written["name"].as_str().unwrap_or_default();
    let sums = figures.get(name).map(Sums::of);
    let mut shown = json!({ "name": name, "match": written["match"] });
    for key in ["listeners", "cluster", "redirect", "respond"] {
        if let Some(value) = written.get(key) {
            shown[key] = value.clone();
        }
    }
    shown["requests"] = json!(sums.as_ref().map_or(0, Sums::requests));
    shown["classes"] = json!(sums.as_ref().map_or([0; 5], |sums| sums.classes));
    shown["durations"] = json!(sums.map_or_else(Vec::new, |sums| sums.durations.counts.to_vec()));
    shown
}

/// All requests together.
pub(in crate::control::admin) fn traffic(registry: &Registry, figures: &Routes) -> Value {
    let (mut classes, mut durations) = ([0; 5], HistogramSnapshot::default());
    for shards in figures.values() {
        let sums = Sums::of(shards);
        classes.iter_mut().zip(sums.classes).for_each(|(all, one)| *all += one);
        durations.merge(&sums.durations);
    }
    let all = |read: fn(&crate::telemetry::WorkerMetrics) -> u64| registry.workers().map(read).sum::<u64>();
    json!({
        "requests": all(|worker| worker.requests.get()),
        "classes": classes,
        "durations": durations.counts.to_vec(),
        "bytes_read": all(|worker| worker.bytes_downstream_read.get()),
        "bytes_written": all(|worker| worker.bytes_downstream_written.get()),
        "exchanges": registry.workers().map(|worker| worker.exchanges_active.get()).sum::<i64>(),
        "connections": registry.workers().map(|worker| worker.connections_active.get()).sum::<i64>(),
        "upgraded": registry.workers().map(|worker| worker.upgraded.get()).sum::<i64>(),
    })
}

/// Codes of errors that have occurred, the most frequent first.
pub(in crate::control::admin) fn errors(registry: &Registry) -> Vec<Value> {
    let mut found: Vec<(&str, u64)> = fault_names()
        .into_iter()
        .enumerate()
        .filter(|(_, code)| !code.is_empty())
        .map(|(slot, code)| {
            let counters = registry.workers().filter_map(|worker| worker.errors.get(slot));
            (code, counters.map(crate::shared::Counter::get).sum())
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    found.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    found.into_iter().map(|(code, count)| json!({ "code": code, "count": count })).collect()
}

/// Clusters as they are published, or else as they are written; with what the workers count about their endpoints.
pub(in crate::control::admin) fn clusters(state: &AdminState) -> Vec<Value> {
    let figures: HashMap<(String, String), Sharded<EndpointMetrics>> =
        state.registry.endpoints().into_iter().collect();
    let mut clusters = match state.views.clusters.now() {
        Value::Array(clusters) => clusters,
        _ => written(&state.config.load().1),
    };
    for cluster in &mut clusters {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        for endpoint in cluster["endpoints"].as_array_mut().into_iter().flatten() {
            // Counted under the words it is known by.
            let known = endpoint["label"].as_str().or_else(|| endpoint["address"].as_str());
            let known = (name.clone(), known.unwrap_or_default().to_owned());
            if let (Some(shards), Some(shown)) = (figures.get(&known), endpoint.as_object_mut()) {
                shown.insert("figures".to_owned(), counted(shards));
            }
        }
    }
    clusters
}

fn written(config: &Value) -> Vec<Value> {
    let endpoint = |written: &Value| match written {
        Value::String(address) => json!({ "address": address }),
        other => other.clone(),
    };
    let clusters = config["clusters"].as_object().into_iter().flatten();
    let shown = clusters.map(|(name, cluster)| {
        let endpoints = cluster["endpoints"].as_array().into_iter().flatten();
        json!({ "name": name, "endpoints": endpoints.map(endpoint).collect::<Vec<_>>() })
    });
    shown.collect()
}

fn counted(shards: &Sharded<EndpointMetrics>) -> Value {
    let sum = |read: fn(&EndpointMetrics) -> u64| shards.iter().map(read).sum::<u64>();
    json!({
        "attempts": sum(|it| it.attempts.get()),
        "failures": sum(|it| it.failures.get()),
        "connects": sum(|it| it.connects.get()),
        "connect_failures": sum(|it| it.connect_failures.get()),
        "active": shards.iter().map(|it| it.active.get()).sum::<i64>(),
        "idle": shards.iter().map(|it| it.idle.get()).sum::<i64>(),
    })
}
