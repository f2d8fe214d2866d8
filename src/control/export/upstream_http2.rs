//! Metrics of HTTP/2 with endpoints: connections, streams, and how they end early.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::collector::{Row, total};
use super::family::Family;
use crate::shared::{Counter, Gauge};
use crate::telemetry::EndpointMetrics;

const COUNTERS: [Row<EndpointMetrics, Counter>; 3] = [
    ("ringgate_endpoint_http2_streams", "HTTP/2 streams opened.", |endpoint| &endpoint.h2_streams),
    ("ringgate_endpoint_http2_goaways", "HTTP/2 connections that the endpoint has ended.", |endpoint| {
        &endpoint.h2_goaways
    }),
    ("ringgate_endpoint_http2_dead", "HTTP/2 connections without a sign of life.", |endpoint| {
        &endpoint.h2_dead
    }),
];

const GAUGES: [Row<EndpointMetrics, Gauge>; 2] = [
    ("ringgate_endpoint_http2_connections", "HTTP/2 connections open.", |endpoint| &endpoint.h2_connections),
    ("ringgate_endpoint_http2_streams_active", "HTTP/2 streams open.", |endpoint| {
        &endpoint.h2_streams_active
    }),
];

/// Codes of HTTP/2 errors, in order (RFC 9113 7); the last is for all others.
const CODES: [&str; 15] = [
    "no_error",
    "protocol_error",
    "internal_error",
    "flow_control_error",
    "settings_timeout",
    "stream_closed",
    "frame_size_error",
    "refused_stream",
    "cancel",
    "compression_error",
    "connect_error",
    "enhance_your_calm",
    "inadequate_security",
    "http_1_1_required",
    "other",
];

/// Endpoints that nobody has spoken HTTP/2 with are left out.
pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let mut endpoints = sources.registry.endpoints();
    endpoints.retain(|(_, shards)| total(shards, |endpoint| &endpoint.h2_streams) > 0);
    for (name, help, counter) in COUNTERS {
        let mut family = Family::counter(encoder, name, help)?;
        for ((cluster, endpoint), shards) in &endpoints {
            family.count([("cluster", cluster), ("endpoint", endpoint)], total(shards, counter))?;
        }
    }
    for (name, help, gauge) in GAUGES {
        let mut family = Family::gauge(encoder, name, help)?;
        for ((cluster, endpoint), shards) in &endpoints {
            let level = shards.iter().map(|shard| gauge(shard).get()).sum();
            family.level([("cluster", cluster), ("endpoint", endpoint)], level)?;
        }
    }
    let name = "ringgate_endpoint_http2_resets";
    let mut family = Family::counter(encoder, name, "HTTP/2 streams that the endpoint has reset.")?;
    for ((cluster, endpoint), shards) in &endpoints {
        for (slot, code) in CODES.into_iter().enumerate() {
            let count = shards.iter().map(|shard| shard.h2_resets[slot].get()).sum::<u64>();
            if count > 0 {
                family.count([("cluster", cluster), ("endpoint", endpoint), ("code", code)], count)?;
            }
        }
    }
    Ok(())
}
