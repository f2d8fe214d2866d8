//! The way of a token from text to principal: every check, in order.
//!
//! Pure: it knows the text, the keys and the second, and nothing of requests. Cheap checks stand before the signature, and
//! everything that the token says of its owner behind it.

use super::algorithm::Algorithm;
use super::keys::{KeySet, Thumbprint};
use super::plan::JwtPlan;
use super::reason::Reason;
use super::token::{Compact, Header};
use crate::policy::principal::Principal;

/// A token that holds.
#[derive(Debug, PartialEq)]
pub struct Verified {
    /// Who it speaks of.
    pub principal: Principal,
    /// The key that has signed it.
    pub thumbprint: Thumbprint,
    /// How.
    pub algorithm: Algorithm,
}

impl JwtPlan {
    /// Verifies `text` as of `now_s` seconds after 1970.
    ///
    /// # Errors
    /// With the first reason against it.
    pub fn verify(&self, text: &[u8], keys: &KeySet, now_s: u64) -> Result<Verified, Reason> {
        if text.len() > self.token_bytes {
            return Err(Reason::TooLarge);
        }
        let token = Compact::split(text)?;
        let header = token.header()?;
        self.check_type(&header)?;
        let key = keys.verify(&token, &header, self.allowed)?;
        let claims = token.claims()?;
        let principal = self.checks.principal(&self.name, claims, &self.mapping, now_s)?;
        Ok(Verified { principal, thumbprint: *key.thumbprint(), algorithm: header.algorithm })
    }

    /// RFC 8725 3.11: a token made for something else, an ID token or a logout token, is not taken for an access token.
    fn check_type(&self, header: &Header) -> Result<(), Reason> {
        let is_expected = match &header.kind {
            None => self.takes_untyped,
            Some(kind) => self.types.contains(kind),
        };
        if is_expected { Ok(()) } else { Err(Reason::Type) }
    }

    /// The name of the key that this token wants, if everything else about it is as it should be. Whatever else a stranger
    /// sends makes nobody fetch anything.
    pub fn missing_key(&self, text: &[u8], now_s: u64) -> Option<Box<str>> {
        let token = Compact::split(text).ok()?;
        let key_id = token.header().ok()?.key_id?;
        self.checks.principal(&self.name, token.claims().ok()?, &self.mapping, now_s).ok()?;
        Some(key_id.into())
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "wycheproof_tests.rs"]
mod wycheproof;
