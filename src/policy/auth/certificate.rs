//! The certificate that a TLS client has proved to be its own.
//!
//! The handshake has verified it; here it is decided which of its names is the subject, whether that one is let in, and
//! what else is known of it. What came of a certificate is remembered by its fingerprint.

use std::cell::RefCell;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::tls::certificate::PeerCertificate;
use crate::policy::auth::memory::Memory;
use crate::policy::auth::pattern::Pattern;
use crate::policy::auth::traits::Traits;
use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::principal::{Method, Principal};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::rt::clock;
use crate::shared::frozen::Frozen;

/// Clients by their certificates, which the listener has to ask for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateConfig {
    /// Which name of the certificate says who it is.
    pub subject: SubjectKind,
    /// Names that are let in: `spiffe://example.org/ns/*/sa/orders`, `*.internal`. `*` stands for anything up to the next
    /// separator, `**` for anything. Default: every name that the listener's authorities vouch for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// What is known of names; the first pattern that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownName>,
}

/// Which name of the certificate says who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// The common name of the subject.
    #[default]
    CommonName,
    /// A DNS name (subjectAltName), in lower case.
    Dns,
    /// A URI (subjectAltName), as SPIFFE has it.
    Uri,
    /// An email address (subjectAltName).
    Email,
}

/// What is known of names.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownName {
    /// Pattern of names.
    pub name: String,
    /// The customer they belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What that customer has booked, as limits by plan know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What they may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Certificates whose principals a worker remembers.
const REMEMBERED_MAX: usize = 10_000;

/// Compiled.
pub struct CertificatePlan {
    name: Box<str>,
    subject: SubjectKind,
    allow: Vec<Pattern>,
    known: Vec<(Pattern, Traits)>,
}

/// The running authenticator.
pub struct Certificate {
    plan: Frozen<CertificatePlan>,
    /// None for those that are not let in.
    seen: RefCell<Memory<Option<Rc<Principal>>>>,
}

impl Authenticates for Certificate {
    type Config = CertificateConfig;
    type Plan = CertificatePlan;

    fn compile(config: &CertificateConfig, name: &str, scope: &mut Scope<'_>) -> CertificatePlan {
        let separator = config.subject.separator();
        let known = config.known.iter().map(|known| (&known.name, "known"));
        for (index, (pattern, key)) in
            config.allow.iter().map(|text| (text, "allow")).chain(known).enumerate()
        {
            if pattern.is_empty() {
                let index = if key == "known" { index - config.allow.len() } else { index };
                scope.problem(
                    format!("{key}[{index}]"),
                    "the pattern is empty",
                    "write a name, or ** for any",
                );
            }
        }
        CertificatePlan {
            name: name.into(),
            subject: config.subject,
            allow: config.allow.iter().map(|text| Pattern::new(text, separator)).collect(),
            known: config
                .known
                .iter()
                .map(|known| (Pattern::new(&known.name, separator), known.traits()))
                .collect(),
        }
    }

    fn start(plan: Frozen<CertificatePlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self { plan, seen: RefCell::new(Memory::new(REMEMBERED_MAX)) }
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        let Some(certificate) = &exchange.client_certificate else { return Found::Absent };
        // Connections outlive what was good when they began.
        if certificate.not_after_s <= clock::wall_ms() / 1000 {
            return Found::Invalid(Code::CertificateExpired);
        }
        let mut seen = self.seen.borrow_mut();
        let known = match seen.get(&certificate.fingerprint, 0) {
            Some(known) => known.clone(),
            None => {
                let known = self.plan.judge(certificate).map(Rc::new);
                seen.put(certificate.fingerprint, known.clone(), u64::MAX);
                known
            }
        };
        known.map_or(Found::Invalid(Code::CertificateUnknown), Found::Known)
    }

    fn challenge(&self, _found: &Found) -> Option<String> {
        // TLS asks for it, not HTTP.
        None
    }
}

