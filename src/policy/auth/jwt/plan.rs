//! From the written form of a JWT authenticator to what workers run on.
//!
//! Owns finding what does not fit together: algorithms that do not go with the keys, audiences left out by mistake, bounds.
//! Keys that stand in the configuration are read here; those that control keeps current are asked for.

use std::path::Path;
use std::time::Duration;

use super::algorithm::{Algorithm, AlgorithmSet, Family};
use super::claims::{Checks, Mapping, Required};
use super::config::{ClaimValueConfig, ClaimsConfig, JwtConfig, JwtKeysConfig, TokenPlaceConfig};
use super::keys::{Key, KeySet};
use super::pem;
use super::place::{FieldPlace, Place};
use super::source::{KeySetPlace, KeySetSource, LIFETIME, check_address};
use super::token::media_type;
use crate::config::units::Span;
use crate::policy::scope::Scope;
use crate::shared::{Frozen, Published};

/// Longest leeway: beyond, a clock is wrong and not merely late.
const LEEWAY_MAX: Span = Span::from_secs(600);
const WAIT_MAX: Span = Span::from_secs(10);
const COOL_DOWN: (Span, Span) = (Span::from_secs(1), Span::from_secs(3600));
/// Longest token that may be allowed: heads are limited to about that.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;
const REMEMBER_MAX: u32 = 100_000;
/// Most bytes that are read of a PEM file.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A compiled JWT authenticator.
pub struct JwtPlan {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// What challenges call the protected space.
    pub realm: Box<str>,
    /// How tokens may be signed.
    pub allowed: AlgorithmSet,
    /// The keys.
    pub keys: Published<KeySet>,
    /// Where newer ones may be asked for.
    pub newer: Option<Newer>,
    /// Where the token is.
    pub place: Place,
    /// What claims must be.
    pub checks: Checks,
    /// Who they make of the client.
    pub mapping: Mapping,
    /// What `typ` may be, lower-cased.
    pub types: Box<[String]>,
    /// Whether it may be missing.
    pub takes_untyped: bool,
    /// Longest token.
    pub token_bytes: usize,
    /// How many are remembered.
    pub remember: usize,
    /// Whether the token goes on.
    pub forwards: bool,
    /// All it judges by: what was verified by equal rules need not be verified again.
    pub rules: String,
}

/// How newer keys are asked for.
pub struct Newer {
    /// The source, as control knows it.
    pub source: Box<str>,
    /// How long a request waits.
    pub wait: Duration,
}

impl JwtPlan {
    /// Compiles the authenticator `name`.
    pub fn compile(config: &JwtConfig, name: &str, scope: &mut Scope<'_>) -> Self {
        check(config, scope);
        let (keys, newer) = keys(config, scope);
        let rules = rules(config, name, &keys);
        let types = if config.types.is_empty() {
            vec!["at+jwt".to_owned(), "jwt".to_owned()]
        } else {
            config.types.iter().map(|kind| media_type(kind)).collect()
        };
        Self {
            name: name.into(),
            realm: config.realm.as_deref().unwrap_or(name).into(),
            allowed: allowed(config, scope),
            keys,
            newer,
            place: place(&config.from, scope),
            checks: checks(config),
            mapping: mapping(&config.claims),
            types: types.into(),
            takes_untyped: config.untyped.unwrap_or(config.types.is_empty()),
            token_bytes: usize::try_from(config.token_bytes.bytes()).unwrap_or(usize::MAX),
            remember: config.remember as usize,
            forwards: config.forward,
            rules,
        }
    }
}

/// Everything written, and the keys where they are written too: those that are fetched have their own ways.
fn rules(config: &JwtConfig, name: &str, keys: &Published<KeySet>) -> String {
    let written = JwtConfig { remember: 0, forward: false, ..config.clone() };
    let thumbprints: Vec<_> = match config.keys {
        JwtKeysConfig::Discovery | JwtKeysConfig::JwksUrl(_) | JwtKeysConfig::JwksFile(_) => Vec::new(),
        _ => keys.load().1.keys().iter().map(|key| *key.thumbprint()).collect(),
    };
    format!("{name} {written:?} {thumbprints:?}")
}

