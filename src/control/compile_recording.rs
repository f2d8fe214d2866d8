//! From the written form of `recording` to what workers remember, and what they hide.

use std::sync::OnceLock;

use crate::control::config::Config;
use crate::proxy::recording::RecordingPlan;
use crate::telemetry::Pseudonyms;
use crate::telemetry::redaction::Redaction;

/// What the access log hides is hidden here too, and who a request is from.
pub(super) fn recording(config: &Config) -> RecordingPlan {
    RecordingPlan {
        decisions: config.recording.decisions(),
        heads: config.recording.heads(),
        redaction: redaction(config, &config.identity_headers),
        pseudonyms: pseudonyms(),
    }
}

/// What is hidden: what the configuration names, what carries credentials, and these fields.
pub(super) fn redaction(config: &Config, more: &[String]) -> Redaction {
    let (mut headers, mut parameters): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    if let Some(log) = &config.access_log {
        headers.extend(log.redact_headers.iter().map(String::as_str));
        parameters.extend(log.redact_query.iter().map(String::as_str));
    }
    for authenticator in config.authenticators.values() {
        let (header, parameter) = authenticator.hidden_names();
        headers.extend(header);
        parameters.extend(parameter);
    }
    headers.extend(more.iter().map(String::as_str));
    Redaction::compile(&headers, &parameters)
}

/// The same for every generation of this process, so that equal things stay equal.
pub fn pseudonyms() -> Pseudonyms {
    static PSEUDONYMS: OnceLock<Pseudonyms> = OnceLock::new();
    PSEUDONYMS.get_or_init(Pseudonyms::default).clone()
}
