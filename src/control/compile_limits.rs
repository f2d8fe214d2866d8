//! What a client may send, when requests are turned away, and how paths are read, from the written forms to plans.

use std::time::Duration;

use crate::control::config::{Config, EmptySegments, EncodedSlash, LimitsConfig, PathsConfig};
use crate::http::h1::parse::HeadLimits;
use crate::proxy::snapshot::{Limits, SheddingPlan};
use crate::route::path::{self, PathRules};

/// The one rule for paths.
pub fn path_rules(config: PathsConfig) -> PathRules {
    PathRules {
        encoded_slash: match config.encoded_slash {
            EncodedSlash::Keep => path::EncodedSlash::Keep,
            EncodedSlash::Decode => path::EncodedSlash::Decode,
            EncodedSlash::Reject => path::EncodedSlash::Reject,
        },
        merge_slashes: config.empty_segments == EmptySegments::Merge,
    }
}

pub(super) fn shedding(config: &Config) -> SheddingPlan {
    let written = config.shedding.as_ref();
    SheddingPlan {
        target_nanos: written.map(|it| it.target.duration().as_nanos() as u64),
        pause: written.map_or(Duration::ZERO, |it| it.pause.duration()),
    }
}

pub(super) fn limits(config: &LimitsConfig) -> Limits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        head: HeadLimits {
            head_bytes: size(config.head_bytes.bytes()),
            target_bytes: size(config.target_bytes.bytes().min(config.head_bytes.bytes())),
            field_count: usize::from(config.header_count),
        },
        body_bytes: config.body_bytes.map(|limit| limit.bytes()),
        head_timeout: config.head_timeout.duration(),
        body_timeout: config.body_timeout.duration(),
        write_timeout: config.write_timeout.duration(),
        keepalive_timeout: config.keepalive_timeout.duration(),
        keepalive_requests: config.keepalive_requests,
        half_close_grace: config.half_close_grace.duration(),
        tunnel_idle_timeout: config.tunnel_idle_timeout.duration(),
        upgraded_connections: config.upgraded_connections.map_or(i64::MAX, i64::from),
        http2_streams: config.http2_streams,
        connections: config.connections,
        drain_timeout: config.drain_timeout.duration(),
    }
}