fn check(config: &JwtConfig, scope: &mut Scope<'_>) {
    if config.issuer.is_empty() {
        scope.problem("issuer", "the issuer is empty", "write what `iss` is in its tokens");
    }
    match (config.audiences.is_empty(), config.any_audience) {
        (true, false) => scope.problem(
            "audiences",
            "without `audiences`, tokens that the issuer made for other services would be taken too",
            "write what `aud` is in tokens for this gateway; `any_audience: true` if they are all for it",
        ),
        (false, true) => {
            scope.problem("any_audience", "`audiences` and `any_audience` are both there", "leave one out")
        }
        _ => {}
    }
    within(scope, "leeway", config.leeway, Span::from_secs(0), LEEWAY_MAX);
    within(scope, "fetch.wait", config.fetch.wait, Span::from_secs(0), WAIT_MAX);
    within(scope, "fetch.cool_down", config.fetch.cool_down, COOL_DOWN.0, COOL_DOWN.1);
    let (shortest, longest) = (Span::from_secs(LIFETIME.0.as_secs()), Span::from_secs(LIFETIME.1.as_secs()));
    within(scope, "fetch.lifetime", config.fetch.lifetime, shortest, longest);
    if !(1..=TOKEN_BYTES_MAX).contains(&config.token_bytes.bytes()) {
        scope.problem("token_bytes", "not within 1B and 64KiB", "8KiB is enough for nearly everybody");
    }
    if config.remember > REMEMBER_MAX {
        scope.problem("remember", "more than 100000 tokens", "each takes a few KiB on each worker");
    }
    if config.realm.as_ref().is_some_and(|realm| !is_quotable(realm)) {
        scope.problem("realm", "a realm is visible ASCII without quotes", "");
    }
}

fn within(scope: &mut Scope<'_>, path: &str, value: Span, least: Span, most: Span) {
    if value < least || value > most {
        scope.problem(path, format!("{value} is not within {least} and {most}"), "");
    }
}

fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// What the issuer may sign with; what it does not say, its keys say.
fn allowed(config: &JwtConfig, scope: &mut Scope<'_>) -> AlgorithmSet {
    let shared = AlgorithmSet::of_family(Family::Shared);
    let has_secret = matches!(config.keys, JwtKeysConfig::Secret(_) | JwtKeysConfig::Secrets(_));
    // A file of one's own may hold secrets; an address is public.
    let may_be_shared = has_secret || matches!(config.keys, JwtKeysConfig::JwksFile(_));
    let of_keys = if has_secret { shared } else { AlgorithmSet::of(Algorithm::ALL) };
    let of_keys = if may_be_shared { of_keys } else { of_keys.without(shared) };
    if config.algorithms.is_empty() {
        return of_keys;
    }
    for (index, algorithm) in config.algorithms.iter().enumerate() {
        if !of_keys.contains(*algorithm) {
            let reason = match algorithm.family() {
                Family::Shared => "needs a shared secret; with public keys anybody could sign",
                _ => "needs public keys",
            };
            scope.problem(
                format!("algorithms[{index}]"),
                format!("{} {reason}", algorithm.name()),
                "leave `algorithms` out to take what the keys are for",
            );
        }
    }
    AlgorithmSet::of(&config.algorithms).and(of_keys)
}

fn keys(config: &JwtConfig, scope: &mut Scope<'_>) -> (Published<KeySet>, Option<Newer>) {
    let place = match &config.keys {
        JwtKeysConfig::Discovery => {
            if !config.issuer.is_empty() {
                check_url(&config.issuer, "issuer", config, scope);
            }
            KeySetPlace::Discovery(config.issuer.clone())
        }
        JwtKeysConfig::JwksUrl(url) => {
            check_url(url, "keys.jwks_url", config, scope);
            KeySetPlace::Url(url.clone())
        }
        JwtKeysConfig::JwksFile(path) => {
            KeySetPlace::File(scope.around.base.unwrap_or(Path::new("")).join(path))
        }
        _ => return (Published::new(Frozen::new(KeySet::new(written_keys(config, scope)))), None),
    };
    let source = KeySetSource::new(place, &config.fetch);
    let newer = Newer { source: source.id(), wait: config.fetch.wait.duration() };
    (scope.inputs.key_set(&source), Some(newer))
}

fn check_url(url: &str, path: &str, config: &JwtConfig, scope: &mut Scope<'_>) {
    if let Err(fault) = check_address(url, config.fetch.plain_http) {
        scope.problem(path, fault.to_string(), "`fetch: {plain_http: true}` takes keys in clear");
    }
}

