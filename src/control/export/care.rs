//! Metrics of what is done about services that fail: attempts made again, asked twice, answered otherwise.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::collector::{Row, total};
use super::family::Family;
use crate::shared::Counter;
use crate::telemetry::EndpointMetrics;
use crate::telemetry::metrics::ClusterMetrics;
use crate::telemetry::retry::RetryReason;

const CLUSTERS: [Row<ClusterMetrics, Counter>; 5] = [
    ("ringgate_cluster_requests", "Exchanges that were let in.", |it| &it.requests),
    ("ringgate_cluster_breaker_refused", "Exchanges that the cluster's breaker kept out.", |it| {
        &it.breaker_refused
    }),
    ("ringgate_cluster_retries_denied", "Attempts not made again because the budget was spent.", |it| {
        &it.retries_denied
    }),
    ("ringgate_cluster_hedges_denied", "Second attempts not made because the budget was spent.", |it| {
        &it.hedges_denied
    }),
    ("ringgate_cluster_hedges_won", "Second attempts whose answer was taken.", |it| &it.hedges_won),
];

const ENDPOINTS: [Row<EndpointMetrics, Counter>; 3] = [
    ("ringgate_endpoint_successes", "Attempts with an answer that is no failure.", |it| {
        &it.outcomes.successes
    }),
    (
        "ringgate_endpoint_answer_failures",
        "Attempts without an answer, or with one of 500 and above.",
        |it| &it.outcomes.failures,
    ),
    ("ringgate_endpoint_slow_answers", "Attempts that took longer than they should.", |it| &it.outcomes.slow),
];

/// What has not happened is left out, but for requests.
pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let clusters = sources.registry.clusters();
    for (name, help, counter) in CLUSTERS {
        let mut family = Family::counter(encoder, name, help)?;
        for (cluster, shards) in &clusters {
            let count = total(shards, counter);
            if count > 0 || name == CLUSTERS[0].0 {
                family.count([("cluster", cluster)], count)?;
            }
        }
    }
    let name = "ringgate_cluster_requests_active";
    let mut family = Family::gauge(encoder, name, "Exchanges under way.")?;
    for (cluster, shards) in &clusters {
        family.level([("cluster", cluster)], shards.iter().map(|it| it.live.get()).sum())?;
    }
    let mut family =
        Family::counter(encoder, "ringgate_cluster_hedges", "Second attempts beside the first.")?;
    for (cluster, shards) in &clusters {
        let count = total(shards, |it| &it.hedges);
        if count > 0 {
            family.count([("cluster", cluster)], count)?;
        }
    }
    let mut family = Family::counter(encoder, "ringgate_cluster_retries", "Attempts made again, by reason.")?;
    for (cluster, shards) in &clusters {
        for (slot, reason) in RetryReason::ALL.iter().enumerate() {
            let count: u64 = shards.iter().map(|it| it.retries[slot].get()).sum();
            if count > 0 {
                family.count([("cluster", cluster), ("reason", reason.label())], count)?;
            }
        }
    }
    endpoints(sources, encoder)?;
    routes(sources, encoder)
}

fn endpoints(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let endpoints = sources.registry.endpoints();
    for (name, help, counter) in ENDPOINTS {
        let mut family = Family::counter(encoder, name, help)?;
        for ((cluster, endpoint), shards) in &endpoints {
            let count = total(shards, counter);
            if count > 0 {
                family.count([("cluster", cluster), ("endpoint", endpoint)], count)?;
            }
        }
    }
    Ok(())
}

fn routes(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let routes = sources.registry.routes();
    let name = "ringgate_route_breaker_refused";
    let mut family = Family::counter(encoder, name, "Exchanges that the route's breaker kept out.")?;
    for (route, shards) in &routes {
        let count = total(shards, |it| &it.breaker_refused);
        if count > 0 {
            family.count([("route", route)], count)?;
        }
    }
    let name = "ringgate_route_fallbacks";
    let help = "Exchanges answered by the gateway itself, or for which another cluster was asked.";
    let mut family = Family::counter(encoder, name, help)?;
    for (route, shards) in &routes {
        for (slot, kind) in ["own", "cluster"].into_iter().enumerate() {
            let count: u64 = shards.iter().map(|it| it.fallbacks[slot].get()).sum();
            if count > 0 {
                family.count([("route", route), ("kind", kind)], count)?;
            }
        }
    }
    Ok(())
}
