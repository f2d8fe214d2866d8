//! How changes of configuration went, as metrics.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let figures = &sources.reloads;
    let mut family = Family::counter(
        encoder,
        "ringgate_reloads",
        "Configurations that were read, by what became of them.",
    )?;
    for (outcome, count) in [
        ("installed", &figures.installed),
        ("unchanged", &figures.unchanged),
        ("refused", &figures.refused),
        ("rolled_back", &figures.rolled_back),
    ] {
        family.count([("outcome", outcome)], count.get())?;
    }
    for (name, help, level) in [
        ("ringgate_reload_last_good", "1 if the last configuration was not refused.", &figures.was_last_good),
        (
            "ringgate_reload_last_good_timestamp_seconds",
            "When one was last not refused, since 1970.",
            &figures.last_good_seconds,
        ),
        ("ringgate_generations_kept", "Generations that are kept.", &figures.kept),
        ("ringgate_generations_former", "Former generations that something runs on.", &figures.former),
        (
            "ringgate_generations_former_exchanges",
            "Exchanges and switched connections on former generations.",
            &figures.former_exchanges,
        ),
    ] {
        Family::gauge(encoder, name, help)?.level([], level.get())?;
    }
    let name = "ringgate_reload_last_duration_seconds";
    Family::gauge(encoder, name, "From reading to the last worker, of the last one that was installed.")?
        .level_part([], figures.last_took_micros.get() as f64 / 1e6)
}
