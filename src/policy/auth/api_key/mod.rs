//! Keys of applications: a random text that its owner sends with every request.
//!
//! Only hashes of keys are kept, in files that control follows and in the gateway's own store. A worker finds the row,
//! compares in constant time and lends the principal that it has made of the row before, so that a request costs one hash
//! and no memory.

pub mod keys;
pub mod moment;
pub mod place;
pub mod text;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::live::Live;
use crate::policy::principal::{Method, Principal};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::rt::clock;
use crate::shared::Published;
use crate::shared::frozen::Frozen;
use keys::{ApiKeys, FILE_BYTES_MAX, KeyRow, Lookup, read_file};
use place::{Place, Shown};

/// Applications by keys that were given to them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeyConfig {
    /// Files of keys in YAML, `id: {hash: 'sha256:...', owner: acme}`, looked at once a second. Keys may be added by the
    /// admin API as well, if the gateway has a state folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// Field that carries the key. Default: X-API-Key, or none where `query` is given alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Scheme in front of the key, as in `Authorization: ApiKey rg_...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Query parameter that carries the key. It is taken out before the request goes on. Default: none, because what is in
    /// a URL is seen by many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Lets the field with the key go upstream.
    pub forward: bool,
}

/// Where keys come from, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySource {
    /// The authenticator.
    pub name: Box<str>,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// Compiled.
pub struct ApiKeyPlan {
    name: Box<str>,
    place: Place,
    forwards: bool,
    challenge: Option<Box<str>>,
    keys: Published<ApiKeys>,
}

/// The running authenticator.
pub struct ApiKey {
    plan: Frozen<ApiKeyPlan>,
    keys: Live<ApiKeys>,
    /// By place in the set, made when a key is first seen.
    principals: RefCell<Vec<Option<Rc<Principal>>>>,
}

const HEADER_DEFAULT: &str = "X-API-Key";

impl Authenticates for ApiKey {
    type Config = ApiKeyConfig;
    type Plan = ApiKeyPlan;

    fn compile(config: &ApiKeyConfig, name: &str, scope: &mut Scope<'_>) -> ApiKeyPlan {
        check(config, scope);
        let is_default = config.header.is_none() && config.query.is_none();
        let header = config.header.as_deref().or(is_default.then_some(HEADER_DEFAULT));
        let base = scope.around.base;
        let source = ApiKeySource {
            name: name.into(),
            files: config
                .files
                .iter()
                .map(|file| base.map_or(file.clone(), |base| base.join(file)))
                .collect(),
        };
        let mut broken = Vec::new();
        let desk = &mut scope.inputs;
        let keys = desk.now.api_keys.take(&source, &desk.previous.api_keys, || {
            // Who begins with a broken file is told at once; the keys themselves are published by their keeper.
            if base.is_some() {
                let read: Vec<_> = source.files.iter().map(|file| read(file)).collect();
                let rows = read.iter().flatten().flatten().cloned().collect();
                broken = read.into_iter().map(Result::err).collect();
                broken.push(ApiKeys::new(rows).err());
            }
            ApiKeys::default().partial()
        });
        for (index, reason) in broken.into_iter().enumerate() {
            if let Some(reason) = reason {
                let (path, reason) = match config.files.get(index) {
                    Some(file) => (format!("files[{index}]"), format!("`{}` {reason}", file.display())),
                    // All of them are right, but not together.
                    None => ("files".to_owned(), reason),
                };
                scope.problem(path, reason, "`ringgate key new` prints rows as they should be");
            }
        }
        let scheme = config.scheme.as_deref().unwrap_or_default();
        ApiKeyPlan {
            name: name.into(),
            place: Place {
                header: header.map(|name| name.as_bytes().into()),
                scheme: scheme.as_bytes().into(),
                query: config.query.as_ref().map(|name| name.as_bytes().into()),
            },
            forwards: config.forward,
            challenge: (!scheme.is_empty()).then(|| format!("{scheme} realm=\"{name}\"").into()),
            keys,
        }
    }

