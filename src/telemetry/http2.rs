//! What a worker counts of its clients' HTTP/2 connections.

use crate::shared::{Counter, Gauge};

macro_rules! ends {
    ($($(#[$doc:meta])* $name:ident $label:literal;)*) => {
        /// Why an HTTP/2 connection ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Http2End { $($(#[$doc])* $name),* }

        impl Http2End {
            /// Every reason, in the order of the slots.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Short and stable.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

/// How many reasons there can be.
pub const HTTP2_END_SLOTS: usize = 24;

ends! {
    /// The client closed it, or it was reset.
    Client "client";
    /// Nothing was asked for `limits.keepalive_timeout`.
    Idle "idle";
    /// It has served `limits.keepalive_requests`.
    Requests "requests";
    /// The gateway stopped.
    Drain "drain";
    /// It did not begin in time, or not as HTTP/2 begins.
    Preface "preface";
    /// The client broke the rules of RFC 9113.
    Protocol "protocol";
    /// The codec's own bounds on what a client may make it keep.
    Calm "excessive_load";
    /// The client took nothing for too long.
    Stalled "client_stalled";
    /// The client did not answer a PING.
    Unresponsive "unresponsive";
    /// Too many requests were taken back.
    RapidReset "flood_rapid_reset";
    /// Too many SETTINGS.
    Settings "flood_settings";
    /// Too many PINGs.
    Ping "flood_ping";
    /// Too many PRIORITY frames.
    Priority "flood_priority";
    /// Too many WINDOW_UPDATEs.
    WindowUpdate "flood_window_update";
    /// A head without end.
    Continuation "flood_continuation";
    /// Too much DATA without a byte.
    EmptyData "flood_empty_data";
    /// Too many frames of unknown types.
    Unknown "flood_unknown_frames";
}

/// Of one worker.
#[derive(Debug, Default)]
pub struct Http2Metrics {
    /// Connections so far.
    pub connections: Counter,
    /// Connections open now.
    pub connections_active: Gauge,
    /// Streams so far.
    pub streams: Counter,
    /// Streams open now.
    pub streams_active: Gauge,
    /// Streams the client took back.
    pub reset_by_client: Counter,
    /// Streams the gateway cut.
    pub reset_by_gateway: Counter,
    /// Streams it refused before anything came of them.
    pub refused: Counter,
    /// Connections by why they ended.
    pub ends: [Counter; HTTP2_END_SLOTS],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_slot() {
        assert!(Http2End::ALL.len() <= HTTP2_END_SLOTS);
    }
}
