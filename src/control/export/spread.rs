//! Metrics of how requests are spread over tiers and zones of clusters.
//!
//! Computed when somebody asks, by the same functions as workers use, from what they are told.

use std::collections::BTreeSet;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::proxy::snapshot::Snapshot;
use crate::shared::Published;
use crate::upstream::balance::layout::Part;
use crate::upstream::balance::tiers::WHOLE;
use crate::upstream::cluster::ClusterPlan;

/// Tiers of the clusters of the configuration in force.
pub struct SpreadMetrics(pub Published<Snapshot>);

impl fmt::Debug for SpreadMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpreadMetrics")
    }
}

struct Row {
    cluster: Box<str>,
    tier: String,
    part: Part,
}

impl Row {
    fn zone(&self) -> &'static str {
        match self.part.is_own_zone {
            None => "any",
            Some(true) => "own",
            Some(false) => "other",
        }
    }

    fn labels(&self) -> [(&str, &str); 3] {
        [("cluster", &*self.cluster), ("tier", &self.tier), ("zone", self.zone())]
    }
}

fn rows(plan: &ClusterPlan) -> impl Iterator<Item = Row> {
    let ((_, live), (_, verdicts)) = (plan.live.load(), plan.verdicts.load());
    let mut parts = plan.spread.parts(&live, &verdicts);
    // A tier that has nobody left does not vanish.
    let tiers: BTreeSet<u8> = live.chosen().iter().map(|endpoint| endpoint.tier).collect();
    let gone: Vec<u8> =
        tiers.into_iter().filter(|tier| parts.iter().all(|part| part.tier != *tier)).collect();
    let nobody = |tier| Part { tier, is_own_zone: None, share: 0, panics: false, members: Vec::new() };
    parts.extend(gone.into_iter().map(nobody));
    parts.into_iter().map(|part| Row { cluster: plan.name.clone(), tier: part.tier.to_string(), part })
}

impl Collector for SpreadMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (_, snapshot) = self.0.load();
        let rows: Vec<Row> = snapshot.clusters.iter().flat_map(|plan| rows(plan)).collect();
        let name = "ringgate_cluster_tier_share";
        let mut family = Family::gauge(&mut encoder, name, "Part of a cluster's requests by tier and zone.")?;
        for row in &rows {
            family.level_part(row.labels(), f64::from(row.part.share) / f64::from(WHOLE))?;
        }
        let name = "ringgate_cluster_tier_endpoints_in_use";
        let mut family =
            Family::gauge(&mut encoder, name, "Endpoints that are chosen from, by tier and zone.")?;
        for row in &rows {
            family.level(row.labels(), i64::try_from(row.part.members.len()).unwrap_or(i64::MAX))?;
        }
        let name = "ringgate_cluster_tier_panics";
        let help = "Whether endpoints that are out are used because too few are left.";
        let mut family = Family::gauge(&mut encoder, name, help)?;
        for row in &rows {
            family.level(row.labels(), i64::from(row.part.panics))?;
        }
        Ok(())
    }
}
