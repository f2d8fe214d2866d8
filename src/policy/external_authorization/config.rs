//! The written form of external authorization.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{ByteSize, Span};

/// A service that is asked about every request.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalAuthorizationConfig {
    /// The cluster that answers.
    pub cluster: String,
    /// How it is asked.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// Put in front of the request's path where it is asked over HTTP.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path_prefix: String,
    /// How long it may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Fields of the request that it is shown; `"*"` for all. Its answer should depend on nothing else.
    #[serde(default = "headers")]
    pub headers: Vec<String>,
    /// Fields of its consent that go on to the service, in place of the request's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers_to_service: Vec<String>,
    /// Fields of its refusal that go to the client, besides Content-Type, WWW-Authenticate and Location.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers_to_client: Vec<String>,
    /// Largest answer that is taken; one that is larger is none.
    #[serde(default = "body_bytes")]
    pub body_bytes: ByteSize,
    /// What becomes of a request of which it does not tell.
    #[serde(default)]
    pub on_failure: OnFailureConfig,
    /// Remembers its answers. Default: it is asked every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheConfig>,
}

/// How the service is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolConfig {
    /// With the request's own method and path, without its body. 2xx consents, 5xx is a failure, everything else refuses.
    #[default]
    Http,
    /// By `envoy.service.auth.v3.Authorization/Check`.
    Grpc,
}

/// What becomes of a request of which the service does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailureConfig {
    /// It is refused with 503.
    #[default]
    Refuse,
    /// It goes on.
    Admit,
}

/// How long answers are remembered, by all that the service was shown.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Consents.
    pub admitted: Span,
    /// Refusals.
    pub refused: Span,
    /// Answers that each worker remembers for this route.
    pub entries: u32,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { admitted: Span::from_secs(10), refused: Span::from_secs(1), entries: 1024 }
    }
}

fn timeout() -> Span {
    Span::from_millis(500)
}

fn headers() -> Vec<String> {
    vec!["authorization".to_owned()]
}

fn body_bytes() -> ByteSize {
    ByteSize::kib(16)
}
