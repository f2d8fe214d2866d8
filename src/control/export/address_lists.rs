//! Metrics of files of address ranges.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::policy::address_set::AddressList;
use crate::proxy::snapshot::Snapshot;
use crate::shared::Published;

type Row = (&'static str, &'static str, fn(&AddressList) -> u64);

const GAUGES: [Row; 3] = [
    ("ringgate_address_list_ranges", "Ranges of addresses in force from a file.", |list| list.entries as u64),
    ("ringgate_address_list_stale", "1 if the file as it is now could not be taken.", |list| {
        u64::from(list.is_stale)
    }),
    ("ringgate_address_list_read_seconds", "When the file was last read and in order, since 1970.", |list| {
        list.read_s
    }),
];

/// Those of the configuration in force.
pub struct AddressLists(Published<Snapshot>);

impl AddressLists {
    /// Those of what runs.
    pub fn of(snapshot: Published<Snapshot>) -> Self {
        Self(snapshot)
    }
}

impl fmt::Debug for AddressLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressLists")
    }
}

impl Collector for AddressLists {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        encode(&self.0.load().1, &mut encoder)
    }
}

fn encode(snapshot: &Snapshot, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let lists: Vec<_> = snapshot
        .live_inputs
        .address_lists
        .iter()
        .map(|(file, list)| (file.display().to_string(), list.load().1))
        .collect();
    if lists.is_empty() {
        return Ok(());
    }
    for (name, help, value) in GAUGES {
        let mut family = Family::gauge(encoder, name, help)?;
        for (file, list) in &lists {
            family.level([("file", file)], value(list).cast_signed())?;
        }
    }
    let help = "Times that a changed file could not be taken.";
    let mut family = Family::counter(encoder, "ringgate_address_list_failures", help)?;
    for (file, list) in &lists {
        family.count([("file", file)], list.failures)?;
    }
    Ok(())
}
