//! Metrics of what is believed of services: breakers as a grid of states, who is out and why, checks by outcome.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Family, Labels};
use crate::control::health::HealthDesk;
use crate::control::health::view::{BreakerView, ClusterHealth, EndpointHealth, HealthView};

/// Shows verdicts.
#[derive(Debug)]
pub struct Verdicts(pub HealthDesk);

const STATES: [&str; 3] = ["closed", "open", "half_open"];

impl Collector for Verdicts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (view, encoder) = (self.0.view(), &mut encoder);
        breakers(&view, encoder)?;
        endpoints(&view, encoder)
    }
}

fn breakers(view: &HealthView, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let of_clusters =
        || view.clusters.iter().filter_map(|it| Some(([("cluster", &*it.name)], it.breaker.as_ref()?)));
    let of_routes = || view.routes.iter().map(|it| ([("route", &*it.name)], &it.breaker));
    let endpoints =
        || view.clusters.iter().flat_map(|cluster| cluster.endpoints.iter().map(move |it| (cluster, it)));
    let of_endpoints =
        || endpoints().filter_map(|(cluster, it)| Some((labels(cluster, it), it.breaker.as_ref()?)));
    let help = "1 for the state that the breaker is in, 0 for the others.";
    states(encoder, "ringgate_cluster_breaker_state", help, of_clusters(), |[a], b| [a, b])?;
    states(encoder, "ringgate_endpoint_breaker_state", help, of_endpoints(), |[a, b], c| [a, b, c])?;
    states(encoder, "ringgate_route_breaker_state", help, of_routes(), |[a], b| [a, b])?;
    let help = "How often the breaker has come into a state.";
    turns(encoder, "ringgate_cluster_breaker_turns", help, of_clusters(), |[a], b| [a, b])?;
    turns(encoder, "ringgate_endpoint_breaker_turns", help, of_endpoints(), |[a, b], c| [a, b, c])?;
    turns(encoder, "ringgate_route_breaker_turns", help, of_routes(), |[a], b| [a, b])
}

fn labels<'a>(cluster: &'a ClusterHealth, endpoint: &'a EndpointHealth) -> Labels<'a, 2> {
    [("cluster", &cluster.name), ("endpoint", &endpoint.label)]
}

fn states<'a, const N: usize, const M: usize>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    breakers: impl Iterator<Item = (Labels<'a, N>, &'a BreakerView)>,
    with: impl Fn(Labels<'a, N>, (&'a str, &'a str)) -> Labels<'a, M>,
) -> fmt::Result {
    let mut family = Family::gauge(encoder, name, help)?;
    for (labels, breaker) in breakers {
        for state in STATES {
            family.level(with(labels, ("state", state)), i64::from(breaker.state == state))?;
        }
    }
    Ok(())
}

fn turns<'a, const N: usize, const M: usize>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    breakers: impl Iterator<Item = (Labels<'a, N>, &'a BreakerView)>,
    with: impl Fn(Labels<'a, N>, (&'a str, &'a str)) -> Labels<'a, M>,
) -> fmt::Result {
    let mut family = Family::counter(encoder, name, help)?;
    for (labels, breaker) in breakers {
        for (state, count) in &breaker.turns {
            family.count(with(labels, ("to", state)), *count)?;
        }
    }
    Ok(())
}

fn endpoints(view: &HealthView, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let all =
        || view.clusters.iter().flat_map(|cluster| cluster.endpoints.iter().map(move |it| (cluster, it)));
    let mut family =
        Family::gauge(encoder, "ringgate_endpoint_health", "1 for how the endpoint stands, 0 for the rest.")?;
    for (cluster, endpoint) in all() {
        let [of_cluster, of_endpoint] = labels(cluster, endpoint);
        for state in ["good", "unhealthy", "ejected"] {
            family.level([of_cluster, of_endpoint, ("state", state)], i64::from(endpoint.state == state))?;
        }
    }
    let counts: [(&str, &str, &str, Counts); 2] = [
        ("ringgate_endpoint_ejections", "Times it was left alone.", "reason", |it| it.ejections.as_ref()),
        ("ringgate_health_checks", "Active checks by outcome.", "outcome", |it| {
            Some(&it.checks.as_ref()?.outcomes)
        }),
    ];
    for (name, help, label, counts) in counts {
        let mut family = Family::counter(encoder, name, help)?;
        for (cluster, endpoint) in all() {
            let [of_cluster, of_endpoint] = labels(cluster, endpoint);
            for (value, count) in counts(endpoint).into_iter().flatten() {
                family.count([of_cluster, of_endpoint, (label, value)], *count)?;
            }
        }
    }
    Ok(())
}

type Counts = fn(&EndpointHealth) -> Option<&BTreeMap<&'static str, u64>>;
