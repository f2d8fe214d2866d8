//! The written form of where this gateway stands.
//!
//! Shapes only. A configuration that several hosts share reads it from the environment or a file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::secret::SecretSource;

/// Where this gateway stands.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LocalityConfig {
    /// The zone, as endpoints of clusters name theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneConfig>,
}

/// The name of a zone, or where it is to be read.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ZoneConfig {
    /// The name.
    Name(String),
    /// Where it is: `{env: ZONE}`, `{file: /etc/zone}`.
    From(SecretSource),
}