    fn start(plan: Frozen<ApiKeyPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        let keys = Live::new(plan.keys.clone());
        let principals = RefCell::new(vec![None; keys.get().rows().len()]);
        Self { plan, keys, principals }
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        if self.keys.refresh() {
            let mut principals = self.principals.borrow_mut();
            principals.clear();
            principals.resize(self.keys.get().rows().len(), None);
        }
        let found = match self.plan.place.look(exchange) {
            Shown::Nothing => return Found::Absent,
            Shown::Several => Found::Invalid(Code::ApiKeyMalformed),
            Shown::One(text) => self.judge(&text, clock::wall_ms() / 1000),
        };
        self.plan.place.strip_query(exchange);
        // Another authenticator may look for its own keys in the same field.
        if !self.plan.forwards && matches!(found, Found::Known(_)) {
            self.plan.place.strip_header(exchange);
        }
        found
    }

    fn challenge(&self, _found: &Found) -> Option<String> {
        // A key in a field of its own is no scheme of RFC 9110, and there is nothing to challenge with.
        self.plan.challenge.as_deref().map(str::to_owned)
    }
}

impl ApiKey {
    fn judge(&self, text: &[u8], now_s: u64) -> Found {
        let keys = self.keys.get();
        let place = match keys.find(text) {
            Lookup::Row(place) => place,
            Lookup::Mistyped | Lookup::Bad => return Found::Invalid(Code::ApiKeyMalformed),
            Lookup::Unknown if keys.is_partial() => {
                return Found::Unavailable(Code::AuthenticationUnavailable);
            }
            Lookup::Unknown => return Found::Invalid(Code::ApiKeyUnknown),
        };
        let (id, row) = &keys.rows()[place];
        if keys.is_revoked(place) {
            return Found::Invalid(Code::CredentialsRevoked);
        }
        if row.disabled {
            return Found::Invalid(Code::ApiKeyDisabled);
        }
        if row.expires.is_some_and(|expires| now_s >= expires.0) {
            return Found::Invalid(Code::ApiKeyExpired);
        }
        let mut principals = self.principals.borrow_mut();
        let Some(lent) = principals.get_mut(place) else {
            return Found::Unavailable(Code::AuthenticationUnavailable);
        };
        Found::Known(lent.get_or_insert_with(|| Rc::new(principal(&self.plan.name, id, row))).clone())
    }
}

fn principal(name: &str, id: &str, row: &KeyRow) -> Principal {
    let boxed = |text: &String| text.as_str().into();
    Principal {
        tenant: row.tenant.as_ref().map(boxed),
        plan: row.plan.as_ref().map(boxed),
        scopes: row.scopes.iter().map(boxed).collect(),
        roles: row.roles.iter().map(boxed).collect(),
        key_id: Some(id.into()),
        expires_s: row.expires.map(|expires| expires.0),
        ..Principal::new(name, Method::ApiKey, &row.owner)
    }
}

/// The rows of a file.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn read(file: &std::path::Path) -> Result<Vec<(String, KeyRow)>, String> {
    let text = super::file::read_bounded(file, FILE_BYTES_MAX)?;
    read_file(&file.display().to_string(), &text)
}

fn check(config: &ApiKeyConfig, scope: &mut Scope<'_>) {
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    for (key, name) in [("header", &config.header), ("scheme", &config.scheme)] {
        if let Some(name) = name.as_deref().filter(|name| !is_token(name)) {
            scope.problem(key, format!("`{name}` cannot be the name of a {key}"), "letters, digits and `-`");
        }
    }
    let is_authorization =
        config.header.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("authorization"));
    if is_authorization && config.scheme.is_none() {
        scope.problem("header", "`Authorization` has a scheme in front", "add `scheme: ApiKey`");
    }
    if config.scheme.is_some() && config.header.is_none() {
        scope.problem("scheme", "`scheme` is for a `header`", "add `header: Authorization`");
    }
    if config.query.as_deref() == Some("") {
        scope.problem("query", "the parameter has no name", "write api_key");
    }
}

#[cfg(test)]
mod tests;
