//! Who is asking, as it is given on the command line, and how the rules of a route come out for them.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::policy::exchange::Exchange;
use crate::policy::principal::{Method, Principal};
use crate::policy::table::PolicyPlan;
use crate::proxy::snapshot::RoutePlan;

/// Authenticator of somebody who is given.
const GIVEN: &str = "given";
/// Subject of somebody of whom everything else is given.
const SOMEBODY: &str = "somebody";

/// Somebody who asks.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// Who.
    pub subject: Option<String>,
    /// Whose.
    pub tenant: Option<String>,
    /// What they have booked.
    pub plan: Option<String>,
    /// What they may ask for.
    pub scopes: Vec<String>,
    /// What they are.
    pub roles: Vec<String>,
    /// What else is said of them.
    pub claims: Map<String, Value>,
}

impl Asker {
    /// Somebody, if anything of them is given.
    pub fn principal(&self) -> Option<Principal> {
        let names = [&self.subject, &self.tenant, &self.plan];
        let is_nobody = names.iter().all(|name| name.is_none())
            && self.scopes.is_empty()
            && self.roles.is_empty()
            && self.claims.is_empty();
        if is_nobody {
            return None;
        }
        let claim = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let subject = self.subject.as_deref().or_else(|| claim("sub")).unwrap_or(SOMEBODY);
        let mut principal = Principal::new(GIVEN, Method::Jwt, subject);
        principal.tenant = self.tenant.as_deref().map(Into::into);
        principal.plan = self.plan.as_deref().map(Into::into);
        principal.roles = self.roles.iter().map(|role| role.as_str().into()).collect();
        principal.scopes = self.scopes.iter().flat_map(|list| list.split(' ')).map(Into::into).collect();
        if principal.scopes.is_empty() {
            principal.scopes =
                claim("scope").into_iter().flat_map(|list| list.split(' ')).map(Into::into).collect();
        }
        let seconds = |name: &str| self.claims.get(name).and_then(Value::as_u64);
        (principal.issued_s, principal.expires_s) = (seconds("iat"), seconds("exp"));
        principal.token_id = claim("jti").map(Into::into);
        principal.session = claim("sid").map(Into::into);
        principal.claims = self.claims.clone();
        Some(principal)
    }
}

/// Tells who was found to be asking, and how the route's rule came out for them, part by part.
pub(super) fn tell(out: &mut String, plan: &RoutePlan, exchange: &Exchange) {
    for (at, principal) in exchange.principals.iter().enumerate() {
        let label = if at == 0 { "asking" } else { "" };
        let of = principal.tenant.as_ref().map_or_else(String::new, |tenant| format!(" of {tenant}"));
        let by = match &*principal.authenticator {
            GIVEN => String::new(),
            name => format!(", by {name} ({})", principal.method.name()),
        };
        let _ = writeln!(out, "{label:<12}{}{of}{by}", principal.subject);
    }
    for policy in &plan.policies {
        if let PolicyPlan::Authorize(rule) = policy {
            let _ = writeln!(out, "authorize");
            rule.tell(exchange, out);
        }
    }
}
