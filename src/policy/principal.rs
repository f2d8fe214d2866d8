//! Who is asking, once that is known.

use serde_json::{Map, Value};

/// How somebody has shown who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A signed token (RFC 7519).
    Jwt,
    /// A token that its issuer was asked about (RFC 7662).
    Opaque,
    /// A key of an application.
    ApiKey,
    /// A name and a password (RFC 7617).
    Basic,
    /// The certificate of a TLS client.
    Certificate,
}

impl Method {
    /// As records, templates and `explain` tell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Opaque => "introspection",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
            Self::Certificate => "certificate",
        }
    }
}

/// Somebody who has shown who they are. Never holds a credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// The authenticator that knows them, by its name in the configuration.
    pub authenticator: Box<str>,
    /// How.
    pub method: Method,
    /// Who it is, as the authenticator calls them; never empty.
    pub subject: Box<str>,
    /// The customer they belong to.
    pub tenant: Option<Box<str>>,
    /// What that customer has booked, or the tier of a key.
    pub plan: Option<Box<str>>,
    /// What they, or the application they use, may ask for (RFC 6749 3.3).
    pub scopes: Vec<Box<str>>,
    /// What they are.
    pub roles: Vec<Box<str>>,
    /// The token's own name (`jti`).
    pub token_id: Option<Box<str>>,
    /// The session it belongs to (`sid`).
    pub session: Option<Box<str>>,
    /// The name of an API key, or the fingerprint of a certificate.
    pub key_id: Option<Box<str>>,
    /// When the credential was made, in seconds since 1970.
    pub issued_s: Option<u64>,
    /// When it ends, in seconds since 1970.
    pub expires_s: Option<u64>,
    /// Everything else that is said of them.
    pub claims: Map<String, Value>,
}

impl Principal {
    /// Somebody of whom nothing but the name is known.
    pub fn new(authenticator: &str, method: Method, subject: &str) -> Self {
        Self {
            authenticator: authenticator.into(),
            method,
            subject: subject.into(),
            tenant: None,
            plan: None,
            scopes: Vec::new(),
            roles: Vec::new(),
            token_id: None,
            session: None,
            key_id: None,
            issued_s: None,
            expires_s: None,
            claims: Map::new(),
        }
    }

    /// A claim by its path: names with dots between them, `realm_access.roles`. A claim whose own name has dots is found
    /// by that name.
    pub fn claim(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.claims.get(path) {
            return Some(value);
        }
        let (first, rest) = path.split_once('.')?;
        rest.split('.').try_fold(self.claims.get(first)?, |value, name| value.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_found_by_path_and_by_names_with_dots() {
        let mut principal = Principal::new("a", Method::Jwt, "s");
        let claims = serde_json::json!({"org": {"id": 7}, "https://x.example/role": "admin"});
        principal.claims = claims.as_object().cloned().expect("an object");
        assert_eq!(principal.claim("org.id"), Some(&Value::from(7)));
        assert_eq!(principal.claim("https://x.example/role"), Some(&Value::from("admin")));
        assert_eq!((principal.claim("org.name"), principal.claim("id")), (None, None));
    }
}
