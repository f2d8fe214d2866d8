//! The written form of a JWT authenticator.
//!
//! Shapes and defaults only; `plan` finds what does not fit together.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use crate::config::units::{ByteSize, Span};
use crate::upstream::config::ClusterTlsConfig;

/// Clients by signed tokens (JWT) of one issuer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// What `iss` must be, exactly.
    pub issuer: String,
    /// One of these must be in `aud`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Takes tokens for whomever they were issued. Only for an issuer whose tokens are for this gateway alone.
    #[serde(default)]
    pub any_audience: bool,
    /// Where the keys are that verify the signatures.
    pub keys: JwtKeysConfig,
    /// How tokens may be signed. Default: as the keys say they are for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<Algorithm>,
    /// How keys are fetched, where they have an address.
    #[serde(default)]
    pub fetch: KeyFetchConfig,
    /// Where a request has its token. Default: `Authorization: Bearer`.
    #[serde(default)]
    pub from: TokenPlaceConfig,
    /// What `typ` may be, without regard to case and `application/`. Default: `at+jwt`, `JWT` or nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Whether `typ` may be missing. Default: yes, unless there are `types`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untyped: Option<bool>,
    /// Whether `exp` must be there.
    #[serde(default = "yes")]
    pub require_expiry: bool,
    /// How far the issuer's clock may differ. At most 10m.
    #[serde(default = "leeway")]
    pub leeway: Span,
    /// Claims that must be there, and what they must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_claims: Vec<RequiredClaimConfig>,
    /// Which claims say who the client is.
    #[serde(default)]
    pub claims: ClaimsConfig,
    /// Longest token. At most 64KiB.
    #[serde(default = "token_bytes")]
    pub token_bytes: ByteSize,
    /// How many verified tokens a worker remembers, so that they need not be verified again. At most 100000; 0 for none.
    #[serde(default = "remember")]
    #[schemars(range(min = 0, max = 100_000))]
    pub remember: u32,
    /// Whether the token goes on to the service. A token from the query never does.
    #[serde(default = "yes")]
    pub forward: bool,
    /// What challenges call the protected space (RFC 9110 11.5). Default: the authenticator's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JwtKeysConfig {
    /// At the address that the issuer's own description names: `ISSUER/.well-known/openid-configuration`.
    Discovery,
    /// A JWK set at this address.
    JwksUrl(String),
    /// A JWK set in this file, relative to the configuration's folder. Read again when it changes.
    JwksFile(PathBuf),
    /// Public keys or certificates in these PEM files, relative to the configuration's folder.
    Pem(Vec<PathBuf>),
    /// Public keys or certificates in PEM, written here.
    PemText(String),
    /// A shared secret, by its name under `secrets:`; for HS256, HS384 and HS512.
    Secret(String),
    /// Several shared secrets, for changing from one to another.
    Secrets(Vec<String>),
}

/// How keys are fetched.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyFetchConfig {
    /// How long a set is good for, where its server does not say (Cache-Control, Expires). 60s to 1d, as is what the
    /// server says.
    pub lifetime: Span,
    /// Between two fetches because of a key that is not known. 1s to 1h.
    pub cool_down: Span,
    /// How long a request waits for such a fetch. At most 10s.
    pub wait: Span,
    /// Whether a set may come without TLS from another host. Whoever is in between can then let anybody in.
    pub plain_http: bool,
    /// How the server of the keys is verified. Default: against the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClusterTlsConfig>,
}

impl Default for KeyFetchConfig {
    fn default() -> Self {
        Self {
            lifetime: Span::from_secs(300),
            cool_down: Span::from_secs(30),
            wait: Span::from_secs(2),
            plain_http: false,
            tls: None,
        }
    }
}

/// Where a request has its token. Several places may be looked at; a token in more than one of them is refused.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenPlaceConfig {
    /// In this header field. Default: `Authorization`, where neither `cookie` nor `query` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The word in front of it. Default: `Bearer` in `Authorization`, none in other fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// In the cookie of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// In the query parameter of this name. It is taken out before the request goes on, and is not logged. Addresses are
    /// kept by browsers and proxies: only where there is no other way, and never for long-lived tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// A claim that must be there.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequiredClaimConfig {
    /// Its name, or a path with dots: `realm_access.roles`.
    pub claim: String,
    /// What it, or one element of a list, must be. Default: anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<ClaimValueConfig>,
}

/// A value of a claim.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ClaimValueConfig {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
}

/// Which claims say who the client is: names, or paths with dots.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimsConfig {
    /// Who it is. Must be there.
    pub subject: String,
    /// The customer. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What the customer has booked. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Scopes: words or a list. Default: `scope`, else `scp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// Roles: words or a list. Default: `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<String>,
    /// The session.
    pub session: String,
}

impl Default for ClaimsConfig {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            tenant: None,
            plan: None,
            scopes: None,
            roles: None,
            session: "sid".to_owned(),
        }
    }
}

fn yes() -> bool {
    true
}

fn leeway() -> Span {
    Span::from_secs(60)
}

fn token_bytes() -> ByteSize {
    ByteSize::kib(8)
}

fn remember() -> u32 {
    4096
}
