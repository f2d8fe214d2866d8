//! The written form of the one rule for paths.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
