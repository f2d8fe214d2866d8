//! Tells browsers which pages of other origins may use a route (Fetch 3.2, the CORS protocol).
//!
//! Answers preflights by itself, before anybody is asked who they are: a preflight carries no credentials. Adds its
//! fields to every answer that passes it, the gateway's own refusals included, so that a page can read its 401 or
//! 429; what the service says under these names is dropped. Keeps nobody out: that is what the browser does.

mod origins;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::origins::Origins;
use crate::config::units::Span;
use crate::http::field::{FieldId, Fields, IdSet};
use crate::http::head::RequestHead;
use crate::http::is_token;
use crate::http::method::Method;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// What pages of other origins may do.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins as browsers send them: `https://app.example.com`, `https://*.example.com` for every host below,
    /// `http://localhost:*` for every port, `*` for all, and `null` for pages without one.
    #[schemars(length(min = 1))]
    pub allow_origins: Vec<String>,
    /// Methods that pages may use; `*` for all. GET, HEAD and plain POST need no leave. Default: GET, HEAD and POST.
    #[serde(default = "methods")]
    pub allow_methods: Vec<String>,
    /// Request fields that pages may set; `*` for all but Authorization, which is always to be named. Default: none
    /// but those that need no leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// Response fields that pages may read besides the harmless ones; `*` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// Lets requests carry cookies and client certificates. Goes with no `*` anywhere.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight.
    #[serde(default = "max_age")]
    pub max_age: Span,
    /// Lets pages from public networks reach this gateway in a private one.
    #[serde(default)]
    pub private_network: bool,
}

fn methods() -> Vec<String> {
    ["GET", "HEAD", "POST"].map(str::to_owned).to_vec()
}

fn max_age() -> Span {
    Span::from_secs(600)
}

/// What browsers are told, ready to be written.
pub struct CorsPlan {
    origins: Origins,
    methods: Box<str>,
    headers: Box<str>,
    expose: Box<str>,
    max_age: Box<str>,
    credentials: bool,
    private_network: bool,
}

/// What an answer to a preflight depends on.
const PREFLIGHT_VARY: &[&str] =
    &["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"];
/// Every response field of the protocol begins so.
const PREFIX: &[u8] = b"access-control-";

/// The running policy.
pub struct Cors(Frozen<CorsPlan>);

impl Policy for Cors {
    type Config = CorsConfig;
    type Plan = CorsPlan;

    fn compile(config: &CorsConfig, scope: &mut Scope<'_>) -> CorsPlan {
        let origins = Origins::compile(&config.allow_origins).unwrap_or_else(|errors| {
            for (at, reason, hint) in errors {
                scope.problem(format!("allow_origins[{at}]"), reason, hint);
            }
            Origins::default()
        });
        if config.allow_origins.is_empty() {
            scope.problem("allow_origins", "no origin is admitted", "name one, or write `cors: off`");
        }
        for (key, list) in [
            ("allow_methods", &config.allow_methods),
            ("allow_headers", &config.allow_headers),
            ("expose_headers", &config.expose_headers),
        ] {
            check_tokens(key, list, scope);
        }
        if config.credentials {
            check_credentials(config, scope);
        }
        CorsPlan {
            origins,
            methods: config.allow_methods.join(", ").into(),
            headers: config.allow_headers.join(", ").into(),
            expose: config.expose_headers.join(", ").into(),
            max_age: config.max_age.duration().as_secs().to_string().into(),
            credentials: config.credentials,
            private_network: config.private_network,
        }
    }

    fn start(plan: Frozen<CorsPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self(plan)
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        exchange.is_preflight = asked_method(exchange).is_some();
        let Exchange { request, cors_origin, .. } = exchange;
        cors_origin.clear();
        let mut origins = request.fields.all(FieldId::Origin);
        // RFC 6454 7.3: never more than one line. Whoever sends two is no browser.
        if let (Some(origin), None) = (origins.next(), origins.next())
            && self.0.origins.admits(origin)
        {
            cors_origin.extend_from_slice(origin);
        }
        match (exchange.is_preflight, exchange.cors_origin.is_empty()) {
            (false, _) => Verdict::Continue,
            (true, true) => Verdict::Reply(Reply::new(Code::OriginDenied)),
            (true, false) => Verdict::Answer(204),
        }
    }

