//! What has happened to services, in words: for the log and for the operator's page.

use std::collections::VecDeque;

use serde::Serialize;

use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::upstream::verdict::fuse::{Cause, Standing};
use crate::upstream::verdict::ward::{Event, What};

/// The latest that are kept.
const KEPT_MAX: usize = 200;

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The cluster, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The endpoint, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The route, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What, in words.
    pub what: String,
}

/// The latest, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<Happened>);

impl Told {
    /// Of a cluster, or of one of its endpoints.
    pub(super) fn of_cluster(&mut self, cluster: &str, event: &Event, now_ms: u64) {
        let (weight, what) = words(event, now_ms);
        match &event.endpoint {
            Some(label) => say_at(weight, format_args!("cluster `{cluster}`: {label} {what}")),
            None => say_at(weight, format_args!("cluster `{cluster}` {what}")),
        }
        self.keep(Happened {
            unix_ms: clock::wall_ms(),
            cluster: Some(cluster.to_owned()),
            endpoint: event.endpoint.as_deref().map(str::to_owned),
            route: None,
            what,
        });
    }

    /// Of a route's breaker.
    pub(super) fn of_route(&mut self, route: &str, standing: Standing, cause: Cause, now_ms: u64) {
        let (weight, what) = turned(standing, cause, now_ms);
        say_at(weight, format_args!("route `{route}` {what}"));
        self.keep(Happened {
            unix_ms: clock::wall_ms(),
            cluster: None,
            endpoint: None,
            route: Some(route.to_owned()),
            what,
        });
    }

    /// The latest first.
    pub(super) fn latest(&self) -> Vec<Happened> {
        self.0.iter().rev().cloned().collect()
    }

    fn keep(&mut self, happened: Happened) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(happened);
    }
}

fn words(event: &Event, now_ms: u64) -> (Level, String) {
    match &event.what {
        What::Unhealthy(complaint) => {
            (Level::Warn, format!("is not used: it fails its checks ({})", complaint.detail))
        }
        What::Healthy => (Level::Info, "passes its checks and is used again".to_owned()),
        What::Ejected(ejected) => {
            let seconds = (ejected.until_ms - ejected.since_ms) as f64 / 1e3;
            (Level::Warn, format!("is left alone for {seconds} s: {}", ejected.fault))
        }
        What::Returned => (Level::Info, "has been left alone for long enough".to_owned()),
        What::Breaker(standing, cause) => turned(*standing, *cause, now_ms),
    }
}

fn turned(standing: Standing, cause: Cause, now_ms: u64) -> (Level, String) {
    match standing {
        Standing::Closed => (Level::Info, format!("has its breaker closed: {cause}")),
        Standing::HalfOpen { .. } => (Level::Info, format!("has its breaker half open: {cause}")),
        Standing::Open { .. } if cause == Cause::Operator => {
            (Level::Warn, format!("has its breaker open: {cause}"))
        }
        Standing::Open { until_ms } => {
            let seconds = until_ms.saturating_sub(now_ms) as f64 / 1e3;
            (Level::Warn, format!("has its breaker open for {seconds} s: {cause}"))
        }
    }
}
