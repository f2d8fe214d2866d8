//! Tells services who is asking: in fields, and in a short-lived token that the gateway signs.
//!
//! What clients send under these names is dropped on every route, before anything looks at it; that is done by
//! `proxy/prepare` with the names of all routes. A value that a field cannot carry as it is is left out whole, because half a name is
//! another name.

pub mod own_keys;
pub mod token;

use std::cell::RefCell;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::token::{OWN_CLAIMS, Remembered, TokenPlan};
use crate::config::units::Span;
use crate::http::field::FieldId;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::headers::check_name;
use crate::policy::identity::own_keys::{LIFETIME_S_MAX, OwnKeys};
use crate::policy::live::Live;
use crate::policy::scope::Scope;
use crate::policy::template::{Rendered, Template};
use crate::policy::{Policy, Verdict};
use crate::rt::clock;
use crate::shared::sharded::Slot;
use crate::shared::{Frozen, Published};
use crate::telemetry::metrics::WorkerMetrics;

/// What services are told of who is asking.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// Fields and their values, such as `"${identity.subject}"` or `"${claim.org.id}"`. One whose value is not there is left
    /// out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A token that the gateway signs. Services verify it with the keys that a route with `jwks` publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenConfig>,
}

/// A token for services.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// The field it goes into. In `Authorization` it takes the place of what the client sent, as a bearer token.
    pub header: String,
    /// Whom it is for (`aud`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Who says so (`iss`).
    pub issuer: String,
    /// How long it is good: 10s to 1h, and never longer than what the client has shown.
    pub lifetime: Span,
    /// Further claims, by the names they have in the token: `org: org.id`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            header: "X-Gateway-Token".to_owned(),
            audience: None,
            issuer: "ringgate".to_owned(),
            lifetime: Span::from_secs(60),
            claims: BTreeMap::new(),
        }
    }
}

impl IdentityConfig {
    /// Names that only the gateway may say.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        // Authorization is what authenticators read; there it is replaced, not dropped.
        let token = self.token.iter().map(|token| token.header.as_str());
        let token = token.filter(|name| !name.eq_ignore_ascii_case("authorization"));
        self.headers.keys().map(String::as_str).chain(token)
    }
}

/// Compiled.
pub struct IdentityPlan {
    fields: Vec<(Box<[u8]>, Template)>,
    token: Option<(TokenPlan, Published<OwnKeys>)>,
}

/// The running policy.
pub struct Identity {
    plan: Frozen<IdentityPlan>,
    keys: Option<Live<OwnKeys>>,
    remembered: RefCell<Remembered>,
    scratch: RefCell<Vec<u8>>,
    metrics: Slot<WorkerMetrics>,
}

impl Policy for Identity {
    type Config = IdentityConfig;
    type Plan = IdentityPlan;

    fn compile(config: &IdentityConfig, scope: &mut Scope<'_>) -> IdentityPlan {
        if *config == IdentityConfig::default() {
            scope.problem("", "nothing is told", "write `headers` or `token`");
        }
        let mut fields = Vec::new();
        for (name, value) in &config.headers {
            let path = format!("headers.{name}");
            check_name(name, &path, scope);
            if matches!(FieldId::recognise(name.as_bytes()), FieldId::Authorization | FieldId::Cookie) {
                scope.problem(&path, format!("clients show who they are in `{name}`"), "take another name");
            }
            let template = Template::parse(value, &path, scope);
            if template.as_literal().is_some() {
                scope.problem(
                    &path,
                    "the value tells nothing of who is asking",
                    "write `${identity.subject}`",
                );
            }
            fields.push((name.as_bytes().into(), template));
        }
        let token = config.token.as_ref().map(|token| {
            let inputs = &mut scope.inputs;
            let written = scope.around.own_keys.cloned().unwrap_or_default();
            let keys = inputs.now.own_keys.take(&written, &inputs.previous.own_keys, OwnKeys::default);
            (compile_token(token, scope), keys)
        });
        IdentityPlan { fields, token }
    }

    fn start(plan: Frozen<IdentityPlan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        // What the former plan has signed says the same if the plan does.
        let is_same = |one: &Self| match (&one.plan.token, &plan.token) {
            (Some((one, _)), Some((other, _))) => one == other,
            _ => false,
        };
        let remembered = previous.filter(|one| is_same(one)).map(|one| one.remembered.take());
        Self {
            keys: plan.token.as_ref().map(|(_, keys)| Live::new(keys.clone())),
            remembered: RefCell::new(remembered.unwrap_or_default()),
            scratch: RefCell::default(),
            metrics: ground.registry.worker(ground.bench.worker),
            plan,
        }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let mut fields = std::mem::take(&mut exchange.request.fields);
        let mut scratch = self.scratch.borrow_mut();
        for (name, value) in &self.plan.fields {
            scratch.clear();
            match value.render(exchange, &mut scratch) {
                Rendered::Whole => {
                    fields.set(name, &scratch);
                }
                Rendered::Missing => {}
                Rendered::Unfit => self.metrics.identity_values_left_out.add(1),
            }
        }
        exchange.request.fields = fields;
        if let (Some((plan, _)), Some(keys)) = (&self.plan.token, &self.keys) {
            self.add_token(plan, keys, exchange);
        }
        Verdict::Continue
    }
}

impl Identity {
    fn add_token(&self, plan: &TokenPlan, keys: &Live<OwnKeys>, exchange: &mut Exchange) {
        keys.refresh();
        let keys = keys.get();
        let now_s = clock::wall_ms() / 1_000;
        let Exchange { request, principals, .. } = exchange;
        // What stands there is the client's, and the service would take it for ours.
        request.fields.remove_named(&plan.field);
        let Some(principal) = principals.first() else { return };
        let mut remembered = self.remembered.borrow_mut();
        let token = remembered.value(principal, now_s, || plan.make(principal, keys.signer()?, now_s));
        match token {
            Some((value, is_new)) => {
                request.fields.set(&plan.field, value);
                let counter =
                    if is_new { &self.metrics.own_tokens_signed } else { &self.metrics.own_tokens_reused };
                counter.add(1);
            }
            None => self.metrics.identity_values_left_out.add(1),
        }
    }
}

fn compile_token(config: &TokenConfig, scope: &mut Scope<'_>) -> TokenPlan {
    check_name(&config.header, "token.header", scope);
    let lifetime_s = config.lifetime.duration().as_secs();
    if !(10..=LIFETIME_S_MAX).contains(&lifetime_s) {
        let reason = format!("a token cannot be good for {}", config.lifetime);
        scope.problem("token.lifetime", reason, "write 10s to 1h; a minute is plenty for one request");
    }
    for (name, path) in &config.claims {
        let place = format!("token.claims.{name}");
        if OWN_CLAIMS.contains(&name.as_str()) {
            scope.problem(&place, format!("`{name}` is written by the gateway"), "take another name");
        }
        if path.is_empty() || path.contains("${") {
            scope.problem(&place, format!("`{path}` is no path of a claim"), "write it as `org.id`");
        }
    }
    let is_bearer = config.header.eq_ignore_ascii_case("authorization");
    TokenPlan {
        field: config.header.as_bytes().into(),
        scheme: if is_bearer { b"Bearer " } else { b"" },
        issuer: config.issuer.as_str().into(),
        audience: config.audience.as_deref().map(Into::into),
        lifetime_s,
        claims: config
            .claims
            .iter()
            .map(|(name, path)| (name.as_str().into(), path.as_str().into()))
            .collect(),
    }
}
