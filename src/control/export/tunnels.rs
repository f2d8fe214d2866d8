//! Metrics of what is not HTTP: PROXY headers, and TCP connections by listener and cluster.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::collector::{Row, Shards, merged, total};
use super::family::Family;
use crate::proxy::l4::ending::TUNNEL_FAULTS;
use crate::proxy::l4::header::DOOR_FAULTS;
use crate::shared::Counter;
use crate::telemetry::TunnelMetrics;

impl Shards {
    /// Only listeners that take PROXY headers.
    pub(super) fn encode_doors(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let doors = self.sources.registry.doors();
        let mut family = Family::counter(
            encoder,
            "ringgate_proxy_protocol_connections",
            "Connections by the PROXY header they begin with.",
        )?;
        for (listener, shards) in &doors {
            for (slot, version) in ["v1", "v2"].into_iter().enumerate() {
                let count = shards.iter().map(|shard| shard.headers[slot].get()).sum();
                family.count([("listener", listener), ("version", version)], count)?;
            }
            let count = total(shards, |shard| &shard.plain);
            family.count([("listener", listener), ("version", "none")], count)?;
        }
        let mut family = Family::counter(
            encoder,
            "ringgate_proxy_protocol_refused",
            "Connections closed for want of a good PROXY header.",
        )?;
        for (listener, shards) in &doors {
            for (slot, reason) in DOOR_FAULTS.into_iter().enumerate() {
                let count = shards.iter().map(|shard| shard.faults[slot].get()).sum();
                family.count([("listener", listener), ("reason", reason)], count)?;
            }
        }
        Ok(())
    }

    /// Only listeners with caps on each client.
    pub(super) fn encode_callers(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let listeners = self.sources.registry.all_callers();
        if listeners.is_empty() {
            return Ok(());
        }
        let help = "Connections closed because their client has too many, or opens them too fast.";
        let mut family = Family::counter(encoder, "ringgate_per_client_refused", help)?;
        for (listener, shards) in &listeners {
            let (open, pace) = (total(shards, |one| &one.over_open), total(shards, |one| &one.over_pace));
            family.count([("listener", listener.as_str()), ("reason", "connections")], open)?;
            family.count([("listener", listener.as_str()), ("reason", "new_connections")], pace)?;
        }
        Ok(())
    }

    /// Only TCP listeners.
    pub(super) fn encode_tunnels(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let tunnels = self.sources.registry.tunnels();
        let mut family = Family::counter(encoder, TUNNEL_CONNECTIONS.0, TUNNEL_CONNECTIONS.1)?;
        for ((listener, cluster), shards) in &tunnels {
            let count = total(shards, TUNNEL_CONNECTIONS.2);
            family.count([("listener", listener), ("cluster", cluster)], count)?;
        }
        let mut family = Family::gauge(encoder, "ringgate_tcp_connections_active", "TCP connections open.")?;
        for ((listener, cluster), shards) in &tunnels {
            let count = shards.iter().map(|shard| shard.active.get()).sum();
            family.level([("listener", listener), ("cluster", cluster)], count)?;
        }
        let mut family =
            Family::counter(encoder, "ringgate_tcp_bytes", "Bytes given to either side of TCP connections.")?;
        for ((listener, cluster), shards) in &tunnels {
            for (direction, counter) in DIRECTIONS {
                let labels = [("listener", &**listener), ("cluster", cluster), ("direction", direction)];
                family.count(labels, total(shards, counter))?;
            }
        }
        let mut family =
            Family::counter(encoder, "ringgate_tcp_failures", "TCP connections that ended badly.")?;
        for ((listener, cluster), shards) in &tunnels {
            for (slot, reason) in TUNNEL_FAULTS.into_iter().enumerate() {
                let count = shards.iter().map(|shard| shard.faults[slot].get()).sum();
                if count > 0 {
                    family
                        .count([("listener", listener), ("cluster", cluster), ("reason", reason)], count)?;
                }
            }
        }
        let mut family =
            Family::histogram(encoder, "ringgate_tcp_duration_seconds", "From a TCP connection to its end.")?;
        for ((listener, cluster), shards) in &tunnels {
            let durations = merged(shards, |shard| &shard.duration);
            if durations.count() > 0 {
                family.durations([("listener", listener), ("cluster", cluster)], &durations)?;
            }
        }
        Ok(())
    }
}

const TUNNEL_CONNECTIONS: Row<TunnelMetrics, Counter> =
    ("ringgate_tcp_connections", "TCP connections begun.", |tunnel| &tunnel.connections);

/// Label and where the number is.
type DirectionRow = (&'static str, fn(&TunnelMetrics) -> &Counter);

const DIRECTIONS: [DirectionRow; 2] =
    [("upstream", |tunnel| &tunnel.upstream_bytes), ("downstream", |tunnel| &tunnel.downstream_bytes)];
