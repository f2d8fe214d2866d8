//! Clients by signed tokens: JWT (RFC 7519) in compact form, as RFC 8725 and RFC 9068 want them checked.
//!
//! A token that was verified is remembered, so that a repeat costs a hash and no allocation. Another one is split, its
//! header read strictly, its signature verified with a key of the issuer, and only then are its claims looked at. A key that
//! is not known is asked of control, which fetches at most once in a while, for tokens alone that say they are the issuer's.

pub mod algorithm;
pub mod base64url;
pub mod claims;
pub mod config;
pub mod json;
pub mod jwk;
pub mod keys;
pub mod memory;
pub mod pem;
pub mod place;
pub mod plan;
pub mod reason;
mod rsa;
pub mod signing;
pub mod source;
pub mod token;
pub mod verify;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::live::Live;
use crate::policy::principal::Principal;
use crate::policy::question::{Answer, Question, Questions};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::AuthMetrics;

use config::JwtConfig;
use keys::KeySet;
use memory::Memory;
use plan::{JwtPlan, Newer};
use reason::Reason;

/// How long a token without an end is remembered.
const REMEMBERED_MAX_S: u64 = 3600;

/// Between two questions of a worker about keys that are not known. Control has a longer pause between fetches; this one
/// keeps strangers from filling its queue.
const QUIET_MS: u64 = 1_000;

/// The running authenticator.
pub struct Jwt {
    plan: Frozen<JwtPlan>,
    keys: Live<KeySet>,
    memory: Rc<RefCell<Memory>>,
    questions: Rc<Questions>,
    metrics: Slot<AuthMetrics>,
    /// Until when control is not asked again for a key that is not known.
    quiet_until_ms: Cell<u64>,
}

/// Why nobody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Because(Reason),
    /// No keys, or perhaps not the newest.
    NoKeys,
}

impl Authenticates for Jwt {
    type Config = JwtConfig;
    type Plan = JwtPlan;

    fn compile(config: &JwtConfig, name: &str, scope: &mut Scope<'_>) -> JwtPlan {
        JwtPlan::compile(config, name, scope)
    }

    fn start(plan: Frozen<JwtPlan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let keys = Live::new(plan.keys.clone());
        // What was verified by other rules counts for nothing.
        let memory = match previous.filter(|previous| previous.plan.rules == plan.rules) {
            Some(previous) => previous.memory.clone(),
            None => Rc::new(RefCell::new(Memory::new(plan.remember))),
        };
        memory.borrow_mut().resize(plan.remember);
        memory.borrow_mut().keep_what_is_of(&keys.get());
        let metrics = ground.registry.authenticator(&plan.name, ground.bench.worker);
        let questions = ground.bench.questions.clone();
        Self { plan, keys, memory, questions, metrics, quiet_until_ms: Cell::new(0) }
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        let candidate = match self.plan.place.find(exchange) {
            Ok(None) => return Found::Absent,
            Err(place::Repeated) => return self.refuse(Refusal::Because(Reason::Repeated)),
            Ok(Some(candidate)) => candidate,
        };
        if self.keys.refresh() {
            self.memory.borrow_mut().keep_what_is_of(&self.keys.get());
        }
        let is_in_query = candidate.is_in_query;
        let found = match self.recall(&candidate.text) {
            Some(principal) => Found::Known(principal),
            // Apart, so that the usual way stays small.
            None => Box::pin(self.meet(&candidate.text)).await,
        };
        match found {
            // What this one does not know may be another authenticator's: it stays.
            Found::Known(_) if !self.plan.forwards => self.plan.place.take_out(exchange),
            Found::Known(_) if is_in_query => self.plan.place.take_out_of_query(exchange),
            _ => {}
        }
        found
    }

