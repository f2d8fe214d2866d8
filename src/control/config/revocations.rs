//! The written form of revocations: where lists of credentials are that are good no more.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;

/// Where lists are of credentials that are good no more, besides what the admin API was told. A list has a line for each:
/// `token ID`, `session ID`, `key ID`, `subject NAME`, or `subject NAME UNIX-SECONDS` for what was issued up to then.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationsConfig {
    /// Files, relative to this one; read again within a second or two of a change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// URLs, asked with If-None-Match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Between two questions to a URL.
    pub poll: Span,
}

impl Default for RevocationsConfig {
    fn default() -> Self {
        Self { files: Vec::new(), urls: Vec::new(), poll: Span::from_secs(10) }
    }
}
