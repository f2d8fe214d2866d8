//! How much in a day or a month: quotas by client, identity, tenant or whatever a request says, one number for all hosts.
//!
//! Names quotas of `quotas:`. What they are is in [`rate::quota`](crate::policy::rate::quota); counting is the limits'. This is the
//! policy that asks them once it is known who is asking, and that tells the client how it stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::rate_limit::{HeadersTold, QUOTA, RateLimit};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Which quotas hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaUseConfig {
    /// Quotas by their names under `quotas`. All must admit a request; one that is refused by one costs nothing at the others.
    pub quotas: Vec<String>,
    /// What responses say of them.
    pub headers: HeadersTold,
}

/// Compiled.
pub struct QuotaPlan {
    quotas: Vec<LimitPlan>,
    headers: HeadersTold,
}

/// The running policy.
pub struct Quota(RateLimit);

impl Policy for Quota {
    type Config = QuotaUseConfig;
    type Plan = QuotaPlan;

    fn compile(config: &QuotaUseConfig, scope: &mut Scope<'_>) -> QuotaPlan {
        if config.quotas.is_empty() {
            scope.problem("quotas", "no quota is named", "name one of `quotas`");
        }
        let known = scope.around.quotas;
        let mut quotas = Vec::new();
        for (index, name) in config.quotas.iter().enumerate() {
            match known.map(|known| known.get(name)) {
                Some(Some(quota)) => {
                    // What is wrong with a quota is told where it is written.
                    let before = scope.problems.len();
                    quotas.push(quota.compile(name, scope));
                    scope.problems.truncate(before);
                }
                Some(None) => {
                    let reason = format!("there is no quota `{name}`");
                    scope.problem(format!("quotas[{index}]"), reason, "add it under `quotas:`");
                }
                None => {}
            }
            if config.quotas[..index].contains(name) {
                scope.problem(
                    format!("quotas[{index}]"),
                    format!("`{name}` is named twice"),
                    "once is enough",
                );
            }
        }
        QuotaPlan { quotas, headers: config.headers.clone() }
    }

    fn start(plan: Frozen<QuotaPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        Self(RateLimit::of(&plan.quotas, &plan.headers, ground))
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        self.0.decide_as(exchange, QUOTA, Code::QuotaExceeded).await
    }

    async fn on_response(&self, exchange: &mut Exchange) {
        self.0.tell(exchange, QUOTA);
    }
}