impl CertificatePlan {
    /// Who it is, if they are let in.
    fn judge(&self, certificate: &PeerCertificate) -> Option<Principal> {
        let names: &[String] = match self.subject {
            SubjectKind::CommonName => certificate.common_name.as_slice(),
            SubjectKind::Dns => &certificate.dns,
            SubjectKind::Uri => &certificate.uris,
            SubjectKind::Email => &certificate.emails,
        };
        let is_allowed = |name: &&String| {
            self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.matches(name.as_bytes()))
        };
        let name = names.iter().find(is_allowed)?;
        let mut principal = Principal::new(&self.name, Method::Certificate, name);
        principal.key_id = Some(hex(&certificate.fingerprint).into());
        principal.issued_s = Some(certificate.not_before_s);
        principal.expires_s = Some(certificate.not_after_s);
        let known = self.known.iter().find(|(pattern, _)| pattern.matches(name.as_bytes()));
        Some(match known {
            Some((_, traits)) => traits.given_to(principal),
            None => principal,
        })
    }
}

impl SubjectKind {
    /// What parts of such names are separated by.
    fn separator(self) -> u8 {
        match self {
            Self::Uri => b'/',
            Self::Dns => b'.',
            Self::Email => b'@',
            // Names of people and machines have no parts that everybody agrees on.
            Self::CommonName => b'.',
        }
    }
}

impl KnownName {
    fn traits(&self) -> Traits {
        Traits {
            tenant: self.tenant.clone(),
            plan: self.plan.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::scope::placeholder;

    fn certificate() -> PeerCertificate {
        PeerCertificate {
            common_name: Some("orders".to_owned()),
            dns: vec!["a.b.internal".to_owned(), "orders.internal".to_owned()],
            uris: vec!["spiffe://example.org/ns/prod/sa/orders".to_owned()],
            emails: vec!["ops@example.org".to_owned()],
            fingerprint: [0xab; 32],
            not_before_s: 1,
            not_after_s: 2,
            ..PeerCertificate::default()
        }
    }

    fn judged(yaml: serde_json::Value) -> Option<Principal> {
        let config: CertificateConfig = serde_json::from_value(yaml).expect("valid");
        let mut scope = Scope::new(&placeholder);
        let plan = Certificate::compile(&config, "mesh", &mut scope);
        assert_eq!(scope.problems, Vec::new());
        plan.judge(&certificate())
    }

    #[test]
    fn the_name_that_is_let_in_is_the_subject() {
        for (written, subject) in [
            (serde_json::json!({}), Some("orders")),
            (serde_json::json!({"subject": "dns"}), Some("a.b.internal")),
            (serde_json::json!({"subject": "dns", "allow": ["*.internal"]}), Some("orders.internal")),
            (serde_json::json!({"subject": "dns", "allow": ["*.external"]}), None),
            (
                serde_json::json!({"subject": "uri", "allow": ["spiffe://example.org/ns/*/sa/orders"]}),
                Some("spiffe://example.org/ns/prod/sa/orders"),
            ),
            (serde_json::json!({"subject": "email", "allow": ["*@example.org"]}), Some("ops@example.org")),
            (serde_json::json!({"allow": ["billing"]}), None),
        ] {
            let judged = judged(written.clone());
            assert_eq!(judged.as_ref().map(|it| &*it.subject), subject, "{written}");
        }
    }

    #[test]
    fn the_first_that_fits_says_what_is_known() {
        let found = judged(serde_json::json!({"known": [
            {"name": "billing", "tenant": "b"},
            {"name": "ord*", "tenant": "t", "plan": "gold", "scopes": ["s"], "roles": ["r"]},
            {"name": "orders", "tenant": "late"},
        ]}))
        .expect("let in");
        assert_eq!((found.tenant.as_deref(), found.plan.as_deref()), (Some("t"), Some("gold")));
        assert_eq!(found.key_id.as_deref(), Some("ab".repeat(32).as_str()));
        assert_eq!(found.expires_s, Some(2));
    }
}
