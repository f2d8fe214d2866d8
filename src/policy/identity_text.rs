//! What is said of who is asking, as text for a field.
//!
//! Only what a field carries as it is: no control characters, no blanks at either end, bounded. A list whose elements could
//! not be told apart again is none. Whoever can choose a name must not be able to choose two, or end a line.

use serde_json::Value;

use crate::policy::exchange::Exchange;
use crate::policy::principal::Principal;
use crate::policy::template::Rendered;

/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 4 * 1024;

/// What is said of who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityPart {
    /// Who.
    Subject,
    /// Whose.
    Tenant,
    /// What they have booked.
    Plan,
    /// What they may ask for, with blanks between.
    Scopes,
    /// What they are, with commas between.
    Roles,
    /// Who knows them.
    Authenticator,
    /// How.
    Method,
    /// Name of an API key, or fingerprint of a certificate.
    KeyId,
    /// The token's own name.
    TokenId,
    /// The session's.
    Session,
}

const NAMES: [(&str, IdentityPart); 10] = [
    ("subject", IdentityPart::Subject),
    ("tenant", IdentityPart::Tenant),
    ("plan", IdentityPart::Plan),
    ("scopes", IdentityPart::Scopes),
    ("roles", IdentityPart::Roles),
    ("authenticator", IdentityPart::Authenticator),
    ("method", IdentityPart::Method),
    ("key_id", IdentityPart::KeyId),
    ("token_id", IdentityPart::TokenId),
    ("session", IdentityPart::Session),
];

impl IdentityPart {
    /// The part of this name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }

    /// Appends it.
    pub fn render(self, exchange: &Exchange, out: &mut Vec<u8>) -> Rendered {
        let all = || exchange.principals.iter();
        match self {
            Self::Scopes => list(all().flat_map(|one| &one.scopes).map(|one| &**one), b' ', out),
            Self::Roles => list(all().flat_map(|one| &one.roles).map(|one| &**one), b',', out),
            _ => match all().find_map(|one| self.text(one)) {
                Some(text) => push(text, out),
                None => Rendered::Missing,
            },
        }
    }

    fn text(self, principal: &Principal) -> Option<&str> {
        match self {
            Self::Subject => Some(&principal.subject),
            Self::Tenant => principal.tenant.as_deref(),
            Self::Plan => principal.plan.as_deref(),
            Self::Authenticator => Some(&principal.authenticator),
            Self::Method => Some(principal.method.name()),
            Self::KeyId => principal.key_id.as_deref(),
            Self::TokenId => principal.token_id.as_deref(),
            Self::Session => principal.session.as_deref(),
            Self::Scopes | Self::Roles => None,
        }
    }
}

/// Appends a claim: text, a number, a truth, or a list of text with commas between.
pub fn claim(exchange: &Exchange, path: &str, out: &mut Vec<u8>) -> Rendered {
    let value = exchange.principals.iter().find_map(|one| one.claim(path));
    match value {
        None | Some(Value::Null) => Rendered::Missing,
        Some(Value::String(text)) => push(text, out),
        Some(Value::Bool(truth)) => push(if *truth { "true" } else { "false" }, out),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => push(itoa::Buffer::new().format(whole), out),
            (None, Some(whole)) => push(itoa::Buffer::new().format(whole), out),
            (None, None) => push(&number.to_string(), out),
        },
        Some(Value::Array(elements)) if elements.iter().all(Value::is_string) => {
            list(elements.iter().filter_map(Value::as_str), b',', out)
        }
        Some(Value::Array(_) | Value::Object(_)) => Rendered::Unfit,
    }
}

fn push(text: &str, out: &mut Vec<u8>) -> Rendered {
    let bytes = text.as_bytes();
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let is_fit = bytes.len() <= VALUE_BYTES_MAX
        && !bytes.iter().any(|byte| *byte < 0x20 || *byte == 0x7f)
        && !is_blank(bytes.first())
        && !is_blank(bytes.last());
    match (bytes.is_empty(), is_fit) {
        (true, _) => Rendered::Missing,
        (false, false) => Rendered::Unfit,
        (false, true) => {
            out.extend_from_slice(bytes);
            Rendered::Whole
        }
    }
}

fn list<'a>(elements: impl Iterator<Item = &'a str>, between: u8, out: &mut Vec<u8>) -> Rendered {
    let before = out.len();
    for element in elements {
        if element.bytes().any(|byte| byte == between) {
            return Rendered::Unfit;
        }
        if out.len() > before {
            out.push(between);
        }
        match push(element, out) {
            Rendered::Whole if out.len() - before <= VALUE_BYTES_MAX => {}
            _ => return Rendered::Unfit,
        }
    }
    if out.len() == before { Rendered::Missing } else { Rendered::Whole }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::net::addr::PeerAddr;
    use crate::policy::principal::Method;

    fn asking(scopes: &[&str], claims: Value) -> Exchange {
        let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
        let mut principal = Principal::new("tokens", Method::Jwt, "ann");
        principal.scopes = scopes.iter().map(|&scope| scope.into()).collect();
        principal.claims = claims.as_object().cloned().unwrap_or_default();
        exchange.principals.push(Rc::new(principal));
        exchange
    }

    fn rendered(exchange: &Exchange, path: &str) -> Result<String, Rendered> {
        let mut out = Vec::new();
        match claim(exchange, path, &mut out) {
            Rendered::Whole => Ok(String::from_utf8(out).expect("text")),
            other => Err(other),
        }
    }

    #[test]
    fn values_that_a_field_cannot_carry_are_left_out_whole() {
        let exchange = asking(
            &[],
            json!({
                "text": "a b", "accent": "Zoë", "number": 7, "huge": u64::MAX, "part": 1.5, "truth": true, "list": ["a", "b"],
                "crlf": "a\r\nX-Admin: 1", "nul": "a\u{0}", "blank": " a", "tab": "a\t", "comma": ["a,b"], "mixed": ["a", 1],
                "object": {"a": 1}, "null": null, "empty": "", "none": [], "long": "x".repeat(VALUE_BYTES_MAX + 1),
                "newline": ["a", "b\n"], "hole": ["a", ""]
            }),
        );
        for (path, text) in [
            ("text", "a b"),
            ("accent", "Zoë"),
            ("number", "7"),
            ("huge", "18446744073709551615"),
            ("part", "1.5"),
            ("truth", "true"),
            ("list", "a,b"),
            ("object.a", "1"),
        ] {
            assert_eq!(rendered(&exchange, path), Ok(text.to_owned()), "{path}");
        }
        for path in ["crlf", "nul", "blank", "tab", "comma", "mixed", "object", "long", "newline", "hole"] {
            assert_eq!(rendered(&exchange, path), Err(Rendered::Unfit), "{path}");
        }
        for path in ["null", "empty", "none", "missing"] {
            assert_eq!(rendered(&exchange, path), Err(Rendered::Missing), "{path}");
        }
    }

    #[test]
    fn a_scope_with_a_blank_is_not_two() {
        let mut out = Vec::new();
        assert_eq!(IdentityPart::Scopes.render(&asking(&["a", "b"], json!({})), &mut out), Rendered::Whole);
        assert_eq!(out, b"a b");
        assert_eq!(IdentityPart::Scopes.render(&asking(&["a admin"], json!({})), &mut out), Rendered::Unfit);
        assert_eq!(IdentityPart::Tenant.render(&asking(&[], json!({})), &mut out), Rendered::Missing);
    }
}
