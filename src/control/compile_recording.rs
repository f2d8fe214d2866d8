//! From the written form of `recording` to what workers remember, and what they hide.

use std::sync::OnceLock;

use crate::control::config::Config;
use crate::proxy::recording::RecordingPlan;
use crate::telemetry::Pseudonyms;
use crate::telemetry::redaction::Redaction;

/// What the access log hides is hidden here too, and who a request is from.
pub(super) fn recording(config: &Config) -> RecordingPlan {
    let log = config.access_log.as_ref();
    let hidden = log.map_or(&[][..], |log| &log.redact_headers).iter().chain(&config.identity_headers);
    let headers: Vec<&String> = hidden.collect();
    let parameters: Vec<&String> = log.iter().flat_map(|log| &log.redact_query).collect();
    RecordingPlan {
        decisions: config.recording.decisions(),
        heads: config.recording.heads(),
        redaction: Redaction::compile(&headers, &parameters),
        pseudonyms: pseudonyms(),
    }
}

/// The same for every generation of this process, so that equal things stay equal.
pub fn pseudonyms() -> Pseudonyms {
    static PSEUDONYMS: OnceLock<Pseudonyms> = OnceLock::new();
    PSEUDONYMS.get_or_init(Pseudonyms::default).clone()
}
