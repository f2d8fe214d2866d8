//! How it goes with other hosts, as metrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::control::fleet::{FleetDesk, FleetFigures};
use crate::rt::clock;
use crate::shared::{Counter, Gauge};

/// Shows the figures of the fleet.
#[derive(Debug)]
pub struct FleetShown(pub FleetDesk);

type Count = (&'static str, &'static str, fn(&FleetFigures) -> &Counter);
type Level = (&'static str, &'static str, fn(&FleetFigures) -> &Gauge);

const LEVELS: [Level; 4] = [
    ("ringgate_fleet_connected", "1 while the server that hosts count with answers.", |it| &it.connected),
    ("ringgate_fleet_hosts", "Hosts that share limits with this one, itself among them.", |it| &it.hosts),
    ("ringgate_fleet_waiting_keys", "Keys of limits that wait to be told of.", |it| &it.waiting),
    ("ringgate_fleet_untold_keys", "Times that a key had no place among those told of.", |it| &it.untold),
];

const COUNTS: [Count; 8] = [
    ("ringgate_fleet_batches", "Batches that the server has counted.", |it| &it.batches),
    ("ringgate_fleet_keys", "Keys of limits in them.", |it| &it.accounts),
    ("ringgate_fleet_unsent", "Batches kept back while the server was away.", |it| &it.unsent),
    ("ringgate_fleet_errors", "What failed with the server, connecting included.", |it| &it.errors),
    ("ringgate_fleet_losses", "Times that the server was lost.", |it| &it.losses),
    ("ringgate_fleet_others_units", "Units of limits that other hosts have spent, as heard here.", |it| {
        &it.others
    }),
    ("ringgate_fleet_over_units", "Of those, units beyond the limit.", |it| &it.over),
    ("ringgate_quota_write_failures", "Times that quotas could not be written to disk.", |it| {
        &it.write_failures
    }),
];

impl Collector for FleetShown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (figures, encoder) = (self.0.figures(), &mut encoder);
        // Hosts that count alone have nothing to tell of the rest.
        if self.0.is_shared() {
            for (name, help, level) in LEVELS {
                Family::gauge(encoder, name, help)?.level([], level(&figures).get())?;
            }
            let heard_ms = figures.heard_ms.get();
            if heard_ms > 0 {
                let silent_ms = clock::coarse_ms().cast_signed().saturating_sub(heard_ms).max(0);
                let name = "ringgate_fleet_silence_seconds";
                Family::gauge(encoder, name, "Since the server answered last.")?
                    .level_part([], silent_ms as f64 / 1e3)?;
            }
            let name = "ringgate_fleet_round_trip_seconds";
            Family::histogram(encoder, name, "From asking the server to its answer.")?
                .durations([], &figures.round_trip.snapshot())?;
        }
        for (name, help, count) in COUNTS {
            Family::counter(encoder, name, help)?.count([], count(&figures).get())?;
        }
        Ok(())
    }
}
