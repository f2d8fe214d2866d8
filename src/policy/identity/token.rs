//! Short-lived tokens that tell services who is asking, signed by the gateway (RFC 7519, ES256).
//!
//! Owns what is in one, and a memory of those that were made: a principal has one token for most of its life, because
//! signing costs some twenty microseconds. Bounded; what is remembered longest goes first.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use foldhash::fast::FixedState;
use serde_json::{Map, Value, json};

use super::own_keys::OwnKey;
use crate::policy::auth::jwt::base64url;
use crate::policy::principal::Principal;

/// Tokens that one route remembers on one worker. With a principal each is one or two KiB.
const REMEMBERED_MAX: usize = 1_024;
/// A token that is longer is not sent: services have limits on their heads, and it would be the request that fails.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The point, and 64 bytes in base64.
const SIGNATURE_DIGITS: usize = 87;

/// What is in the tokens of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPlan {
    /// The field it goes into.
    pub field: Box<[u8]>,
    /// What stands in front of it.
    pub scheme: &'static [u8],
    /// Who says so.
    pub issuer: Box<str>,
    /// Whom it is for.
    pub audience: Option<Box<str>>,
    /// How long it is good, in seconds.
    pub lifetime_s: u64,
    /// Claims of the principal that it has too, by the names they have in it.
    pub claims: Vec<(Box<str>, Box<str>)>,
}

/// Tokens that were made.
#[derive(Default)]
pub struct Remembered {
    tokens: HashMap<usize, Token, FixedState>,
    /// In the order in which they were made.
    order: VecDeque<usize>,
}

struct Token {
    /// Held, so that no other principal comes to lie at its address.
    _principal: Rc<Principal>,
    value: Box<[u8]>,
    /// Until when it is used.
    until_s: u64,
}

impl Remembered {
    /// The value of the token's field for a principal. The second is true if it was made now; None if there can be none.
    pub fn value(
        &mut self,
        principal: &Rc<Principal>,
        now_s: u64,
        make: impl FnOnce() -> Option<(Box<[u8]>, u64)>,
    ) -> Option<(&[u8], bool)> {
        let at = Rc::as_ptr(principal) as usize;
        let is_good = self.tokens.get(&at).is_some_and(|token| now_s < token.until_s);
        if !is_good {
            let (value, until_s) = make()?;
            let token = Token { _principal: principal.clone(), value, until_s };
            if self.tokens.insert(at, token).is_none() {
                self.order.push_back(at);
                self.make_room();
            }
        }
        self.tokens.get(&at).map(|token| (&*token.value, !is_good))
    }

    fn make_room(&mut self) {
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.tokens.remove(&oldest);
            }
        }
    }
}

impl TokenPlan {
    /// The field's value for a principal, and until when it may be used again. None if it would be too long.
    pub fn make(&self, principal: &Principal, key: &OwnKey, now_s: u64) -> Option<(Box<[u8]>, u64)> {
        // Never good for longer than what it was given for.
        let end_s = (now_s + self.lifetime_s).min(principal.expires_s.unwrap_or(u64::MAX));
        let head = json!({"alg": "ES256", "typ": "JWT", "kid": key.kid});
        let claims = Value::Object(self.claims_of(principal, now_s, end_s));
        let mut token = base64url::encode(head.to_string().as_bytes());
        token.push('.');
        token.push_str(&base64url::encode(claims.to_string().as_bytes()));
        // Before it is signed, so that somebody with too long a name does not cost a signature a request.
        if token.len() + SIGNATURE_DIGITS > TOKEN_BYTES_MAX {
            return None;
        }
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        let value = [self.scheme, token.as_bytes()].concat();
        // A quarter of its life is left for the way and for clocks that differ.
        Some((value.into(), now_s + (end_s - now_s.min(end_s)) * 3 / 4))
    }

