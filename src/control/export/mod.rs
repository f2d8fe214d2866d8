//! Metrics as text: OpenMetrics 1.0 or the Prometheus format 0.0.4.
//!
//! Owns the prometheus-client registry and what the samples are read from. The workers' shards are summed when
//! somebody asks, here on the control thread; a scrape costs a worker nothing.

pub mod address_lists;
mod authenticators;
mod care;
mod clusters;
mod collector;
// What authenticators live on.
pub mod credentials;
pub(super) mod family;
pub mod fleet;
mod http2;
pub mod key_sets;
mod negotiate;
pub(super) mod process;
mod prometheus_text;
mod rates;
mod recording;
// Variants of routes.
pub mod releases;
mod reloads;
mod rollouts;
mod shadows;
mod shedding;
mod source;
pub mod spread;
mod tls;
mod tunnels;
mod upstream_http2;
// What is believed of services.
pub mod verdicts;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry as Families;

use crate::control::discovery::feeds::Feeds;
use crate::control::generation::{GenerationLabel, ReloadFigures};
use crate::control::log_writer::LogMetrics;
use crate::control::revocations::RevocationDesk;
use crate::control::rollout::figures::RolloutFigures;
use crate::control::sources::SourceState;
use crate::control::tls::Inventory;
use crate::shared::{Frozen, Published};
use crate::telemetry::Registry;
use crate::telemetry::metrics::METHOD_SLOTS;

pub use negotiate::Format;

/// What the slots of the workers' counters are called.
#[derive(Debug, Clone)]
pub struct SlotNames {
    /// Methods in the order in which exchanges are counted; an empty name is a slot without a method.
    pub methods: [&'static str; METHOD_SLOTS],
    /// Error codes in the order of their slots.
    pub errors: Vec<&'static str>,
}

/// Where the samples come from.
#[derive(Debug)]
pub struct Sources {
    /// The workers' counters.
    pub registry: Frozen<Registry>,
    /// What their slots are called.
    pub names: SlotNames,
    /// Version of this program.
    pub version: &'static str,
    /// When the process started, in seconds since 1970.
    pub started_unix_seconds: u64,
    /// The configuration in force.
    pub generation: Published<GenerationLabel>,
    /// What the log writer counts, when there is one.
    pub log: Option<Frozen<LogMetrics>>,
    /// The listeners' certificates.
    pub certificates: Published<Inventory>,
    /// Credentials that are good no more.
    pub revocations: RevocationDesk,
    /// The clusters' endpoints.
    pub feeds: Option<Feeds>,
    /// How changes of configuration went.
    pub reloads: Frozen<ReloadFigures>,
    /// How rollouts went.
    pub rollouts: Frozen<RolloutFigures>,
    /// How it stands with the source of the configuration, where it is followed.
    pub source: Option<Published<SourceState>>,
}

/// Renders metrics.
#[derive(Debug)]
pub struct Exporter {
    families: Families,
}

impl Exporter {
    /// An exporter of these sources.
    pub fn new(sources: Sources) -> Self {
        let mut families = Families::default();
        families.register_collector(Box::new(collector::Shards::new(sources)));
        Self { families }
    }

    /// Shows something more.
    pub fn add(&mut self, collector: Box<dyn Collector>) {
        self.families.register_collector(collector);
    }

    /// All metrics in this format.
    pub fn render(&self, format: Format) -> String {
        let mut text = String::with_capacity(RENDERED_BYTES);
        // Writing to a String does not fail, and neither does a collector that only writes.
        let _ = encode(&mut text, &self.families);
        match format {
            Format::OpenMetrics => text,
            Format::Prometheus => prometheus_text::from_open_metrics(&text),
        }
    }
}

/// First size of the text; it grows with the routes.
const RENDERED_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
