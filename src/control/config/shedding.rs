//! The written form of what a worker does that cannot keep up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;

/// What a worker refuses that has more to do than it can. Classes come from the policy `priority`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SheddingConfig {
    /// How long what is ready may wait for the worker, on average. More for a tenth of a second, and requests are
    /// refused, those first that matter least. 1ms to 1s.
    pub target: Span,
    /// How long a client whose request was refused is not listened to on that connection; connections of trusted proxies
    /// and HTTP/2 excepted. Up to 1s. Without it, clients that ask again at once would cost more than they are refused for.
    pub pause: Span,
}

impl Default for SheddingConfig {
    fn default() -> Self {
        Self { target: Span::from_millis(10), pause: Span::from_millis(50) }
    }
}
