//! How often, before anything else is asked: limits on clients that have not shown who they are.
//!
//! Runs ahead of authentication, so that a flood of bad credentials costs no signature check. Only keys without an
//! identity: address, route, fields. Otherwise as [`rate_limit`](crate::policy::rate_limit).

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::rate_limit::{EARLY, RateLimit, RateLimitConfig, RateLimitPlan};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// The running policy.
pub struct EarlyRateLimit(RateLimit);

impl Policy for EarlyRateLimit {
    type Config = RateLimitConfig;
    type Plan = RateLimitPlan;

    fn compile(config: &RateLimitConfig, scope: &mut Scope<'_>) -> RateLimitPlan {
        let plan = RateLimitPlan::compile(config, scope);
        for limit in plan.limits().iter().filter(|limit| limit.wants_identity()) {
            let reason = format!("`{}` counts by who is asking, which is not known yet", limit.name);
            scope.problem("limits", reason, "use it in `rate_limit`");
        }
        plan
    }

    fn start(plan: Frozen<RateLimitPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        Self(RateLimit::new(&plan, ground))
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        self.0.decide(exchange, EARLY).await
    }

    async fn on_response(&self, exchange: &mut Exchange) {
        self.0.tell(exchange, EARLY);
    }
}