/// Keys that stand in the configuration or in files that belong to it.
fn written_keys(config: &JwtConfig, scope: &mut Scope<'_>) -> Vec<Key> {
    let mut keys = Vec::new();
    match &config.keys {
        JwtKeysConfig::PemText(text) => match pem::read(text.as_bytes()) {
            Ok(found) => keys.extend(found),
            Err(fault) => scope.problem("keys.pem_text", format!("this cannot be used: {fault}"), ""),
        },
        JwtKeysConfig::Pem(files) => {
            if files.is_empty() {
                scope.problem("keys.pem", "no file", "");
            }
            for (index, file) in files.iter().enumerate() {
                // Without a folder files are not to be read.
                let Some(base) = scope.around.base else { continue };
                match read_pem(&base.join(file)) {
                    Ok(found) => keys.extend(found),
                    Err(reason) => scope.problem(
                        format!("keys.pem[{index}]"),
                        format!("`{}` cannot be used: {reason}", file.display()),
                        "",
                    ),
                }
            }
        }
        JwtKeysConfig::Secret(name) => keys.extend(secret_key(name, "keys.secret", config, scope)),
        JwtKeysConfig::Secrets(names) => {
            if names.is_empty() {
                scope.problem("keys.secrets", "no secret", "");
            }
            for (index, name) in names.iter().enumerate() {
                keys.extend(secret_key(name, &format!("keys.secrets[{index}]"), config, scope));
            }
        }
        _ => {}
    }
    keys
}

fn read_pem(path: &Path) -> Result<Vec<Key>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > PEM_BYTES_MAX {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    pem::read(&text).map_err(|fault| fault.to_string())
}

fn secret_key(name: &str, path: &str, config: &JwtConfig, scope: &mut Scope<'_>) -> Option<Key> {
    let Some(secret) = scope.secret(name) else {
        scope.problem(path, format!("there is no secret `{name}`"), "add it under `secrets:`");
        return None;
    };
    let key = match Key::shared(secret.expose().as_bytes()) {
        Ok(key) => key,
        Err(fault) => {
            scope.problem(
                path,
                format!("secret `{name}`: {fault}"),
                "ringgate token keys --alg HS256 makes one",
            );
            return None;
        }
    };
    for algorithm in &config.algorithms {
        if algorithm.family() == Family::Shared && !key.algorithms().contains(*algorithm) {
            let reason = format!("secret `{name}` is too short for {} (RFC 7518 3.2)", algorithm.name());
            scope.problem(path, reason, "it must be as long as the hash");
        }
    }
    Some(key)
}

fn place(config: &TokenPlaceConfig, scope: &mut Scope<'_>) -> Place {
    let bytes = |text: &String| Box::<[u8]>::from(text.as_bytes());
    let is_default = config.cookie.is_none() && config.query.is_none();
    let authorization = is_default.then(|| "Authorization".to_owned());
    let header = config.header.clone().or(authorization);
    for (key, name) in [
        ("header", &header),
        ("scheme", &config.scheme),
        ("cookie", &config.cookie),
        ("query", &config.query),
    ] {
        if name.as_ref().is_some_and(|name| !crate::http::is_token(name.as_bytes())) {
            scope.problem(format!("from.{key}"), "this is not a name", "letters, digits, `-` and `_`");
        }
    }
    if config.scheme.is_some() && header.is_none() {
        scope.problem("from.scheme", "a scheme stands in a header, and there is none", "add `header`");
    }
    let header = header.map(|name| {
        let bearer = name.eq_ignore_ascii_case("authorization").then(|| "Bearer".to_owned());
        FieldPlace { name: bytes(&name), scheme: config.scheme.clone().or(bearer).as_ref().map(bytes) }
    });
    Place { header, cookie: config.cookie.as_ref().map(bytes), query: config.query.as_ref().map(bytes) }
}

fn checks(config: &JwtConfig) -> Checks {
    let required = config.required_claims.iter().map(|required| Required {
        claim: required.claim.as_str().into(),
        any_of: required.any_of.iter().map(value).collect(),
    });
    Checks {
        issuer: config.issuer.as_str().into(),
        audiences: config.audiences.iter().map(|audience| audience.as_str().into()).collect(),
        leeway_s: config.leeway.duration().as_secs(),
        wants_expiry: config.require_expiry,
        required: required.collect(),
    }
}

fn value(written: &ClaimValueConfig) -> serde_json::Value {
    match written {
        ClaimValueConfig::Flag(flag) => (*flag).into(),
        ClaimValueConfig::Number(number) => (*number).into(),
        ClaimValueConfig::Text(text) => text.as_str().into(),
    }
}

fn mapping(claims: &ClaimsConfig) -> Mapping {
    let one = |path: &Option<String>| path.as_ref().map(|path| path.as_str().into());
    let or = |path: &Option<String>, usual: &[&str]| match path {
        Some(path) => [path.as_str().into()].into(),
        None => usual.iter().map(|&path| path.into()).collect(),
    };
    Mapping {
        subject: claims.subject.as_str().into(),
        tenant: one(&claims.tenant),
        plan: one(&claims.plan),
        scopes: or(&claims.scopes, &["scope", "scp"]),
        roles: or(&claims.roles, &["roles"]),
        session: claims.session.as_str().into(),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
