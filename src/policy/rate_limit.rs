//! How often: limits by client, identity, route or whatever a request says, one number for the whole gateway.
//!
//! Names limits of `rate_limits:`. What they are and how workers share them is in [`rate`](crate::policy::rate); this is the
//! policy that asks them once it is known who is asking, and that tells the client how it stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::rate::admission::{Gate, Refusal};
use crate::policy::rate::fields::{Names, Stands, Told};
use crate::policy::rate::plan::LimitPlan;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Which limits hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitConfig {
    /// Limits by their names under `rate_limits`. All must admit a request; one that is refused by one costs nothing at the others.
    pub limits: Vec<String>,
    /// What responses say of them.
    pub headers: HeadersTold,
}

/// What responses say of limits.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadersTold {
    /// `RateLimit` and `RateLimit-Policy`, as the IETF drafts them.
    pub draft: bool,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, of the limit of which the least is left.
    pub legacy: bool,
}

impl Default for HeadersTold {
    fn default() -> Self {
        Self { draft: true, legacy: false }
    }
}

/// Compiled.
pub struct RateLimitPlan {
    limits: Vec<LimitPlan>,
    told: Told,
}

/// The running policy.
pub struct RateLimit {
    gate: Gate,
    names: Names,
    told: Told,
}

impl Policy for RateLimit {
    type Config = RateLimitConfig;
    type Plan = RateLimitPlan;

    fn compile(config: &RateLimitConfig, scope: &mut Scope<'_>) -> RateLimitPlan {
        RateLimitPlan::compile(config, scope)
    }

    fn start(plan: Frozen<RateLimitPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        Self::new(&plan, ground)
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        self.decide(exchange, LATE).await
    }

    async fn on_response(&self, exchange: &mut Exchange) {
        self.tell(exchange, LATE);
    }
}

/// Which of the two policies it is: what they found of a request is kept apart.
pub(super) const EARLY: usize = 0;
const LATE: usize = 1;
/// That of quotas.
pub(super) const QUOTA: usize = 2;

impl RateLimitPlan {
    /// For both policies.
    pub(super) fn compile(config: &RateLimitConfig, scope: &mut Scope<'_>) -> Self {
        if config.limits.is_empty() {
            scope.problem("limits", "no limit is named", "name one of `rate_limits`");
        }
        let known = scope.around.rate_limits;
        let mut limits = Vec::new();
        for (index, name) in config.limits.iter().enumerate() {
            match known.map(|known| known.get(name)) {
                Some(Some(limit)) => {
                    // What is wrong with a limit is told where it is written.
                    let before = scope.problems.len();
                    limits.push(LimitPlan::compile(name, limit, scope));
                    scope.problems.truncate(before);
                }
                Some(None) => {
                    let reason = format!("there is no limit `{name}`");
                    scope.problem(format!("limits[{index}]"), reason, "add it under `rate_limits:`");
                }
                None => {}
            }
            if config.limits[..index].contains(name) {
                scope.problem(
                    format!("limits[{index}]"),
                    format!("`{name}` is named twice"),
                    "once is enough",
                );
            }
        }
        Self { limits, told: Told { draft: config.headers.draft, legacy: config.headers.legacy } }
    }

    /// The limits.
    pub(super) fn limits(&self) -> &[LimitPlan] {
        &self.limits
    }
}

impl RateLimit {
    /// For both policies.
    pub(super) fn new(plan: &RateLimitPlan, ground: &Ground<'_>) -> Self {
        let gate = Gate::start(&plan.limits, ground);
        Self { gate, names: Names::new(&plan.limits), told: plan.told }
    }

    /// For quotas.
    pub(super) fn of(limits: &[LimitPlan], headers: &HeadersTold, ground: &Ground<'_>) -> Self {
        let told = Told { draft: headers.draft, legacy: headers.legacy };
        Self { gate: Gate::start(limits, ground), names: Names::new(limits), told }
    }

    pub(super) async fn decide(&self, exchange: &mut Exchange, which: usize) -> Verdict {
        self.decide_as(exchange, which, Code::RateLimited).await
    }

    /// `limited` is what is said where a limit is reached.
    pub(super) async fn decide_as(&self, exchange: &mut Exchange, which: usize, limited: Code) -> Verdict {
        let mut stands = std::mem::take(&mut exchange.limits[which]);
        stands.limits.clear();
        let admitted = self.gate.admit(exchange, &mut stands).await;
        stands.retry_at = match admitted {
            Err(Refusal::Limited(at)) => Some(at),
            _ => None,
        };
        exchange.limits[which] = stands;
        match admitted {
            Ok(()) => Verdict::Continue,
            Err(Refusal::Limited(_)) => Verdict::Reply(Reply::new(limited)),
            Err(Refusal::KeyMissing) => Verdict::Reply(Reply::new(Code::RateKeyMissing)),
        }
    }

    pub(super) fn tell(&self, exchange: &mut Exchange, which: usize) {
        self.names.tell(&exchange.limits[which], self.told, &mut exchange.response.fields);
    }
}

/// What these policies found, for the response: early, late, quotas.
pub type Found = [Stands; 3];