    fn challenge(&self, found: &Found) -> Option<String> {
        let realm = &self.plan.realm;
        // RFC 6750 3.1: a request without credentials is told no error.
        let error = match found {
            Found::Invalid(Code::TokenRepeated) => {
                ", error=\"invalid_request\", error_description=\"more than one token\""
            }
            Found::Invalid(Code::TokenExpired) => {
                ", error=\"invalid_token\", error_description=\"the token has expired\""
            }
            Found::Invalid(_) => {
                ", error=\"invalid_token\", error_description=\"the token is not valid here\""
            }
            _ => "",
        };
        Some(format!("Bearer realm=\"{realm}\"{error}"))
    }
}

impl Jwt {
    #[inline]
    fn recall(&self, text: &[u8]) -> Option<Rc<Principal>> {
        let mut memory = self.memory.borrow_mut();
        let principal = memory.recall(text, clock::wall_ms() / 1000)?;
        self.metrics.remembered.add(1);
        Some(principal.clone())
    }

    /// A token that is not remembered.
    async fn meet(&self, text: &[u8]) -> Found {
        let refusal = match self.verify(text) {
            Ok(principal) => return Found::Known(principal),
            Err(refusal) => refusal,
        };
        let key_id = match refusal {
            Refusal::NoKeys => Box::default(),
            Refusal::Because(Reason::Key) => match self.plan.missing_key(text, clock::wall_seconds()) {
                Some(key_id) => key_id,
                None => return self.refuse(refusal),
            },
            Refusal::Because(_) => return self.refuse(refusal),
        };
        match self.ask_for_keys(key_id).await {
            Asked::Newest if self.keys.get().is_known() => match self.verify(text) {
                Ok(principal) => Found::Known(principal),
                Err(refusal) => self.refuse(refusal),
            },
            Asked::Newest | Asked::Unavailable => self.refuse(Refusal::NoKeys),
            Asked::NotAgain => self.refuse(refusal),
        }
    }

    /// Verifies a token and remembers it.
    fn verify(&self, text: &[u8]) -> Result<Rc<Principal>, Refusal> {
        let keys = self.keys.get();
        if !keys.is_known() {
            return Err(Refusal::NoKeys);
        }
        let now_s = clock::wall_seconds();
        let verified = self.plan.verify(text, &keys, now_s).map_err(Refusal::Because)?;
        let principal = Rc::new(verified.principal);
        let end_s = principal
            .expires_s
            .map_or(now_s + REMEMBERED_MAX_S, |end_s| end_s.saturating_add(self.plan.checks.leeway_s));
        self.memory.borrow_mut().remember(text, &principal, end_s, verified.thumbprint, verified.algorithm);
        Ok(principal)
    }

    async fn ask_for_keys(&self, kid: Box<str>) -> Asked {
        let Some(Newer { source, wait }) = &self.plan.newer else { return Asked::NotAgain };
        let has_keys = self.keys.get().is_known();
        if has_keys && clock::coarse_ms() < self.quiet_until_ms.get() {
            return Asked::NotAgain;
        }
        let question = Question::KeySet { source: source.clone(), kid };
        let answer = self.questions.ask(question, *wait).await;
        if self.keys.refresh() {
            self.memory.borrow_mut().keep_what_is_of(&self.keys.get());
        }
        match answer {
            Some(Answer::KeySet(true)) => {
                self.quiet_until_ms.set(clock::coarse_ms() + QUIET_MS);
                Asked::Newest
            }
            _ => Asked::Unavailable,
        }
    }

    fn refuse(&self, refusal: Refusal) -> Found {
        if let Refusal::Because(reason) = refusal {
            self.metrics.reasons[reason as usize].add(1);
        }
        match refusal {
            Refusal::NoKeys => Found::Unavailable(Code::KeysUnavailable),
            Refusal::Because(Reason::Repeated) => Found::Invalid(Code::TokenRepeated),
            Refusal::Because(Reason::Expired) => Found::Invalid(Code::TokenExpired),
            Refusal::Because(_) => Found::Invalid(Code::TokenInvalid),
        }
    }
}

/// What came of asking for newer keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The keys at hand are the newest there are.
    Newest,
    /// That cannot be told.
    Unavailable,
    /// It was asked a moment ago.
    NotAgain,
}

#[cfg(test)]
mod tests;
