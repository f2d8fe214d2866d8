//! What workers remember of recent requests.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use crate::shared::Counter;
use crate::telemetry::WorkerMetrics;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let sum = |counter: fn(&WorkerMetrics) -> &Counter| -> u64 {
        sources.registry.workers().map(|worker| counter(worker).get()).sum()
    };
    Family::counter(encoder, "ringgate_recording_heads", "Request heads kept for trying configurations on.")?
        .count([], sum(|worker| &worker.heads_recorded))?;
    Family::counter(encoder, "ringgate_recording_heads_too_large", "Request heads too large to be kept.")?
        .count([], sum(|worker| &worker.heads_too_large))
}
