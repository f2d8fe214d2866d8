//! A policy on a route: configured, or switched off although the defaults have it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings, or `off`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Switch<T> {
    /// Not on this route, whatever the defaults say.
    Off(Off),
    /// With these settings.
    On(T),
}

/// The word `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Switched off.
    Off,
}

impl<T> Switch<T> {
    /// The settings, unless it is off.
    pub fn settings(&self) -> Option<&T> {
        match self {
            Self::Off(_) => None,
            Self::On(settings) => Some(settings),
        }
    }
}
