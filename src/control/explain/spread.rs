//! How requests to a cluster are spread over its endpoints, and which one a hash chooses.
//!
//! What is believed of endpoints is that of the snapshot: of one that nobody serves, that all are well.

use std::fmt::Write;

use crate::upstream::balance::layout::{Ground, Layout, Part};
use crate::upstream::balance::tiers::WHOLE;
use crate::upstream::balance::{Balancer, Pick};
use crate::upstream::cluster::ClusterPlan;
use crate::upstream::set::EndpointSet;

/// The endpoints with their shares, and the one that this hash chooses.
pub(super) fn tell(out: &mut String, plan: &ClusterPlan, live: &EndpointSet, hash: Option<u64>) {
    let (_, verdicts) = plan.verdicts.load();
    let parts = plan.spread.parts(live, &verdicts);
    tell_rules(out, plan, live);
    let is_divided = parts.len() > 1;
    for part in &parts {
        if is_divided || part.panics {
            let _ = writeln!(out, "  tier      {}", described(part));
        }
    }
    for (endpoint, index) in live.chosen().iter().zip(0_u16..) {
        let zone = endpoint.zone.as_deref().map_or(String::new(), |zone| format!(", zone {zone}"));
        let tier = if is_divided { format!(", tier {}", endpoint.tier) } else { String::new() };
        let place = format!("{} ({})", endpoint.label, endpoint.addr);
        let share = parts.iter().find(|part| part.members.contains(&index));
        let share = match share.map(|part| share_of(part, live, endpoint.weight)) {
            Some(share) => format!("{share:.1} % of requests"),
            None => "none: it is out".to_owned(),
        };
        let _ = writeln!(out, "  endpoint  {place}, {share}{tier}{zone}");
    }
    tell_choice(out, plan, live, hash);
}

fn tell_rules(out: &mut String, plan: &ClusterPlan, live: &EndpointSet) {
    let spread = &plan.spread;
    if let Some(own) = &spread.own_zone {
        let keep = spread.rules.zones.map_or(0, |zones| zones.keep);
        let _ = writeln!(out, "  zone      {own} keeps {:.1} % as long as it can", percent(keep));
    }
    if let Some(subset) = spread.rules.subset {
        let count = live.chosen().len();
        let _ = writeln!(
            out,
            "  subset    each of {count} endpoints is used by {} workers, each worker uses {} or more",
            subset.workers,
            subset.endpoints.min(u32::try_from(count).unwrap_or(u32::MAX))
        );
    }
    if let Some(slow) = spread.slow_start {
        let (window, from) = (slow.window_ms as f64 / 1e3, percent(slow.from));
        let _ = writeln!(out, "  newcomers grow from {from:.1} % to their share in {window} s");
    }
}

fn described(part: &Part) -> String {
    let zone = match part.is_own_zone {
        Some(true) => ", own zone",
        Some(false) => ", other zones",
        None => "",
    };
    let panics = if part.panics { ", too few are left: those that are out are used" } else { "" };
    format!("{}{zone}: {:.1} % of requests{panics}", part.tier, percent(part.share))
}

fn percent(millionths: u32) -> f64 {
    f64::from(millionths) * 100.0 / f64::from(WHOLE)
}

/// What an endpoint of a part gets, in percent of all requests.
fn share_of(part: &Part, live: &EndpointSet, weight: u32) -> f64 {
    let total: u32 = part.members.iter().map(|at| live.endpoints[usize::from(*at)].weight).sum();
    percent(part.share) * f64::from(weight) / f64::from(total.max(1))
}

/// A hash decides the same way everywhere; the others depend on what went before.
fn tell_choice(out: &mut String, plan: &ClusterPlan, live: &EndpointSet, hash: Option<u64>) {
    let Some(hash) = hash else { return };
    let pick = Pick { hash: Some(hash), in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded: &|_| false };
    let (_, verdicts) = plan.verdicts.load();
    let assessed = plan.spread.assess(live, &verdicts, &|_| 0, 0);
    let ground = Ground {
        seats: &assessed.seats,
        rules: &plan.spread.rules,
        balance: &live.balance,
        tables: &live.tables,
        worker: (0, 1),
        seed: 1,
    };
    let chosen = match Layout::of(&ground, None) {
        Some(layout) => layout.pick(&pick),
        None => Balancer::start(live.balance.clone(), 0, 1, 1).pick(&pick),
    };
    if let Some(index) = chosen {
        let _ =
            writeln!(out, "  chosen    {} (by hash; the same on every worker)", live.endpoints[index].label);
    }
}
