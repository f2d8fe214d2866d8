//! Sets, adds and removes fields of requests and responses.
//!
//! Runs last on requests and first on responses, so it has the last word on what goes upstream. Fields that
//! frame messages or belong to one connection cannot be named: the gateway writes those itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::field::{FieldId, Fields, IdSet};
use crate::http::is_token;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::scope::Scope;
use crate::policy::template::{Rendered, Template};
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Changes to fields, for each direction.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadersConfig {
    /// Changes to the request before it goes upstream.
    pub request: FieldChanges,
    /// Changes to the response before it goes to the client.
    pub response: FieldChanges,
}

/// Changes, in the order remove, set, add. Values may use `${client.address}`, `${request.id}`,
/// `${request.host}`, `${request.path}`, `${route.name}`, `${secret.NAME}`, `${identity.NAME}` and `${claim.PATH}`. A field
/// whose value tells of something that is not there is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FieldChanges {
    /// Fields to remove.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Fields to set, replacing what is there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Fields to add to what is there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
}

/// Compiled changes.
pub struct HeadersPlan {
    request: Changes,
    response: Changes,
}

#[derive(Default)]
struct Changes {
    remove: Vec<Box<[u8]>>,
    set: Vec<(Box<[u8]>, Template)>,
    add: Vec<(Box<[u8]>, Template)>,
}

/// The running policy.
pub struct Headers {
    plan: Frozen<HeadersPlan>,
    scratch: RefCell<Vec<u8>>,
}

impl Policy for Headers {
    type Config = HeadersConfig;
    type Plan = HeadersPlan;

    fn compile(config: &HeadersConfig, scope: &mut Scope<'_>) -> HeadersPlan {
        if *config == HeadersConfig::default() {
            scope.problem(
                "",
                "nothing is changed",
                "write `request` or `response` with `set`, `add` or `remove`",
            );
        }
        HeadersPlan {
            request: changes(&config.request, "request", scope),
            response: changes(&config.response, "response", scope),
        }
    }

    fn start(plan: Frozen<HeadersPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self { plan, scratch: RefCell::default() }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let mut fields = std::mem::take(&mut exchange.request.fields);
        self.apply(&self.plan.request, exchange, &mut fields);
        exchange.request.fields = fields;
        Verdict::Continue
    }

    async fn on_response(&self, exchange: &mut Exchange) {
        let mut fields = std::mem::take(&mut exchange.response.fields);
        self.apply(&self.plan.response, exchange, &mut fields);
        exchange.response.fields = fields;
    }
}

impl Headers {
    fn apply(&self, changes: &Changes, exchange: &Exchange, fields: &mut Fields) {
        for name in &changes.remove {
            fields.remove_named(name);
        }
        for (name, value) in &changes.set {
            self.with_value(value, exchange, |value| match value {
                Some(value) => fields.set(name, value),
                // What stands there is somebody else's word for it.
                None => fields.remove_named(name),
            });
        }
        for (name, value) in &changes.add {
            self.with_value(value, exchange, |value| value.is_some_and(|value| fields.append(name, value)));
        }
    }

    /// With the value, or without where it tells of something that is not there or cannot stand in a field.
    fn with_value(&self, value: &Template, exchange: &Exchange, then: impl FnOnce(Option<&[u8]>) -> bool) {
        if let Some(literal) = value.as_literal() {
            then(Some(literal));
            return;
        }
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        let is_whole = value.render(exchange, &mut scratch) == Rendered::Whole;
        then(is_whole.then_some(&scratch[..]));
    }
}

fn changes(config: &FieldChanges, side: &str, scope: &mut Scope<'_>) -> Changes {
    for (index, name) in config.remove.iter().enumerate() {
        check_name(name, &format!("{side}.remove[{index}]"), scope);
    }
    let compile = |list: &BTreeMap<String, String>, verb: &str, scope: &mut Scope<'_>| {
        list.iter()
            .map(|(name, value)| {
                let path = format!("{side}.{verb}.{name}");
                check_name(name, &path, scope);
                check_value(value, &path, scope);
                (name.as_bytes().into(), Template::parse(value, &path, scope))
            })
            .collect()
    };
    Changes {
        remove: config.remove.iter().map(|name| name.as_bytes().into()).collect(),
        set: compile(&config.set, "set", scope),
        add: compile(&config.add, "add", scope),
    }
}

/// Says so where a field is not one to be set by configuration.
pub(super) fn check_name(name: &str, path: &str, scope: &mut Scope<'_>) {
    if !is_token(name.as_bytes()) {
        scope.problem(path, format!("`{name}` is not a field name"), "letters, digits and `-`, no colon");
    }
    use FieldId::{
        Connection, ContentLength, Host, KeepAlive, ProxyConnection, Te, Trailer, TransferEncoding,
    };
    let id = FieldId::recognise(name.as_bytes());
    if id == Host {
        scope.problem(
            path,
            "Host is not changed here",
            "use `rewrite.host` of the route or `host` of the cluster",
        );
    } else if IdSet::TELL_THE_WAY.contains(id) {
        let reason = format!("`{name}` tells the way of the request and is written by the gateway");
        scope.problem(path, reason, "leave it out; `trusted_proxies` says whose word is kept");
    } else if matches!(
        id,
        Connection
            | ContentLength
            | KeepAlive
            | ProxyConnection
            | Te
            | Trailer
            | TransferEncoding
            | FieldId::Upgrade
    ) {
        let reason = format!("`{name}` belongs to one connection and is written by the gateway");
        scope.problem(path, reason, "leave it out");
    }
}

fn check_value(value: &str, path: &str, scope: &mut Scope<'_>) {
    if value.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
        scope.problem(path, "the value has a control character", "field values are one line of text");
    }
}
