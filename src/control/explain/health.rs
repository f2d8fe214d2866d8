//! By what a cluster and a route are judged, as `explain` tells it.

use std::fmt::Write;

use crate::config::units::Share;
use crate::control::config::RouteConfig;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::health::{
    BreakerConfig, CheckConfig, CheckMethodConfig, HealthConfig, OutliersConfig,
};

/// Checks, outliers and breakers of a cluster.
pub(super) fn tell_cluster(out: &mut String, cluster: &ClusterConfig) {
    if let Some(health) = &cluster.health {
        let _ = writeln!(out, "  health    {}", told_health(health));
    }
    if let Some(outliers) = &cluster.outliers {
        let _ = writeln!(out, "  outliers  {}", told_outliers(outliers));
    }
    for (what, breaker) in [("cluster", &cluster.breaker), ("each endpoint", &cluster.endpoint_breaker)] {
        if let Some(breaker) = breaker {
            let _ = writeln!(out, "  breaker   of {what}: {}", told_breaker(breaker));
        }
    }
}

/// The breaker of a route.
pub(super) fn tell_route(out: &mut String, route: &RouteConfig) {
    if let Some(breaker) = &route.breaker {
        let _ = writeln!(out, "breaker     {}", told_breaker(breaker));
    }
}

fn told_health(health: &HealthConfig) -> String {
    let what = match &health.check {
        CheckConfig::Tcp => "a connection".to_owned(),
        CheckConfig::Http(http) => {
            let statuses: Vec<String> = http.statuses.iter().map(ToString::to_string).collect();
            let body =
                http.body.as_ref().map_or_else(String::new, |body| format!(" and a body with `{body}`"));
            format!("{} {} for {}{body}", method(http.method), http.path, statuses.join(", "))
        }
        CheckConfig::Grpc(grpc) if grpc.service.is_empty() => "grpc.health.v1 of the server".to_owned(),
        CheckConfig::Grpc(grpc) => format!("grpc.health.v1 of `{}`", grpc.service),
    };
    format!(
        "{what} every {} ({} while it fails); out after {} failures, back after {} passes",
        health.interval, health.interval_failing, health.unhealthy_after, health.healthy_after
    )
}

fn method(method: CheckMethodConfig) -> &'static str {
    match method {
        CheckMethodConfig::Get => "GET",
        CheckMethodConfig::Head => "HEAD",
    }
}

fn told_outliers(outliers: &OutliersConfig) -> String {
    let mut why = Vec::new();
    if outliers.consecutive_failures > 0 {
        why.push(format!("{} failures in a row", outliers.consecutive_failures));
    }
    if outliers.failures != Share::NONE {
        why.push(format!("{} of {} calls or more in {}", outliers.failures, outliers.calls, outliers.window));
    }
    if let Some(latency) = &outliers.latency {
        why.push(format!("{} times slower than others", latency.times));
    }
    let (time, most, share) = (outliers.time, outliers.time_max, outliers.share_max);
    format!("left alone for {time} to {most} for {}; {share} of them at most", why.join(", or "))
}

fn told_breaker(breaker: &BreakerConfig) -> String {
    let slow = breaker
        .slow
        .as_ref()
        .map_or_else(String::new, |slow| format!(", or {} slower than {}", slow.share, slow.after));
    format!(
        "opens at {} failures{slow} of {} calls or more in {}, for {} to {}",
        breaker.failures, breaker.calls, breaker.window, breaker.open, breaker.open_max
    )
}
