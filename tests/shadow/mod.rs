//! Copies of requests for a service that is to be tried: what goes there, what does not, and that no client hears of it.

mod answers;
mod bounds;
mod copies;

use std::fmt::Display;

use crate::harness::{Dialogue, FaultOrigin, Gateway, Setup};

/// A gateway of one worker whose route goes to `origin` and is copied to `copy`, with these lines of `shadow`.
fn shadowed(origin: impl Display, copy: impl Display, lines: &str) -> Setup {
    let more = if lines.is_empty() { String::new() } else { format!(", {lines}") };
    // The last of the cluster's lines begins another cluster.
    Setup::before(origin)
        .one_worker()
        .route(&format!("shadow: {{cluster: next, busy_max: 100%{more}}}"))
        .cluster(&format!("timeouts: {{head: 5s}}\n  next: {{endpoints: ['{copy}']}}"))
}

/// The sum of this gateway's copies with this outcome.
fn copies(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!("ringgate_shadow_copies_total{{outcome=\"{outcome}\"}}"))
}

/// Waits until so many copies had this outcome.
#[track_caller]
fn copies_become(gateway: &Gateway, outcome: &str, count: usize) {
    gateway.metric_becomes(&format!("ringgate_shadow_copies_total{{outcome=\"{outcome}\"}}"), count as f64);
}

/// Waits until so many requests were not copied for this reason.
#[track_caller]
fn skipped_become(gateway: &Gateway, reason: &str, count: usize) {
    gateway.metric_becomes(&format!("ringgate_shadow_skipped_total{{reason=\"{reason}\"}}"), count as f64);
}

/// An origin that reads every request and answers none.
fn silent() -> FaultOrigin {
    FaultOrigin::start(|dialogue: &mut Dialogue| while dialogue.request().is_some() {})
}
