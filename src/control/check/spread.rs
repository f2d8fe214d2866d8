//! Tiers, zones, slow start and subsets: what of them goes together, and whether it can mean anything.

use super::{Check, limits};
use crate::config::units::{Share, Span, UnitError};
use crate::control::config::locality::ZoneConfig;
use crate::upstream::config::{BalanceConfig, ClusterConfig};

/// The longest time in which an endpoint may grow into its share.
const WINDOW_MAX: Span = Span::from_secs(3600);

pub(super) fn check(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    names(check, at, cluster);
    zones(check, at, cluster);
    if let Some(slow) = &cluster.slow_start {
        let path = format!("{at}.slow_start.window");
        check.value("zero-timeout", &path, limits::some_time(slow.window));
        if slow.window > WINDOW_MAX {
            let why = UnitError::new(format!("{} is too long to grow", slow.window));
            check.error("out-of-range", &path, why.hint(format!("write at most {WINDOW_MAX}")));
        }
    }
    if !matches!(cluster.balance, BalanceConfig::Maglev(_)) {
        return;
    }
    let written = [
        ("zones", cluster.zones.is_some()),
        ("slow_start", cluster.slow_start.is_some()),
        ("subset", cluster.subset.is_some()),
    ];
    for (key, _) in written.iter().filter(|(_, is_written)| *is_written) {
        let why = UnitError::new(format!("`{key}` does not go with `maglev`, which has one place for a key"));
        check.error("not-with-maglev", &format!("{at}.{key}"), why.hint("remove one of the two"));
    }
}

fn names(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    for (index, endpoint) in cluster.endpoints.iter().enumerate() {
        if endpoint.zone().is_some_and(|zone| zone.trim().is_empty()) {
            let why = UnitError::new("the zone has no name").hint("leave it out");
            check.error("no-zone", &format!("{at}.endpoints[{index}].zone"), why);
        }
    }
}

fn zones(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let Some(zones) = &cluster.zones else { return };
    let path = format!("{at}.zones");
    if zones.keep == Share::NONE {
        let why = UnitError::new("nothing would stay in the own zone").hint("leave `zones` out");
        check.error("out-of-range", &format!("{path}.keep"), why);
    }
    let Some(own) = &check.config.locality.zone else {
        let why = UnitError::new("nobody says in which zone this gateway is");
        return check.error("no-zone", &path, why.hint("write `locality: {zone: NAME}` at the top"));
    };
    let is_there = |name: &str| cluster.endpoints.iter().any(|it| it.zone() == Some(name));
    if let (ZoneConfig::Name(own), None) = (own, &cluster.discover)
        && !own.trim().is_empty()
        && !is_there(own)
    {
        let why = UnitError::new(format!("no endpoint is in `{own}`, the zone of this gateway"));
        check.warning("no-effect", &path, why.hint("write `zone:` at the endpoints"));
    }
}

/// The gateway's own zone.
pub(super) fn own_zone(check: &mut Check<'_>) {
    if let Some(ZoneConfig::Name(name)) = &check.config.locality.zone
        && name.trim().is_empty()
    {
        let why = UnitError::new("the zone has no name").hint("leave it out");
        check.error("no-zone", "locality.zone", why);
    }
}
