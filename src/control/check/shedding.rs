//! What there is room for: limits of clusters, and what workers refuse that cannot keep up.

use super::{Check, limits};
use crate::config::units::{Share, Span, UnitError};
use crate::upstream::config::ClusterConfig;

/// Bounds of the target and the pause.
const SPAN_MAX: Span = Span::from_secs(1);
const TARGET_MIN: Span = Span::from_millis(1);
/// More at once than descriptors there can be.
const COUNT_MAX: u32 = 1_000_000;
/// What may be kept for the better classes together.
const RESERVES_MAX: Share = Share::percent(90);

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    for (name, cluster) in &config.clusters {
        cluster_limits(check, &format!("clusters.{name}.limits"), cluster);
    }
    let Some(shedding) = &config.shedding else { return };
    if !(TARGET_MIN..=SPAN_MAX).contains(&shedding.target) {
        let why = UnitError::new(format!("{} is not from {TARGET_MIN} to {SPAN_MAX}", shedding.target));
        check.error("out-of-range", "shedding.target", why.hint("write 10ms"));
    }
    if shedding.pause > SPAN_MAX {
        let why = UnitError::new(format!("{} is more than {SPAN_MAX}", shedding.pause));
        check.error("out-of-range", "shedding.pause", why.hint("write 50ms, or 0s for none"));
    }
}

fn cluster_limits(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let written = &cluster.limits;
    for (key, count) in [
        ("requests", written.requests),
        ("endpoint_requests", written.endpoint_requests),
        ("connections", written.connections),
    ] {
        let Some(count) = count else { continue };
        check.value(
            "out-of-range",
            &format!("{at}.{key}"),
            limits::at_least_one(count).and_then(|()| few(count)),
        );
    }
    check.value("out-of-range", &format!("{at}.pending"), few(written.pending));
    check.value("zero-timeout", &format!("{at}.pending_timeout"), limits::some_time(written.pending_timeout));
    if written.pending > 0 && written.requests.is_none() && written.adaptive.is_none() {
        let why = UnitError::new("nobody waits where there is no limit");
        check.error("no-effect", &format!("{at}.pending"), why.hint("write `requests:` or `adaptive: {}`"));
    }
    reserves(check, at, cluster);
    adaptive(check, at, cluster);
}

fn reserves(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let kept = &cluster.limits.reserves;
    let sum = kept.critical.millionths() + kept.high.millionths() + kept.normal.millionths();
    if sum > RESERVES_MAX.millionths() {
        let why = UnitError::new(format!("more than {RESERVES_MAX} are kept"));
        check.error("out-of-range", &format!("{at}.reserves"), why.hint("leave something to the others"));
    }
    if sum > 0 && cluster.limits.requests.is_none() && cluster.limits.adaptive.is_none() {
        let why = UnitError::new("there is no limit of which something could be kept");
        check.error("no-effect", &format!("{at}.reserves"), why.hint("write `requests:` or `adaptive: {}`"));
    }
}

fn adaptive(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let Some(adaptive) = &cluster.limits.adaptive else { return };
    let at = format!("{at}.adaptive");
    check.value("out-of-range", &format!("{at}.floor"), limits::at_least_one(adaptive.floor));
    check.value("out-of-range", &format!("{at}.ceiling"), few(adaptive.ceiling));
    if adaptive.ceiling < adaptive.floor {
        let why = UnitError::new(format!("{} is less than the floor, {}", adaptive.ceiling, adaptive.floor));
        check.error("out-of-range", &format!("{at}.ceiling"), why.hint("make it at least the floor"));
    }
    if !(1.1..=10.0).contains(&adaptive.tolerance) {
        let why = UnitError::new(format!("{} is not from 1.1 to 10", adaptive.tolerance));
        check.error("out-of-range", &format!("{at}.tolerance"), why.hint("write 2.0"));
    }
    if adaptive.probe_every < Span::from_secs(1) {
        let why = UnitError::new(format!("{} is less than 1s", adaptive.probe_every));
        check.error("out-of-range", &format!("{at}.probe_every"), why.hint("write 30s"));
    }
}

fn few(count: u32) -> Result<(), UnitError> {
    if count <= COUNT_MAX {
        return Ok(());
    }
    Err(UnitError::new(format!("{count} is more than {COUNT_MAX}")).hint("leave it out for no limit"))
}
