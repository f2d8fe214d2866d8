//! Metrics of releases: what each variant gets, how its exchanges ended, and what goes on.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::control::releases::standing::Phase;
use crate::control::releases::{Figures, ReleaseDesk};
use crate::shared::{Frozen, HistogramSnapshot, Sharded};
use crate::telemetry::Registry;
use crate::telemetry::registry::VariantName;
use crate::telemetry::variant::VariantMetrics;

/// Where the samples come from.
#[derive(Debug)]
pub struct ReleasesShown {
    /// How releases stand.
    pub desk: ReleaseDesk,
    /// What workers count.
    pub registry: Frozen<Registry>,
}

type Counted = fn(&VariantMetrics) -> u64;
type Variants = [(VariantName, Sharded<VariantMetrics>)];

impl Collector for ReleasesShown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let variants = self.registry.variants();
        if variants.is_empty() {
            return Ok(());
        }
        self.encode_standing(&mut encoder)?;
        encode_counts(&variants, &mut encoder)?;
        let help = "From the sent request to the complete response head, by variant.";
        let mut family = Family::histogram(&mut encoder, "ringgate_release_upstream_duration_seconds", help)?;
        for ((route, variant), shards) in &variants {
            let mut durations = HistogramSnapshot::default();
            shards.iter().for_each(|metrics| durations.merge(&metrics.head.snapshot()));
            family.durations([("route", route), ("variant", variant)], &durations)?;
        }
        Ok(())
    }
}

impl ReleasesShown {
    fn encode_standing(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let figures = self.desk.figures();
        let mut family = Family::gauge(
            encoder,
            "ringgate_release_share_ratio",
            "Share of the requests that a variant gets.",
        )?;
        for Figures { route, shares, .. } in &figures {
            for (variant, part) in shares {
                family.level_part([("route", route), ("variant", variant)], f64::from(*part) / 1e3)?;
            }
        }
        let help = "1 for what goes on with a release, 0 for what does not.";
        let mut family = Family::gauge(encoder, "ringgate_release_phase", help)?;
        for Figures { route, phase: current, .. } in &figures {
            for (phase, name) in Phase::ALL {
                family.level([("route", route.as_str()), ("phase", name)], i64::from(phase == *current))?;
            }
        }
        Ok(())
    }
}

fn encode_counts(variants: &Variants, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let sum = |shards: &Sharded<VariantMetrics>, counter: Counted| shards.iter().map(counter).sum();
    let mut family = Family::counter(encoder, "ringgate_release_requests", "Exchanges by variant.")?;
    for ((route, variant), shards) in variants {
        family
            .count([("route", route), ("variant", variant)], sum(shards, |metrics| metrics.requests.get()))?;
    }
    let help = "Exchanges by variant that were answered with 400 to 499, or failed with 500 and above.";
    let mut family = Family::counter(encoder, "ringgate_release_errors", help)?;
    for ((route, variant), shards) in variants {
        let kinds: [(&str, Counted); 2] =
            [("4xx", |metrics| metrics.client_errors.get()), ("5xx", |metrics| metrics.server_errors.get())];
        for (kind, counter) in kinds {
            let labels = [("route", route.as_str()), ("variant", variant), ("class", kind)];
            family.count(labels, sum(shards, counter))?;
        }
    }
    Ok(())
}
