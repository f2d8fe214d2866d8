//! Metrics of HTTP/2 with clients: connections and why they end, streams and how.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use crate::telemetry::http2::Http2End;

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let workers = || sources.registry.workers().map(|worker| &worker.http2);
    Family::counter(encoder, "ringgate_http2_connections", "HTTP/2 connections of clients.")?
        .count([], workers().map(|http2| http2.connections.get()).sum())?;
    Family::gauge(encoder, "ringgate_http2_connections_active", "HTTP/2 connections of clients, open.")?
        .level([], workers().map(|http2| http2.connections_active.get()).sum())?;
    let mut family = Family::counter(
        encoder,
        "ringgate_http2_connections_ended",
        "HTTP/2 connections by why they ended.",
    )?;
    for &end in Http2End::ALL {
        let count = workers().map(|http2| http2.ends[end as usize].get()).sum();
        family.count([("reason", end.label())], count)?;
    }
    Family::counter(encoder, "ringgate_http2_streams", "HTTP/2 streams of clients.")?
        .count([], workers().map(|http2| http2.streams.get()).sum())?;
    Family::gauge(encoder, "ringgate_http2_streams_active", "HTTP/2 streams of clients, open.")?
        .level([], workers().map(|http2| http2.streams_active.get()).sum())?;
    let mut family = Family::counter(
        encoder,
        "ringgate_http2_streams_reset",
        "HTTP/2 streams of clients that were reset.",
    )?;
    family.count([("by", "client")], workers().map(|http2| http2.reset_by_client.get()).sum())?;
    family.count([("by", "gateway")], workers().map(|http2| http2.reset_by_gateway.get()).sum())?;
    family.count([("by", "refusal")], workers().map(|http2| http2.refused.get()).sum())
}
