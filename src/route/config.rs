//! The written form of a route: what it matches and how its request is rewritten.
//!
//! Shapes only. Patterns are compiled by `route::plan`, names are resolved by `control::check`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a request must look like. An absent condition matches everything.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MatchConfig {
    /// Host names: exact (`api.example.com`) or wildcard (`*.example.com`), without port.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Exact path or pattern: `/a`, `/users/{id}`, `/files/{*rest}`. Not together with `prefix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Path prefix in whole segments: `/api` matches `/api` and `/api/x`, not `/apix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Methods. GET admits HEAD too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Request fields by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, ValueMatchConfig>,
    /// Query parameters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, ValueMatchConfig>,
    /// Cookies by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cookies: BTreeMap<String, ValueMatchConfig>,
    /// A kind of clients, one of `profiles` that is told by fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A condition on one value.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueMatchConfig {
    /// Equal, byte for byte.
    Exact(String),
    /// Begins with.
    Prefix(String),
    /// Matches this regular expression as a whole.
    Regex(String),
    /// Is there (`true`) or is absent (`false`).
    Present(bool),
}

/// How a request is changed before it goes upstream.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RewriteConfig {
    /// New path. May use captured parameters: `/v2/users/{id}`. Not together with `strip_prefix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Removed from the front of the path, in whole segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    /// Put in front of the path, after `strip_prefix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_prefix: Option<String>,
    /// New Host field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// An answer that sends the client elsewhere.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectConfig {
    /// 301, 302, 303, 307 or 308. Default: 308.
    #[serde(default = "permanent_redirect")]
    pub status: u16,
    /// Where to. May use `{scheme}`, `{host}`, `{path}`, `{query}` (with its `?`) and captured parameters.
    pub to: String,
}

fn permanent_redirect() -> u16 {
    308
}

/// An answer that the gateway gives by itself.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RespondConfig {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Body. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Content-Type of the body. Default: `text/plain; charset=utf-8`.
    #[serde(default = "plain_text")]
    pub content_type: String,
}

fn plain_text() -> String {
    "text/plain; charset=utf-8".to_owned()
}