    fn claims_of(&self, principal: &Principal, now_s: u64, end_s: u64) -> Map<String, Value> {
        let mut claims = Map::new();
        // What is said of the principal comes first: no claim of theirs replaces one of ours.
        for (name, path) in &self.claims {
            if let Some(value) = principal.claim(path) {
                claims.insert(name.to_string(), value.clone());
            }
        }
        let texts = [
            ("iss", Some(&self.issuer)),
            ("aud", self.audience.as_ref()),
            ("sub", Some(&principal.subject)),
            ("tenant", principal.tenant.as_ref()),
            ("plan", principal.plan.as_ref()),
            ("authenticator", Some(&principal.authenticator)),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                claims.insert(name.to_owned(), Value::from(&**value));
            }
        }
        let of = |list: &[Box<str>]| list.iter().map(|one| Value::from(&**one)).collect::<Vec<_>>();
        if !principal.scopes.is_empty() {
            claims.insert("scope".to_owned(), Value::from(principal.scopes.join(" ")));
        }
        if !principal.roles.is_empty() {
            claims.insert("roles".to_owned(), Value::from(of(&principal.roles)));
        }
        claims.insert("iat".to_owned(), Value::from(now_s));
        claims.insert("exp".to_owned(), Value::from(end_s));
        claims
    }
}

/// Names that the gateway writes itself.
pub const OWN_CLAIMS: [&str; 12] =
    ["iss", "aud", "sub", "tenant", "plan", "authenticator", "scope", "roles", "iat", "exp", "nbf", "jti"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::principal::Method;

    fn plan() -> TokenPlan {
        TokenPlan {
            field: b"x-gateway-token"[..].into(),
            scheme: b"",
            issuer: "ringgate".into(),
            audience: Some("orders".into()),
            lifetime_s: 60,
            claims: vec![("org".into(), "org.id".into()), ("none".into(), "none".into())],
        }
    }

    fn principal() -> Principal {
        let mut principal = Principal::new("tokens", Method::Jwt, "ann");
        principal.tenant = Some("acme".into());
        principal.scopes = vec!["a".into(), "b".into()];
        principal.claims = json!({"org": {"id": 7}, "iss": "elsewhere"}).as_object().cloned().unwrap();
        principal
    }

    #[test]
    fn a_token_verifies_by_the_published_key_and_says_who_is_asking() {
        let keys = super::super::own_keys::OwnKeys::default();
        let keys = keys.with(OwnKey::make(1).unwrap(), 1);
        let now_s = crate::rt::clock::wall_seconds();
        let (value, until_s) = plan().make(&principal(), keys.signer().unwrap(), now_s).unwrap();
        assert_eq!(until_s, now_s + 45);
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&keys.document).unwrap();
        let text = String::from_utf8(value.into()).unwrap();
        let head = jsonwebtoken::decode_header(&text).unwrap();
        let key = set.find(head.kid.as_deref().unwrap()).expect("the key is in the set");
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        rules.set_audience(&["orders"]);
        rules.set_issuer(&["ringgate"]);
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&text, &key, &rules).unwrap().claims;
        let expected = json!({
            "org": 7, "iss": "ringgate", "aud": "orders", "sub": "ann", "tenant": "acme", "authenticator": "tokens",
            "scope": "a b", "iat": now_s, "exp": now_s + 60
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_token_does_not_outlive_what_it_was_given_for() {
        let key = OwnKey::make(1).unwrap();
        let mut short = principal();
        short.expires_s = Some(1_008);
        assert_eq!(plan().make(&short, &key, 1_000).unwrap().1, 1_006);
        let mut large = principal();
        large.claims.insert("org".to_owned(), json!({"id": "x".repeat(TOKEN_BYTES_MAX)}));
        assert!(plan().make(&large, &key, 1_000).is_none());
    }

    #[test]
    fn a_principal_has_one_token_for_most_of_its_life() {
        let mut remembered = Remembered::default();
        let ann = Rc::new(principal());
        let token = |text: &str, until_s| Some((text.as_bytes().into(), until_s));
        assert_eq!(remembered.value(&ann, 0, || token("one", 45)), Some((&b"one"[..], true)));
        assert_eq!(remembered.value(&ann, 44, || token("two", 90)), Some((&b"one"[..], false)));
        assert_eq!(remembered.value(&ann, 45, || token("two", 90)), Some((&b"two"[..], true)));
        for _ in 0..2 * REMEMBERED_MAX {
            let other = Rc::new(principal());
            assert!(remembered.value(&other, 45, || token("x", 90)).is_some_and(|(_, is_new)| is_new));
        }
        assert_eq!(remembered.tokens.len(), REMEMBERED_MAX);
    }
}
