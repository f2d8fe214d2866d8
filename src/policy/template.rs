//! Text with variables: `Bearer ${secret.key}`, `${client.address}`.
//!
//! Parsed once; secrets become literal text at compile time and are never printed again. Rendering appends
//! bytes and allocates only if the target has to grow. What is said of who is asking is put in only if it can stand in a
//! field just as it is.

use std::io::Write;

use crate::policy::exchange::Exchange;
use crate::policy::identity_text::{self, IdentityPart};
use crate::policy::scope::Scope;

/// Compiled text.
#[derive(Clone)]
pub struct Template(Vec<Part>);

#[derive(Clone)]
enum Part {
    Literal(Box<[u8]>),
    ClientAddress,
    RequestId,
    RequestHost,
    RequestPath,
    RouteName,
    Identity(IdentityPart),
    Claim(Box<str>),
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendered {
    /// It is there.
    Whole,
    /// Something that it tells of is not there. What was appended is no text.
    Missing,
    /// Something cannot stand in a field. What was appended is no text.
    Unfit,
}

const VARIABLES: &str = "client.address, request.id, request.host, request.path, route.name, secret.NAME, claim.PATH, \
                         identity.subject, .tenant, .plan, .scopes, .roles, .authenticator, .method, .key_id, .token_id, .session";

impl Template {
    /// Parses `text`; problems go to `scope` under `path`.
    pub fn parse(text: &str, path: &str, scope: &mut Scope<'_>) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            parts.push(Part::Literal(rest.as_bytes()[..start].into()));
            let after = &rest[start + 2..];
            let Some(end) = after.find('}') else {
                scope.problem(path, "`${` without `}`", "close the variable: `${request.id}`");
                return Self(parts);
            };
            parts.extend(variable(&after[..end], path, scope));
            rest = &after[end + 1..];
        }
        parts.push(Part::Literal(rest.as_bytes().into()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Self(parts)
    }

    /// The text, if it has no variables.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match &self.0[..] {
            [] => Some(b""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text for this exchange.
    pub fn render(&self, exchange: &Exchange, out: &mut Vec<u8>) -> Rendered {
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                // Writing to a vector cannot fail.
                Part::ClientAddress => drop(write!(out, "{}", exchange.client.0)),
                Part::RequestId => out.extend_from_slice(&exchange.request_id),
                Part::RequestHost => out.extend_from_slice(exchange.host.as_bytes()),
                Part::RequestPath => out.extend_from_slice(&exchange.path),
                Part::RouteName => out.extend_from_slice(exchange.route().as_bytes()),
                Part::Identity(part) => match part.render(exchange, out) {
                    Rendered::Whole => {}
                    other => return other,
                },
                Part::Claim(path) => match identity_text::claim(exchange, path, out) {
                    Rendered::Whole => {}
                    other => return other,
                },
            }
        }
        Rendered::Whole
    }
}

fn variable(name: &str, path: &str, scope: &mut Scope<'_>) -> Option<Part> {
    let part = match name {
        "client.address" => Part::ClientAddress,
        "request.id" => Part::RequestId,
        "request.host" => Part::RequestHost,
        "request.path" => Part::RequestPath,
        "route.name" => Part::RouteName,
        _ if name.starts_with("identity.") => match IdentityPart::named(&name["identity.".len()..]) {
            Some(part) => Part::Identity(part),
            None => return unknown(name, path, scope),
        },
        _ if name.len() > "claim.".len() && name.starts_with("claim.") => {
            Part::Claim(name["claim.".len()..].into())
        }
        _ => match name.strip_prefix("secret.").map(|secret| scope.secret(secret)) {
            Some(Some(secret)) => Part::Literal(secret.expose().as_bytes().into()),
            Some(None) => {
                scope.problem(path, format!("there is no secret `{name}`"), "add it under `secrets:`");
                return None;
            }
            None => return unknown(name, path, scope),
        },
    };
    Some(part)
}

fn unknown(name: &str, path: &str, scope: &mut Scope<'_>) -> Option<Part> {
    let hint = format!("the variables are {VARIABLES}");
    scope.problem(path, format!("there is no variable `{name}`"), &hint);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;
    use crate::net::addr::PeerAddr;

    fn parsed(text: &str) -> (Template, Vec<String>) {
        let secrets = |name: &str| (name == "key").then(|| Secret::new(String::from("s3cret")));
        let mut scope = Scope::new(&secrets);
        let template = Template::parse(text, "value", &mut scope);
        (template, scope.problems.into_iter().map(|problem| problem.reason).collect())
    }

    #[test]
    fn puts_in_secrets_and_what_the_exchange_knows() {
        let (template, problems) = parsed("k=${secret.key}; from ${client.address} ${request.path}");
        assert_eq!(problems, Vec::<String>::new());
        let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
        exchange.path = b"/a".to_vec();
        let mut out = Vec::new();
        template.render(&exchange, &mut out);
        assert_eq!(out, b"k=s3cret; from 192.0.2.1 /a");
    }

    #[test]
    fn names_what_it_does_not_know() {
        assert_eq!(parsed("${secret.nope}").1, ["there is no secret `secret.nope`"]);
        assert_eq!(parsed("${nope}").1, ["there is no variable `nope`"]);
        assert_eq!(parsed("a ${request.id").1, ["`${` without `}`"]);
    }

    #[test]
    fn text_without_variables_is_literal() {
        assert_eq!(parsed("plain").0.as_literal(), Some(&b"plain"[..]));
        assert_eq!(parsed("${secret.key}").0.as_literal(), Some(&b"s3cret"[..]));
        assert!(parsed("${request.id}").0.as_literal().is_none());
    }
}
