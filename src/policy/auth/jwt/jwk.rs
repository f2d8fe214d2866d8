//! Keys as JSON (RFC 7517, RFC 7518 6, RFC 8037 2).
//!
//! Owns what is taken of a set: keys that verify signatures, of kinds that are known here. Others are passed over
//! (RFC 7517 5). A set that mixes public keys and shared secrets, or has a key twice, is not trusted to know what it is.

use serde_json::{Map, Value};

use super::algorithm::{Algorithm, AlgorithmSet, Family};
use super::base64url;
use super::json;
use super::keys::{Key, KeyFault, KeySet};
use super::token::KID_BYTES_MAX;

/// Most keys of a set. Large providers have fewer than ten.
pub const KEYS_MAX: usize = 100;

/// Whether shared secrets are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetric {
    /// Never from where anybody can read them.
    PassOver,
    /// From a file of one's own.
    Take,
}

/// What was read of a set.
#[derive(Debug)]
pub struct Read {
    /// What can be used.
    pub keys: KeySet,
    /// Why some cannot, for the log. Without key material.
    pub remarks: Vec<String>,
}

/// Why a set is not used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetFault {
    /// No JSON object with a list `keys`, or a name is there twice.
    #[error("this is not a JWK set: an object with a list `keys`, in which no name is there twice")]
    NotASet,
    /// More than [`KEYS_MAX`].
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
    /// Public keys and shared secrets.
    #[error("public keys and shared secrets in one set")]
    Mixed,
    /// There are keys, but none that is used.
    #[error("none of its {0} keys can be used")]
    NoneUsable(usize),
}

/// Reads a set.
///
/// # Errors
/// When nothing of it is to be trusted. The caller keeps what it has.
pub fn read(bytes: &[u8], symmetric: Symmetric) -> Result<Read, SetFault> {
    let set = json::object(bytes).map_err(|_| SetFault::NotASet)?;
    let Some(Value::Array(list)) = set.get("keys") else { return Err(SetFault::NotASet) };
    if list.len() > KEYS_MAX {
        return Err(SetFault::TooMany);
    }
    let (mut keys, mut names, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
    for (at, member) in list.iter().enumerate() {
        let read = member.as_object().map_or(Err(KeyFault::Malformed), |jwk| key(jwk, symmetric));
        if !matches!(read, Ok(None)) {
            names.push(name(member));
        }
        match read {
            Ok(Some(key)) => keys.push((key, name(member))),
            Ok(None) => {}
            Err(fault) => remarks.push(format!("{}: {fault}", called(member, at))),
        }
    }
    if keys.iter().any(is_shared) && !keys.iter().all(is_shared) {
        return Err(SetFault::Mixed);
    }
    // Two keys of one kind and one name, even if one is broken: which one is meant cannot be told (RFC 7517 4.5).
    let is_alone =
        |own: &Option<Name>| own.is_none() || names.iter().filter(|other| *other == own).count() == 1;
    let (keys, repeated): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(_, name)| is_alone(name));
    for (key, _) in repeated {
        remarks.push(format!("key `{}`: {}", shown(key.id().unwrap_or_default()), KeyFault::Repeated));
    }
    if keys.is_empty() && !list.is_empty() {
        return Err(SetFault::NoneUsable(list.len()));
    }
    let keys = keys.into_iter().map(|(key, _)| key).collect();
    Ok(Read { keys: KeySet::new(keys), remarks })
}

/// Its `kid` and `kty`.
type Name = (String, String);

fn name(member: &Value) -> Option<Name> {
    let text = |name| member.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((text("kid")?, text("kty").unwrap_or_default()))
}

fn is_shared((key, _): &(Key, Option<Name>)) -> bool {
    key.family() == Family::Shared
}

/// One key. None where it is for something else, or of a kind that is not known here.
///
/// # Errors
/// When it should be used and must not.
pub fn key(jwk: &Map<String, Value>, symmetric: Symmetric) -> Result<Option<Key>, KeyFault> {
    if !is_for_signatures(jwk)? {
        return Ok(None);
    }
    // RFC 8725 3.2: a key is for one algorithm where it says so. One that is not known here makes it unknown.
    let pinned = match text(jwk, "alg")? {
        None => None,
        Some(name) => match Algorithm::parse(name) {
            Some(algorithm) => Some(AlgorithmSet::of(&[algorithm])),
            None => return Ok(None),
        },
    };
    let Some(key) = of_kind(jwk, symmetric)? else { return Ok(None) };
    let key = key.named(text(jwk, "kid")?.filter(|id| id.len() <= KID_BYTES_MAX));
    match pinned {
        None => Ok(Some(key)),
        Some(pinned) if key.algorithms().and(pinned).is_empty() => match key.family() {
            Family::Shared => Err(KeyFault::ShortSecret { bytes: bytes(jwk, "k")?.len() }),
            _ => Err(KeyFault::Malformed),
        },
        Some(pinned) => Ok(Some(key.only(pinned))),
    }
}

fn of_kind(jwk: &Map<String, Value>, symmetric: Symmetric) -> Result<Option<Key>, KeyFault> {
    let kind = text(jwk, "kty")?.ok_or(KeyFault::Malformed)?;
    if kind != "oct" && jwk.contains_key("d") {
        return Err(KeyFault::Private);
    }
    match (kind, text(jwk, "crv")?) {
        ("RSA", _) => Key::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?).map(Some),
        ("EC", Some("P-256")) => Key::ec(Family::P256, &bytes(jwk, "x")?, &bytes(jwk, "y")?).map(Some),
        ("EC", Some("P-384")) => Key::ec(Family::P384, &bytes(jwk, "x")?, &bytes(jwk, "y")?).map(Some),
        ("OKP", Some("Ed25519")) => Key::ed25519(&bytes(jwk, "x")?).map(Some),
        ("oct", _) if symmetric == Symmetric::Take => Key::shared(&bytes(jwk, "k")?).map(Some),
        _ => Ok(None),
    }
}

/// RFC 7517 4.2, 4.3: what it is for, where it says so.
fn is_for_signatures(jwk: &Map<String, Value>) -> Result<bool, KeyFault> {
    if text(jwk, "use")?.is_some_and(|of| of != "sig") {
        return Ok(false);
    }
    match jwk.get("key_ops") {
        None => Ok(true),
        Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
        Some(_) => Err(KeyFault::Malformed),
    }
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &str) -> Result<Option<&'j str>, KeyFault> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFault::Malformed),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyFault> {
    let text = text(jwk, name)?.ok_or(KeyFault::Malformed)?;
    base64url::decode(text.as_bytes()).map_err(|_| KeyFault::Malformed)
}

fn called(member: &Value, at: usize) -> String {
    match member.get("kid").and_then(Value::as_str) {
        Some(id) => format!("key `{}`", shown(id)),
        None => format!("key {}", at + 1),
    }
}

/// A name as it may stand in a log: short, and without control characters.
fn shown(id: &str) -> String {
    id.chars().filter(|character| !character.is_control()).take(64).collect()
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
