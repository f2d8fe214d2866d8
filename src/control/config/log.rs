//! The written form of what the gateway says of itself on the standard error stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::level::Level;

/// What the gateway says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Least weight of a line that is written to the standard error stream. The admin API changes it until the next start.
    pub level: LevelConfig,
}

/// Weight of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelConfig {
    /// Something does not work.
    Error,
    /// Something is not as it was meant.
    Warn,
    /// Something has happened that an operator wants to know of.
    #[default]
    Info,
    /// How it came about.
    Debug,
}

impl From<LevelConfig> for Level {
    fn from(written: LevelConfig) -> Self {
        match written {
            LevelConfig::Error => Self::Error,
            LevelConfig::Warn => Self::Warn,
            LevelConfig::Info => Self::Info,
            LevelConfig::Debug => Self::Debug,
        }
    }
}
