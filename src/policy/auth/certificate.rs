//! The certificate that a TLS client has proved to be its own.

use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::principal::{Method, Principal};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::shared::frozen::Frozen;

/// Clients by their certificates.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateConfig {}

/// Compiled.
pub struct CertificatePlan {
    name: Box<str>,
}

/// The running authenticator.
pub struct Certificate(Frozen<CertificatePlan>);

impl Authenticates for Certificate {
    type Config = CertificateConfig;
    type Plan = CertificatePlan;

    fn compile(_config: &CertificateConfig, name: &str, _scope: &mut Scope<'_>) -> CertificatePlan {
        CertificatePlan { name: name.into() }
    }

    fn start(plan: Frozen<CertificatePlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self(plan)
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        let Some(certificate) = &exchange.client_certificate else { return Found::Absent };
        if certificate.subject.is_empty() {
            return Found::Invalid(Code::CertificateUnknown);
        }
        Found::Known(Rc::new(Principal::new(&self.0.name, Method::Certificate, &certificate.subject)))
    }

    fn challenge(&self, _found: &Found) -> Option<String> {
        None
    }
}
