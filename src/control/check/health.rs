//! Health, outliers and breakers: what cannot be meant, and what would do nothing.

use super::{Check, values};
use crate::config::units::UnitError;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::health::problems::Problems;
use crate::upstream::config::health::{BreakerConfig, CheckConfig};

pub(super) fn check(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    if let Some(health) = &cluster.health {
        tell(check, &format!("{at}.health"), health.problems());
        if let CheckConfig::Http(http) = &health.check
            && let Some(host) = &http.host
        {
            check.value("bad-host", &format!("{at}.health.check.http.host"), values::authority(host));
        }
    }
    if let Some(outliers) = &cluster.outliers {
        tell(check, &format!("{at}.outliers"), outliers.problems());
        if cluster.endpoints.len() == 1 && cluster.discover.is_none() {
            let why = UnitError::new("an endpoint without others is never left alone")
                .hint("remove `outliers`, or write `breaker: {}`");
            check.warning("idle-outliers", &format!("{at}.outliers"), why);
        }
    }
    for (name, breaker) in [("breaker", &cluster.breaker), ("endpoint_breaker", &cluster.endpoint_breaker)] {
        if let Some(breaker) = breaker {
            tell(check, &format!("{at}.{name}"), breaker.problems());
        }
    }
    same_slowness(check, at, cluster);
}

/// A call is counted once, as slow or not.
fn same_slowness(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let after = |breaker: &Option<BreakerConfig>| Some(breaker.as_ref()?.slow.as_ref()?.after);
    let (Some(all), Some(each)) = (after(&cluster.breaker), after(&cluster.endpoint_breaker)) else { return };
    if all != each {
        let why =
            UnitError::new(format!("a call of this cluster is slow after {all} already, or after {each}"))
                .hint(format!("write {all} here, or {each} in `breaker`"));
        check.error("two-kinds-of-slow", &format!("{at}.endpoint_breaker.slow.after"), why);
    }
}

/// Of routes.
pub(super) fn routes(check: &mut Check<'_>) {
    for (index, route) in check.config.routes.iter().enumerate() {
        let Some(breaker) = &route.breaker else { continue };
        tell(check, &format!("routes[{index}].breaker"), breaker.problems());
        if route.cluster.is_none()
            && check.document.tree().nearest(&format!("routes[{index}]")).get("split").is_none()
        {
            let why = UnitError::new("this route sends nothing on that could fail").hint("remove `breaker`");
            check.warning("idle-breaker", &format!("routes[{index}].breaker"), why);
        }
    }
}

fn tell(check: &mut Check<'_>, at: &str, problems: Problems) {
    for (path, why) in problems {
        let path = if path.is_empty() { at.to_owned() } else { format!("{at}.{path}") };
        check.error("bad-health", &path, why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, found, with};

    fn cluster(lines: &str) -> String {
        with(&format!("clusters:\n  api:\n    endpoints: ['127.0.0.1:1', '127.0.0.1:2']\n    {lines}"))
    }

    #[test]
    fn what_cannot_be_meant_is_said_at_its_place() {
        for (lines, code, words) in [
            ("health: {check: {http: {path: healthz}}}", "bad-health", "begins with `/`"),
            ("health: {check: {http: {host: 'a b'}}}", "bad-host", "a b"),
            ("health: {interval: 1s, interval_failing: 2s}", "bad-health", "asked more often"),
            ("outliers: {time: 10m}", "bad-health", "`time_max`"),
            ("breaker: {open: 2m}", "bad-health", "`open_max`"),
            ("endpoint_breaker: {failures: 0%}", "bad-health", "without a failure"),
            (
                "breaker: {slow: {after: 1s}}\n    endpoint_breaker: {slow: {after: 2s}}",
                "two-kinds-of-slow",
                "write 1s here",
            ),
        ] {
            let line = if code == "two-kinds-of-slow" { 5 } else { 4 };
            expect(&cluster(lines), code, line, words);
        }
        let route = with("routes:\n  - name: all\n    cluster: api\n    breaker: {window: 2h}");
        expect(&route, "bad-health", 4, "longer than");
    }

    #[test]
    fn what_would_do_nothing_is_a_warning() {
        let alone = with("clusters:\n  api:\n    endpoints: ['127.0.0.1:1']\n    outliers: {}");
        expect(&alone, "idle-outliers", 4, "breaker: {}");
        let text = with(
            "routes:\n  - name: all\n    cluster: api\n  - name: own\n    match: {path: /own}\n    respond: {status: 200}\n    breaker: {}",
        );
        expect(&text, "idle-breaker", 7, "remove `breaker`");
        assert!(
            found(&cluster("health: {}\n    outliers: {}\n    breaker: {}\n    endpoint_breaker: {}"))
                .is_empty()
        );
    }
}
