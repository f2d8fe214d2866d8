//! The written form of `shadow`: which requests are copied, to where, and what of the answers is compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{ByteSize, Share, Span};

/// Copies of a route's requests, for a service that is to be tried. Their answers go to nobody.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowConfig {
    /// The cluster that gets them.
    pub cluster: String,
    /// Share of the requests that is copied. Default: `100%`.
    #[serde(default)]
    pub share: Share,
    /// Methods of requests that are copied. Default: those that change nothing (GET, HEAD, OPTIONS, TRACE, QUERY).
    /// Name others only where the cluster may be asked twice for the same thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Largest request body that is copied; requests with a larger one are not. At most 128KiB.
    #[serde(default = "body_bytes")]
    pub body_bytes: ByteSize,
    /// How long an answer may take, and that of the route's own cluster with which it is compared.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Copies in flight, for the whole gateway: each worker has its part, one at least. Beyond, requests are not
    /// copied.
    #[serde(default = "max_in_flight")]
    pub max_in_flight: u32,
    /// Share of its time that a worker may be busy; beyond, requests are not copied. Default: `90%`.
    #[serde(default = "busy_max")]
    pub busy_max: Share,
    /// Fields that copies do not carry, such as `authorization`. Default: none is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<String>,
    /// What of both answers is compared. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareConfig>,
}

/// What of two answers is compared: always the status, and of answers with the same status what is written here.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompareConfig {
    /// Fields of the answers that must be equal, such as `content-type`. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Largest body that is compared, at most 256KiB; `0B` compares none. JSON is compared by what it says, anything else
    /// byte by byte.
    pub body_bytes: ByteSize,
    /// Places in JSON that may differ, as JSON pointers: `/id`, `/items/*/updated`, `/**/request_id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Whether the operator's listener shows values that differ, as far as they are no secrets, or where and of which
    /// kind they are alone. Default: where alone.
    pub show_values: bool,
}

impl Default for CompareConfig {
    fn default() -> Self {
        Self { headers: Vec::new(), body_bytes: ByteSize::kib(32), ignore: Vec::new(), show_values: false }
    }
}

fn body_bytes() -> ByteSize {
    ByteSize::kib(16)
}

fn timeout() -> Span {
    Span::from_secs(5)
}

fn max_in_flight() -> u32 {
    100
}

fn busy_max() -> Share {
    Share::percent(90)
}