    async fn on_response(&self, exchange: &mut Exchange) {
        let plan = &*self.0;
        let Exchange { request, response, cors_origin, is_preflight, .. } = exchange;
        let fields = &mut response.fields;
        if fields.may_have(IdSet::of(&[FieldId::Other])) {
            fields.retain(|field| !is_of_the_protocol(field.name));
        }
        let is_same_for_all = plan.origins.is_any() && !plan.credentials;
        if *is_preflight {
            add_to_vary(fields, PREFLIGHT_VARY);
        } else if !is_same_for_all {
            add_to_vary(fields, &["Origin"]);
        }
        if cors_origin.is_empty() {
            return;
        }
        fields.append(b"Access-Control-Allow-Origin", if is_same_for_all { b"*" } else { cors_origin });
        if plan.credentials {
            fields.append(b"Access-Control-Allow-Credentials", b"true");
        }
        if *is_preflight {
            plan.give_leave(request, fields);
        } else if !plan.expose.is_empty() {
            fields.append(b"Access-Control-Expose-Headers", plan.expose.as_bytes());
        }
    }
}

impl CorsPlan {
    /// What a preflight is told besides the origin. The browser holds it against what the page wants.
    fn give_leave(&self, request: &RequestHead, fields: &mut Fields) {
        fields.append(b"Access-Control-Allow-Methods", self.methods.as_bytes());
        if !self.headers.is_empty() {
            fields.append(b"Access-Control-Allow-Headers", self.headers.as_bytes());
        }
        fields.append(b"Access-Control-Max-Age", self.max_age.as_bytes());
        let asks = || request.fields.first_named(b"access-control-request-private-network") == Some(b"true");
        if self.private_network && asks() {
            fields.append(b"Access-Control-Allow-Private-Network", b"true");
        }
    }
}

/// The method that a preflight asks about (Fetch 4.8); None for any other request, an OPTIONS without Origin included.
pub fn asked_method(exchange: &Exchange) -> Option<&[u8]> {
    let request = &exchange.request;
    if request.method != Method::Options || request.fields.first(FieldId::Origin).is_none() {
        return None;
    }
    request.fields.first(FieldId::AccessControlRequestMethod)
}

fn is_of_the_protocol(name: &[u8]) -> bool {
    name.get(..PREFIX.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX))
}

/// Adds to what the answer depends on (RFC 9110 12.5.5), unless it is there or the answer depends on everything.
fn add_to_vary(fields: &mut Fields, names: &[&str]) {
    if fields.has_token(FieldId::Vary, "*") {
        return;
    }
    for name in names {
        if !fields.has_token(FieldId::Vary, name) {
            fields.append(b"Vary", name.as_bytes());
        }
    }
}

fn check_tokens(key: &str, list: &[String], scope: &mut Scope<'_>) {
    for (at, token) in list.iter().enumerate() {
        if !is_token(token.as_bytes()) {
            scope.problem(
                format!("{key}[{at}]"),
                format!("`{token}` is not a name"),
                "one name an entry, or `*`",
            );
        }
    }
}

/// Fetch 3.2.5: with credentials `*` is a name like any other, and no browser takes it for all.
fn check_credentials(config: &CorsConfig, scope: &mut Scope<'_>) {
    for (key, list) in [
        ("allow_origins", &config.allow_origins),
        ("allow_methods", &config.allow_methods),
        ("allow_headers", &config.allow_headers),
        ("expose_headers", &config.expose_headers),
    ] {
        if let Some(at) = list.iter().position(|one| one == "*") {
            let reason = "`*` does not go with `credentials`";
            scope.problem(format!("{key}[{at}]"), reason, "name them one by one, or leave `credentials` out");
        }
    }
    if let Some(at) = config.allow_origins.iter().position(|one| one == "null") {
        let reason = "any page can be one of origin `null`, so it does not go with `credentials`";
        scope.problem(format!("allow_origins[{at}]"), reason, "give the page an origin of its own");
    }
}

#[cfg(test)]
mod tests;
