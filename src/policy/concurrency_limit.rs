//! How many at once: exchanges under way by client, identity, route, on all workers together.
//!
//! A slot is taken before anything goes upstream and given back when the exchange is over, however it ends; a connection
//! that switches protocols keeps it to its end. Slots are lent between workers as rate limits' credit is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::rate::admission::{Gate, Refusal};
use crate::policy::rate::config::MissingConfig;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// How many at once.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyLimitConfig {
    /// Its name. Routes whose limits have the same name share one number.
    pub name: String,
    /// Most exchanges at once for each key.
    pub max: u32,
    /// For whom it is one number, as in `rate_limits`. Default: one number for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Leading bits of an IPv6 address that count as one client.
    #[serde(default = "ipv6_prefix")]
    pub ipv6_prefix: u8,
    /// What to do with a request that lacks a part of the key.
    #[serde(default)]
    pub when_key_missing: MissingConfig,
    /// What those beyond are told.
    #[serde(default)]
    pub status: StatusConfig,
}

/// Status of a refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusConfig {
    /// 503: there is no room at the moment.
    #[default]
    Unavailable,
    /// 429: the client asks for too much at once.
    TooMany,
}

/// Compiled.
pub struct ConcurrencyLimitPlan {
    limit: LimitPlan,
    code: Code,
}

/// The running policy.
pub struct ConcurrencyLimit {
    gate: Gate,
    code: Code,
}

impl Policy for ConcurrencyLimit {
    type Config = ConcurrencyLimitConfig;
    type Plan = ConcurrencyLimitPlan;

    fn compile(config: &ConcurrencyLimitConfig, scope: &mut Scope<'_>) -> ConcurrencyLimitPlan {
        if config.max == 0 {
            scope.problem("max", "none at once is none at all", "write at least 1");
        }
        if config.name.is_empty() {
            scope.problem("name", "the limit has no name", "give it one; metrics have it");
        }
        let limit = LimitPlan::slots(&config.name, config.max, &config.key, config.ipv6_prefix, scope)
            .when_missing(config.when_key_missing);
        let code = match config.status {
            StatusConfig::Unavailable => Code::ConcurrencyLimited,
            StatusConfig::TooMany => Code::ConcurrencyExceeded,
        };
        ConcurrencyLimitPlan { limit, code }
    }

    fn start(plan: Frozen<ConcurrencyLimitPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        Self { gate: Gate::start(std::slice::from_ref(&plan.limit), ground), code: plan.code }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        match self.gate.hold(exchange).await {
            Ok(hold) => {
                exchange.holds.extend(hold);
                Verdict::Continue
            }
            Err(Refusal::Limited(_)) => {
                // When a slot is free again nobody knows.
                Verdict::Reply(Reply::new(self.code).with("Retry-After", String::from("1")))
            }
            Err(Refusal::KeyMissing) => Verdict::Reply(Reply::new(Code::RateKeyMissing)),
        }
    }
}

fn ipv6_prefix() -> u8 {
    64
}
