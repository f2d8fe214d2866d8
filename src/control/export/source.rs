//! Metrics of where the configuration comes from: when it last answered, and how often it did not.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use crate::rt::clock;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let Some(source) = &sources.source else { return Ok(()) };
    let (_, state) = source.load();
    let labels = [("source", &*state.described)];
    if state.fetched_at > 0 {
        let age = clock::wall_ms().saturating_sub(state.fetched_at) / 1000;
        Family::gauge(
            encoder,
            "ringgate_config_source_age_seconds",
            "Since the source of the configuration last answered.",
        )?
        .level(labels, age.cast_signed())?;
    }
    Family::counter(
        encoder,
        "ringgate_config_source_failures",
        "Times that the source of the configuration did not answer.",
    )?
    .count(labels, state.failures)
}
