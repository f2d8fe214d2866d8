//! Who asks the operator's listener, and what they may do: a bearer token (RFC 6750 2.1) or a client's certificate.
//!
//! Compares digests, all of them each time, so that the time it takes tells neither length nor prefix nor which token
//! came close. Owns no connection and answers nothing.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use super::tls::Identity;
use crate::config::secret::Environment;
use crate::control::config::AdminConfig;
use crate::control::config::admin::{CertificateRoleConfig, Role, UNNAMED};

/// The author of what somebody does who did not have to say who they are.
const NOBODY: &str = "local";

/// Who may do what.
#[derive(Debug, Clone, Default)]
pub struct Access {
    tokens: Vec<Token>,
    /// Some where certificates are asked for.
    certificates: Option<Vec<CertificateRoleConfig>>,
}

#[derive(Debug, Clone)]
struct Token {
    name: String,
    digest: [u8; 32],
    role: Role,
}

/// How somebody said who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Not at all, and nobody asked.
    Nothing,
    /// With a token, which no browser sends by itself.
    Token,
    /// With a certificate, which a browser may show by itself.
    Certificate,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Author in history and audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How that is known.
    pub means: Means,
}

/// Why nobody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Neither a token nor a certificate was shown.
    Nothing,
    /// A token that is none of ours, or several.
    Wrong,
}

impl Access {
    /// Reads the tokens that a configuration names.
    ///
    /// # Errors
    /// A sentence, when one cannot be read.
    pub fn read(config: &AdminConfig, environment: &Environment) -> Result<Self, String> {
        let names = config.tokens.iter().map(|token| (token.name.as_str(), token.role));
        let unnamed = config.token.iter().map(|_| (UNNAMED, Role::Write));
        let mut access = Self::default();
        for ((name, role), (path, source)) in unnamed.chain(names).zip(config.secrets()) {
            let secret = source.read(environment).map_err(|error| format!("{path}: {}", error.reason))?;
            access = access.with_token(name, secret.expose(), role);
        }
        access.certificates = config.client_certificates.as_ref().map(|clients| clients.roles.clone());
        Ok(access)
    }

    /// With one more token.
    #[must_use]
    pub fn with_token(mut self, name: &str, value: &str, role: Role) -> Self {
        let digest = Sha256::digest(value.as_bytes()).into();
        self.tokens.push(Token { name: name.to_owned(), digest, role });
        self
    }

    /// Whether nobody has to say who they are.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.certificates.is_none()
    }

    /// Who sends these fields over a connection with this certificate.
    pub fn identify(&self, headers: &HeaderMap, certificate: Option<&Identity>) -> Result<Caller, Unknown> {
        if self.is_open() {
            return Ok(Caller { name: NOBODY.to_owned(), role: Role::Write, means: Means::Nothing });
        }
        if headers.contains_key(AUTHORIZATION) {
            let token = bearer(headers).and_then(|value| self.token(value)).ok_or(Unknown::Wrong)?;
            return Ok(Caller { name: token.name.clone(), role: token.role, means: Means::Token });
        }
        certificate.and_then(|identity| self.holder(identity)).ok_or(Unknown::Nothing)
    }

    fn token(&self, value: &[u8]) -> Option<&Token> {
        let digest: [u8; 32] = Sha256::digest(value).into();
        let differs = |token: &Token| token.digest.iter().zip(digest).fold(0, |all, (a, b)| all | (a ^ b));
        // To the last one, whichever it is.
        self.tokens.iter().fold(None, |found, token| {
            if std::hint::black_box(differs(token)) == 0 { Some(token) } else { found }
        })
    }

    fn holder(&self, identity: &Identity) -> Option<Caller> {
        let fits = |rule: &&CertificateRoleConfig| {
            rule.subject.as_ref().is_some_and(|subject| *subject == identity.subject)
                || rule.san.as_ref().is_some_and(|san| identity.names.contains(san))
        };
        let rule = self.certificates.as_ref()?.iter().find(fits)?;
        let name = rule.subject.clone().or_else(|| rule.san.clone())?;
        Some(Caller { name, role: rule.role, means: Means::Certificate })
    }
}

/// Two fields are as good as none: which one would count?
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, credentials) = field.as_bytes().split_first_chunk::<7>()?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| credentials.trim_ascii())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn access() -> Access {
        Access::default().with_token("ci", "s3cret", Role::Read).with_token("ops", "0pen", Role::Write)
    }

    fn asked(fields: &[&str]) -> Result<Caller, Unknown> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        access().identify(&headers, None)
    }

    #[test]
    fn a_token_tells_name_and_role() {
        let ci = Caller { name: "ci".to_owned(), role: Role::Read, means: Means::Token };
        assert_eq!(asked(&["Bearer s3cret"]), Ok(ci.clone()));
        assert_eq!(asked(&["bearer  s3cret"]), Ok(ci));
        assert_eq!(asked(&["Bearer 0pen"]).unwrap().role, Role::Write);
    }

    #[test]
    fn nothing_like_a_token_is_one() {
        assert_eq!(asked(&[]), Err(Unknown::Nothing));
        for fields in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer s3cre"],
            &["Bearer s3cret1"],
            &["Bearer S3CRET"],
            &["Basic s3cret"],
            &["s3cret"],
            &["Bearer s3cret", "Bearer s3cret"],
            &["Bearer s3cret", "Bearer 0pen"],
        ] {
            assert_eq!(asked(fields), Err(Unknown::Wrong), "{fields:?}");
        }
    }

    #[test]
    fn a_certificate_is_good_for_what_its_rule_says() {
        let rule = |subject: Option<&str>, san: Option<&str>, role| CertificateRoleConfig {
            subject: subject.map(str::to_owned),
            san: san.map(str::to_owned),
            role,
        };
        let rules = vec![rule(Some("CN=a"), None, Role::Write), rule(None, Some("b.example"), Role::Read)];
        let access = Access { certificates: Some(rules), ..Access::default() };
        let holder = |subject: &str, names: &[&str]| {
            let identity = Identity {
                subject: subject.to_owned(),
                names: names.iter().map(|&name| name.to_owned()).collect(),
            };
            access.identify(&HeaderMap::new(), Some(&identity)).map(|caller| (caller.name, caller.role))
        };
        assert_eq!(holder("CN=a", &[]), Ok(("CN=a".to_owned(), Role::Write)));
        assert_eq!(holder("CN=x", &["y", "b.example"]), Ok(("b.example".to_owned(), Role::Read)));
        for (subject, names) in [("CN=ab", &[][..]), ("", &[]), ("CN=b.example", &["CN=a"])] {
            assert_eq!(holder(subject, names), Err(Unknown::Nothing), "{subject} {names:?}");
        }
        // A wrong token beside a good certificate is an attempt, not a slip.
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        let identity = Identity { subject: "CN=a".to_owned(), names: Vec::new() };
        assert_eq!(access.identify(&headers, Some(&identity)), Err(Unknown::Wrong));
    }
}
