//! Admits or refuses by who is asking and what for.
//!
//! A rule is compiled once; deciding walks a small tree, allocates nothing and cannot fail. It knows only what
//! `authenticate` has found out before. The answer tells that the request is not admitted, never by which part of
//! the rule; `ringgate explain` does.

mod compile;
mod config;
mod number;
mod operand;
mod rule;
mod tell;

use self::compile::Compiler;
pub use self::config::{ClaimConfig, RuleConfig, Scalar, TestConfig};
use self::operand::View;
use self::rule::{Rule, Scopes};
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::principal::Method;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::rt::clock;
use crate::shared::frozen::Frozen;

/// A compiled rule.
pub struct AuthorizePlan {
    rule: Rule,
    /// True if it asks what time it is.
    asks_time: bool,
}

/// The running policy.
pub struct Authorize(Frozen<AuthorizePlan>);

impl Policy for Authorize {
    type Config = RuleConfig;
    type Plan = AuthorizePlan;

    fn compile(config: &RuleConfig, scope: &mut Scope<'_>) -> AuthorizePlan {
        AuthorizePlan::at(config, "", scope)
    }

    fn start(plan: Frozen<AuthorizePlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self(plan)
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        match self.0.refusal(exchange) {
            None => Verdict::Continue,
            Some(reply) => Verdict::Reply(reply),
        }
    }
}

impl AuthorizePlan {
    /// A rule that another policy asks. Problems are told below `path`.
    pub fn at(config: &RuleConfig, path: &str, scope: &mut Scope<'_>) -> Self {
        let mut compiler = Compiler::new(scope);
        let rule = compiler.rule(config, path, 0);
        Self { rule, asks_time: compiler.asks_time }
    }

    /// Whether it is known to hold.
    pub fn holds(&self, exchange: &Exchange) -> bool {
        self.rule.holds(&self.view(exchange), Scopes::Held) == Some(true)
    }

    /// The answer to whoever is not admitted.
    fn refusal(&self, exchange: &Exchange) -> Option<Reply> {
        let view = self.view(exchange);
        if self.rule.holds(&view, Scopes::Held) == Some(true) {
            return None;
        }
        if exchange.principals.is_empty() {
            // RFC 6750 3: without credentials there is nothing to be said about them.
            let challenge = "Bearer".to_owned();
            return Some(Reply::new(Code::CredentialsMissing).with("WWW-Authenticate", challenge));
        }
        Some(if self.rule.holds(&view, Scopes::Granted) == Some(true) {
            self.insufficient(&view)
        } else {
            Reply::new(Code::Forbidden)
        })
    }

    /// RFC 6750 3.1: more scopes are all that is missing. Other credentials than bearer tokens have no such challenge.
    fn insufficient(&self, view: &View<'_>) -> Reply {
        let reply = Reply::new(Code::InsufficientScope);
        let is_bearer = |method| matches!(method, Method::Jwt | Method::Opaque);
        if !view.exchange.principals.iter().any(|one| is_bearer(one.method)) {
            return reply;
        }
        let mut lacking = Vec::new();
        self.rule.lacking(view, &mut lacking);
        let mut seen: Vec<&str> = Vec::new();
        lacking.retain(|name| !seen.contains(name) && (seen.push(name), true).1);
        reply.with(
            "WWW-Authenticate",
            format!(r#"Bearer error="insufficient_scope", scope="{}""#, lacking.join(" ")),
        )
    }

    fn view<'a>(&self, exchange: &'a Exchange) -> View<'a> {
        View { exchange, now_s: if self.asks_time { clock::wall_ms() / 1_000 } else { 0 } }
    }

    /// How the rule comes out for this exchange, a line for each part.
    pub fn tell(&self, exchange: &Exchange, out: &mut String) {
        tell::tell(&self.rule, &self.view(exchange), 0, out);
    }
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
