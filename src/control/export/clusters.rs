//! Metrics of clusters' endpoints: how many there are, and how their sources are doing.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use crate::control::desk::EndpointState;
use crate::control::discovery::view::{ClusterView, EndpointView, Standing};

type Row = (&'static str, &'static str, fn(&ClusterView) -> u64);

const COUNTERS: [Row; 5] = [
    ("ringgate_discovery_answers", "Answers of sources of endpoints.", |it| it.answers),
    ("ringgate_discovery_failures", "Times a source of endpoints could not be asked or understood.", |it| {
        it.failures
    }),
    ("ringgate_discovery_updates", "Times the endpoints in use have changed.", |it| it.counts.updates),
    ("ringgate_discovery_held_back", "Times a loss of endpoints was held back.", |it| {
        it.counts.losses_held_back
    }),
    (
        "ringgate_discovery_refused_addresses",
        "Addresses that sources of endpoints led to and were refused.",
        |it| it.counts.addresses_refused,
    ),
];

/// Clusters whose endpoints are written have no source.
pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let Some(feeds) = &sources.feeds else { return Ok(()) };
    let clusters = feeds.view();
    let mut family =
        Family::gauge(encoder, "ringgate_cluster_endpoints", "Endpoints by what becomes of them.")?;
    for cluster in &clusters {
        for state in ["active", "leaving", "damped", "drained", "disabled"] {
            let count = cluster.endpoints.iter().filter(|endpoint| label(endpoint) == state).count();
            family.level(
                [("cluster", &cluster.name), ("state", state)],
                i64::try_from(count).unwrap_or(i64::MAX),
            )?;
        }
    }
    let found = || clusters.iter().filter(|cluster| cluster.source.is_some());
    let name = "ringgate_discovery_age_seconds";
    let mut family = Family::gauge(encoder, name, "Since the source of endpoints has answered.")?;
    for (cluster, age_ms) in found().filter_map(|cluster| Some((cluster, cluster.age_ms?))) {
        family.level_part([("cluster", &cluster.name)], age_ms as f64 / 1e3)?;
    }
    for (name, help, count) in COUNTERS {
        let mut family = Family::counter(encoder, name, help)?;
        for cluster in found() {
            family.count([("cluster", &cluster.name)], count(cluster))?;
        }
    }
    Ok(())
}

/// What the operator says comes first.
fn label(endpoint: &EndpointView) -> &'static str {
    match (endpoint.state, endpoint.standing) {
        (EndpointState::Drained, _) => "drained",
        (EndpointState::Disabled, _) => "disabled",
        (EndpointState::Active, Standing::Present) => "active",
        (EndpointState::Active, Standing::Leaving) => "leaving",
        (EndpointState::Active, Standing::Damped) => "damped",
    }
}
