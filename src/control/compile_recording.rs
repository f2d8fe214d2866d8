//! From the written form of `recording` to what workers remember, and what they hide.

use std::sync::OnceLock;

use crate::control::config::Config;
use crate::policy::auth::AuthenticatorConfig;
use crate::proxy::recording::RecordingPlan;
use crate::telemetry::Pseudonyms;
use crate::telemetry::redaction::Redaction;

/// What the access log hides is hidden here too, and who a request is from.
pub(super) fn recording(config: &Config) -> RecordingPlan {
    let log = config.access_log.as_ref();
    let hidden = log.map_or(&[][..], |log| &log.redact_headers).iter().chain(&config.identity_headers);
    let headers: Vec<&str> = hidden.map(String::as_str).chain(credential_headers(config)).collect();
    let parameters: Vec<&str> = log.iter().flat_map(|log| &log.redact_query).map(String::as_str).collect();
    RecordingPlan {
        decisions: config.recording.decisions(),
        heads: config.recording.heads(),
        redaction: Redaction::compile(&headers, &parameters),
        pseudonyms: pseudonyms(),
    }
}

/// Fields that authenticators read credentials from, whatever they are called.
pub(super) fn credential_headers(config: &Config) -> impl Iterator<Item = &str> {
    config.authenticators.values().filter_map(|authenticator| match authenticator {
        AuthenticatorConfig::Jwt(jwt) => jwt.from.header.as_deref(),
        AuthenticatorConfig::ApiKey(api_key) => api_key.header.as_deref(),
        _ => None,
    })
}

/// The same for every generation of this process, so that equal things stay equal.
pub fn pseudonyms() -> Pseudonyms {
    static PSEUDONYMS: OnceLock<Pseudonyms> = OnceLock::new();
    PSEUDONYMS.get_or_init(Pseudonyms::default).clone()
}
