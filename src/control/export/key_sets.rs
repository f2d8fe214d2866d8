//! Metrics of the keys that verify tokens: how many there are, how old they are, how often they could not be had.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::control::answers::key_sets::{KeyDesk, KeySetState};
use crate::rt::clock;

/// Reads from those who keep them.
#[derive(Debug)]
pub struct KeySetMetrics(pub KeyDesk);

type Count = (&'static str, &'static str, fn(&KeySetState) -> u64);

const COUNTS: [Count; 3] = [
    ("ringgate_key_set_fetches", "How often keys were asked for.", |state| state.fetches),
    ("ringgate_key_set_failures", "How often keys could not be had.", |state| state.failures),
    ("ringgate_key_set_changes", "How often other keys came.", |state| state.changes),
];

impl Collector for KeySetMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        let mut states = self.0.states();
        // Two ways to fetch the same: shown once.
        states.sort_by(|one, other| one.source.cmp(&other.source));
        states.dedup_by(|one, other| one.source == other.source);
        if states.is_empty() {
            return Ok(());
        }
        let mut family =
            Family::gauge(encoder, "ringgate_key_set_keys", "Keys of a source that verify tokens.")?;
        for state in &states {
            family.level([("source", state.source.as_str())], state.keys as i64)?;
        }
        let mut family = Family::gauge(
            encoder,
            "ringgate_key_set_age_seconds",
            "Since the source of keys last answered.",
        )?;
        for state in states.iter().filter(|state| state.fetched_at_ms > 0) {
            let age_s = clock::wall_ms().saturating_sub(state.fetched_at_ms) / 1000;
            family.level([("source", state.source.as_str())], age_s.cast_signed())?;
        }
        for (name, help, count) in COUNTS {
            let mut family = Family::counter(encoder, name, help)?;
            for state in &states {
                family.count([("source", state.source.as_str())], count(state))?;
            }
        }
        Ok(())
    }
}
