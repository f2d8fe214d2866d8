//! What is checked of verified claims (RFC 7519 4.1, RFC 8725 3.8 to 3.11), and who they make of the client.
//!
//! Owns no time: whoever asks says which second it is. Claims that are not known here are kept for `authorize` and for
//! templates, and decide nothing.

use serde_json::{Map, Value};

use super::reason::Reason;
use crate::policy::principal::{Method, Principal};

/// Most scopes, and most roles, that are taken of a token.
const LIST_MAX: usize = 256;
/// Seconds beyond what a double can hold exactly are no time.
const SECONDS_MAX: f64 = 9_007_199_254_740_992.0;

/// What the claims of an issuer must be.
#[derive(Debug)]
pub struct Checks {
    /// `iss`, exactly.
    pub issuer: Box<str>,
    /// One of these in `aud`. Empty for any, which is a choice.
    pub audiences: Box<[Box<str>]>,
    /// How far clocks may differ.
    pub leeway_s: u64,
    /// Whether `exp` must be there.
    pub wants_expiry: bool,
    /// What else must be there.
    pub required: Box<[Required]>,
}

/// A claim that must be there.
#[derive(Debug)]
pub struct Required {
    /// Its path.
    pub claim: Box<str>,
    /// What it, or one element of it, must be. Empty: anything but null.
    pub any_of: Box<[Value]>,
}

/// Which claims say who the client is, by path.
#[derive(Debug)]
pub struct Mapping {
    /// Who it is.
    pub subject: Box<str>,
    /// The customer.
    pub tenant: Option<Box<str>>,
    /// What is booked.
    pub plan: Option<Box<str>>,
    /// What may be asked for; the first that is there.
    pub scopes: Box<[Box<str>]>,
    /// What it is; the first that is there.
    pub roles: Box<[Box<str>]>,
    /// The session.
    pub session: Box<str>,
}

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    issued_s: Option<u64>,
    expires_s: Option<u64>,
}

impl Checks {
    /// The client that these claims speak of, `now_s` seconds after 1970.
    ///
    /// # Errors
    /// When they must not be believed: now, here, or at all.
    pub fn principal(
        &self,
        authenticator: &str,
        claims: Map<String, Value>,
        mapping: &Mapping,
        now_s: u64,
    ) -> Result<Principal, Reason> {
        self.issuer(&claims)?;
        self.audience(&claims)?;
        let times = self.times(&claims, now_s)?;
        let mut principal = Principal::new(authenticator, Method::Jwt, "");
        principal.claims = claims;
        for required in &self.required {
            if !required.is_met(principal.claim(&required.claim)) {
                return Err(Reason::Claim);
            }
        }
        mapping.fill(&mut principal)?;
        principal.issued_s = times.issued_s;
        principal.expires_s = times.expires_s;
        Ok(principal)
    }

    /// Whether something that ends then is over.
    pub const fn is_over(&self, expires_s: u64, now_s: u64) -> bool {
        now_s >= expires_s.saturating_add(self.leeway_s)
    }

    fn issuer(&self, claims: &Map<String, Value>) -> Result<(), Reason> {
        // RFC 7519 4.1.1: a case-sensitive string, and nothing is normalised.
        let is_his = claims.get("iss").and_then(Value::as_str) == Some(&self.issuer);
        if is_his { Ok(()) } else { Err(Reason::Issuer) }
    }

    fn audience(&self, claims: &Map<String, Value>) -> Result<(), Reason> {
        let is_ours = |value: &Value| {
            value.as_str().is_some_and(|text| self.audiences.iter().any(|one| **one == *text))
        };
        let is_meant = match claims.get("aud") {
            _ if self.audiences.is_empty() => true,
            Some(Value::Array(list)) => list.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if is_meant { Ok(()) } else { Err(Reason::Audience) }
    }

    fn times(&self, claims: &Map<String, Value>, now_s: u64) -> Result<Times, Reason> {
        let (expires, begins, issued) = (date(claims, "exp")?, date(claims, "nbf")?, date(claims, "iat")?);
        // A part of a second counts against the token: it ends sooner and begins later.
        let expires_s = expires.map(|seconds| seconds.floor() as u64);
        match expires_s {
            None if self.wants_expiry => return Err(Reason::Claim),
            Some(expires_s) if self.is_over(expires_s, now_s) => return Err(Reason::Expired),
            _ => {}
        }
        let latest_s = now_s.saturating_add(self.leeway_s);
        let is_early = |seconds: Option<f64>| seconds.is_some_and(|seconds| seconds.ceil() as u64 > latest_s);
        if is_early(begins) || is_early(issued) {
            return Err(Reason::Early);
        }
        Ok(Times { issued_s: issued.map(|seconds| seconds.floor() as u64), expires_s })
    }
}

/// A NumericDate (RFC 7519 2): a number, perhaps with a fraction. Text is none.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(Reason::Malformed),
        },
    }
}

impl Required {
    fn is_met(&self, value: Option<&Value>) -> bool {
        match value {
            None | Some(Value::Null) => false,
            Some(_) if self.any_of.is_empty() => true,
            Some(Value::Array(list)) => list.iter().any(|element| self.any_of.contains(element)),
            Some(value) => self.any_of.contains(value),
        }
    }
}

impl Mapping {
    fn fill(&self, principal: &mut Principal) -> Result<(), Reason> {
        principal.subject =
            text(principal, &self.subject)?.filter(|it| !it.is_empty()).ok_or(Reason::Claim)?;
        principal.tenant = optional(principal, self.tenant.as_deref())?;
        principal.plan = optional(principal, self.plan.as_deref())?;
        principal.scopes = list(principal, &self.scopes)?;
        principal.roles = list(principal, &self.roles)?;
        principal.session = text(principal, &self.session)?;
        principal.token_id = text(principal, "jti")?;
        Ok(())
    }
}

fn optional(principal: &Principal, path: Option<&str>) -> Result<Option<Box<str>>, Reason> {
    path.map_or(Ok(None), |path| text(principal, path))
}

/// A claim as text. A whole number is taken as its digits: many tenants are numbers.
fn text(principal: &Principal, path: &str) -> Result<Option<Box<str>>, Reason> {
    match principal.claim(path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string().into())),
        Some(_) => Err(Reason::Claim),
    }
}

/// The first of these that is there, as a list: words of a text (RFC 8693 4.2), or texts of a list.
fn list(principal: &Principal, paths: &[Box<str>]) -> Result<Vec<Box<str>>, Reason> {
    let Some(value) = paths.iter().find_map(|path| principal.claim(path)) else { return Ok(Vec::new()) };
    let list: Vec<Box<str>> = match value {
        Value::Null => Vec::new(),
        Value::String(words) => words.split(' ').filter(|word| !word.is_empty()).map(Into::into).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(Into::into).collect(),
        _ => return Err(Reason::Claim),
    };
    if list.len() > LIST_MAX { Err(Reason::Claim) } else { Ok(list) }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
