//! The written form of `recording`: what workers remember of recent requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::switch::{Off, Switch};

/// What workers remember of recent requests. Kept in memory alone and bounded; nothing secret is kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Decision records per worker, 256 bytes each, for `ringgate explain --id`; or `off`. At most 65536.
    pub decisions: Switch<u32>,
    /// Request heads per worker, about 1 KiB each, for trying a configuration on them; or `off`. At most 4096.
    pub heads: Switch<u32>,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self { decisions: Switch::On(4096), heads: Switch::On(256) }
    }
}

/// 16 MiB a worker.
pub const DECISIONS_MAX: u32 = 65_536;
/// 4 MiB a worker, 32 MiB if every head is as large as it may be.
pub const HEADS_MAX: u32 = 4_096;

impl RecordingConfig {
    /// Nothing is remembered.
    pub fn off() -> Self {
        Self { decisions: Switch::Off(Off::Off), heads: Switch::Off(Off::Off) }
    }

    /// Decision records per worker; 0 for none.
    pub fn decisions(&self) -> usize {
        count(&self.decisions)
    }

    /// Request heads per worker; 0 for none.
    pub fn heads(&self) -> usize {
        count(&self.heads)
    }
}

fn count(switch: &Switch<u32>) -> usize {
    switch.settings().map_or(0, |count| *count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RecordingConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn either_can_be_off_or_of_another_size() {
        let sizes = |text: &str| read(text).map(|it| (it.decisions(), it.heads())).unwrap();
        assert_eq!(sizes("{}"), (4096, 256));
        assert_eq!(sizes(r#"{"decisions": "off"}"#), (0, 256));
        assert_eq!(sizes(r#"{"decisions": 10, "heads": "off"}"#), (10, 0));
        assert_eq!((RecordingConfig::off().decisions(), RecordingConfig::off().heads()), (0, 0));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [r#"{"heads": "on"}"#, r#"{"heads": -1}"#, r#"{"bodies": 1}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
