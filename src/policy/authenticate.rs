//! Asks who is asking, by the authenticators that the route names.
//!
//! `any_of` takes the first that knows the client; `all_of` wants every one to. Without credentials the answer is 401 with
//! a challenge of each; with bad ones too, even where credentials are optional. What is on the list of revocations is
//! refused whoever knows it.

use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::policy::auth::{Authenticator, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground};
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Who may say who is asking.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthenticateConfig {
    /// Authenticators by name, asked in this order: the first that knows the client has said who it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<String>,
    /// Authenticators that must all know the client. The first says who it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<String>,
    /// Lets requests without credentials through; `authorize` may refuse them. Bad credentials are refused all the same.
    pub optional: bool,
}

/// Compiled.
pub struct AuthenticatePlan {
    names: Vec<Box<str>>,
    wants_all: bool,
    is_optional: bool,
}

/// The running policy.
pub struct Authenticate {
    plan: Frozen<AuthenticatePlan>,
    authenticators: Vec<Rc<Authenticator>>,
    bench: Rc<Bench>,
}

/// What all of them found.
type AllFound = SmallVec<[Found; 2]>;

impl Policy for Authenticate {
    type Config = AuthenticateConfig;
    type Plan = AuthenticatePlan;

    fn compile(config: &AuthenticateConfig, scope: &mut Scope<'_>) -> AuthenticatePlan {
        let wants_all = !config.all_of.is_empty();
        if wants_all != config.any_of.is_empty() {
            scope.problem(
                "",
                "`authenticate` wants one of `any_of` and `all_of`",
                "write `any_of: [NAME]`, with names from `authenticators:`",
            );
        }
        let (key, names) = if wants_all { ("all_of", &config.all_of) } else { ("any_of", &config.any_of) };
        for (index, name) in names.iter().enumerate() {
            if let Some(known) = scope.around.authenticators
                && !known.contains_key(name)
            {
                let hint = match known.keys().map(String::as_str).collect::<Vec<_>>() {
                    names if names.is_empty() => "add it under `authenticators:`".to_owned(),
                    names => format!("there are: {}", names.join(", ")),
                };
                scope.problem(
                    format!("{key}[{index}]"),
                    format!("there is no authenticator `{name}`"),
                    &hint,
                );
            }
        }
        let names = names.iter().map(|name| name.as_str().into()).collect();
        AuthenticatePlan { names, wants_all, is_optional: config.optional }
    }

    fn start(plan: Frozen<AuthenticatePlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let authenticators =
            plan.names.iter().filter_map(|name| ground.authenticators.get(name).cloned()).collect();
        Self { plan, authenticators, bench: ground.bench.clone() }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let mut all = AllFound::new();
        for authenticator in &self.authenticators {
            let found = authenticator.identify(exchange).await;
            if let Found::Known(principal) = &found {
                if self.bench.revocations.get().has(principal) {
                    return Verdict::Reply(self.refusal(Code::CredentialsRevoked, &all));
                }
                exchange.principals.push(principal.clone());
            }
            let is_known = matches!(found, Found::Known(_));
            all.push(found);
            match (is_known, self.plan.wants_all) {
                (true, false) => return Verdict::Continue,
                // The others will not help.
                (false, true) => break,
                _ => {}
            }
        }
        self.conclude(exchange, &all)
    }
}

impl Authenticate {
    /// What follows if not the first good credentials were enough.
    fn conclude(&self, exchange: &mut Exchange, all: &AllFound) -> Verdict {
        let is_known = |found: &Found| matches!(found, Found::Known(_));
        if self.plan.wants_all && all.iter().all(is_known) && all.len() == self.authenticators.len() {
            return Verdict::Continue;
        }
        exchange.principals.clear();
        let invalid = all.iter().find_map(|found| match found {
            Found::Invalid(code) => Some(*code),
            _ => None,
        });
        let unavailable = all.iter().find_map(|found| match found {
            Found::Unavailable(code) => Some(*code),
            _ => None,
        });
        match (unavailable, invalid) {
            // It may have been the one that knows them.
            (Some(code), _) => Verdict::Reply(Reply::new(code).with("Retry-After", "5".to_owned())),
            (None, Some(code)) => Verdict::Reply(self.refusal(code, all)),
            (None, None) if self.plan.is_optional => Verdict::Continue,
            (None, None) => Verdict::Reply(self.refusal(Code::CredentialsMissing, all)),
        }
    }

    /// The answer for a reason, with a challenge of each (RFC 9110 11.6.1).
    fn refusal(&self, code: Code, all: &AllFound) -> Reply {
        let mut reply = Reply::new(code);
        let missing = Found::Absent;
        for (index, authenticator) in self.authenticators.iter().enumerate() {
            if let Some(challenge) = authenticator.challenge(all.get(index).unwrap_or(&missing)) {
                reply = reply.with("WWW-Authenticate", challenge);
            }
        }
        reply
    }
}
