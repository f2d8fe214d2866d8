//! The written form of what a client may send, how long it may take, and how paths are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{ByteSize, Span};

/// What a client may send and how long it may take.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Request line and all fields together; 431 beyond. 1KiB to 60KiB.
    pub head_bytes: ByteSize,
    /// Request target; 414 beyond.
    pub target_bytes: ByteSize,
    /// Number of fields; 431 beyond. 1 to 500.
    pub header_count: u16,
    /// Request body, unless a route's `request_limits` says otherwise; 413 beyond. Default: no limit, because
    /// bodies are streamed and cost no memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<ByteSize>,
    /// From the first byte of a head to its last; 408 beyond. Also for a connection that sends nothing at all.
    pub head_timeout: Span,
    /// Without a byte of the request body; 408 beyond.
    pub body_timeout: Span,
    /// Without a byte taken by the client while an answer is written; the connection is closed beyond.
    pub write_timeout: Span,
    /// Between two requests on one connection.
    pub keepalive_timeout: Span,
    /// Requests on one connection before it is closed.
    pub keepalive_requests: u32,
    /// How long an answer may still be on its way to a client that has closed its sending side. Such a client
    /// may only have half-closed, or may be gone; after this long it counts as gone.
    pub half_close_grace: Span,
    /// Without a byte in either direction of an upgraded connection. WebSocket is told by a Close frame.
    pub tunnel_idle_timeout: Span,
    /// Upgraded connections per worker; 503 beyond. Default: only `connections` limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgraded_connections: Option<u32>,
    /// Requests at once on one HTTP/2 connection; the client is told, and refused beyond.
    pub http2_streams: u32,
    /// Open client connections per worker, and never more than three quarters of the process's descriptors for all.
    /// At the limit idle ones are closed; where none is, further clients wait in the kernel's backlog.
    pub connections: u32,
    /// How long exchanges in flight may go on when the gateway stops.
    pub drain_timeout: Span,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            head_bytes: ByteSize::kib(32),
            target_bytes: ByteSize::kib(8),
            header_count: 100,
            body_bytes: None,
            head_timeout: Span::from_secs(10),
            body_timeout: Span::from_secs(30),
            write_timeout: Span::from_secs(30),
            keepalive_timeout: Span::from_secs(75),
            keepalive_requests: 100_000,
            half_close_grace: Span::from_secs(1),
            tunnel_idle_timeout: Span::from_secs(3600),
            upgraded_connections: None,
            http2_streams: 128,
            connections: 50_000,
            drain_timeout: Span::from_secs(30),
        }
    }
}

/// The one rule for paths: what the router, the policies and the upstream see is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PathsConfig {
    /// What an encoded slash (`%2F`) is.
    pub encoded_slash: EncodedSlash,
    /// What happens to empty segments (`//`).
    pub empty_segments: EmptySegments,
}

/// What an encoded slash is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncodedSlash {
    /// Data within a segment; stays encoded.
    #[default]
    Keep,
    /// A separator, decoded before routing.
    Decode,
    /// A reason to refuse the request with 400.
    Reject,
}

/// What happens to empty segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptySegments {
    /// `//` becomes `/`.
    #[default]
    Merge,
    /// They stay.
    Keep,
}
