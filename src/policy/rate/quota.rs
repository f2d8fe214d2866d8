//! Quotas as they are written, under `quotas:`, by name: so much in a day or a month of the calendar.
//!
//! A quota is a limit with a long window that survives the process: all of counting is the limits'. What is owed is told to
//! control, which writes it down and, where there is a fleet, to the other hosts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{
    AcrossConfig, AlgorithmConfig, LimitConfig, MissingConfig, TermsConfig, ipv6_prefix, keys_max,
};
use super::fleet::LimitId;
use super::message::LimitNumber;
use super::plan::{LimitPlan, Shared};
use super::rule::Rule;
use crate::config::units::Rate;
use crate::policy::scope::Scope;

/// A quota: one number for all workers and all hosts, however many routes name it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// How much there is in a period.
    #[schemars(range(min = 1))]
    pub amount: u32,
    /// How long a period is. Days and months are those of UTC.
    pub period: PeriodConfig,
    /// For whom it is one number, in the words of `rate_limits.NAME.key`. Default: `identity.subject`.
    #[serde(default = "subject")]
    pub key: Vec<String>,
    /// Leading bits of an IPv6 address that count as one client.
    #[serde(default = "ipv6_prefix")]
    pub ipv6_prefix: u8,
    /// What to do with a request that lacks a part of the key.
    #[serde(default)]
    pub when_key_missing: MissingConfig,
    /// What a request costs.
    #[serde(default = "one")]
    pub cost: u32,
    /// A field of the request that tells its cost instead, from 1 to `cost_max`. For fields that the client itself does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_field: Option<String>,
    /// Most that `cost_field` may tell; more counts as this.
    #[serde(default = "cost_max")]
    pub cost_max: u32,
    /// Other amounts for those who have booked a plan, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_plan: BTreeMap<String, u32>,
    /// Keys there is room for, on all workers together; about 70 bytes each. The coldest leave first.
    #[serde(default = "keys_max")]
    pub keys_max: u32,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodConfig {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to the next, UTC.
    Month,
}

/// Begins the names of quotas among those of limits: the two do not mix.
pub const PREFIX: &str = "quota:";

impl QuotaConfig {
    /// Compiles. Problems go to `scope`, below the quota's name.
    pub fn compile(&self, name: &str, scope: &mut Scope<'_>) -> LimitPlan {
        for (at, amount) in std::iter::once(("amount".to_owned(), self.amount))
            .chain(self.by_plan.iter().map(|(plan, amount)| (format!("by_plan.{plan}"), *amount)))
        {
            if amount == 0 {
                scope.problem(
                    at,
                    "a quota of nothing admits nobody",
                    "write at least 1, or leave the route out",
                );
            }
        }
        let mut plan = LimitPlan::compile(name, &self.as_limit(), scope);
        if self.period == PeriodConfig::Month {
            for (_, rule) in &mut plan.rules {
                *rule = Rule::month(rule.count);
            }
        }
        let full = format!("{PREFIX}{name}");
        // One that is reckoned by days has nothing to do with one that is reckoned by months.
        let period = self.period as u64 + 1;
        plan.number = LimitNumber(LimitId::of(&full).0 ^ period);
        plan.shared = Some(Shared { name: full.into(), is_kept: true });
        plan
    }

    /// The same by days, as a limit is written.
    fn as_limit(&self) -> LimitConfig {
        let terms = |(plan, amount): (&String, &u32)| {
            (plan.clone(), TermsConfig { rate: per_day(*amount), burst: None })
        };
        LimitConfig {
            algorithm: AlgorithmConfig::FixedWindow,
            rate: per_day(self.amount),
            burst: None,
            key: self.key.clone(),
            ipv6_prefix: self.ipv6_prefix,
            when_key_missing: self.when_key_missing,
            cost: self.cost,
            cost_field: self.cost_field.clone(),
            cost_max: self.cost_max,
            by_plan: self.by_plan.iter().map(terms).collect(),
            max_wait: None,
            across: AcrossConfig::Host,
            keys_max: self.keys_max,
        }
    }
}

fn per_day(amount: u32) -> Rate {
    Rate::per_day(amount.max(1))
}

fn subject() -> Vec<String> {
    vec![String::from("identity.subject")]
}

fn one() -> u32 {
    1
}

fn cost_max() -> u32 {
    100
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Algorithm, Period};
    use super::*;
    use crate::policy::scope::placeholder;

    fn quota(text: &str) -> (LimitPlan, Vec<String>) {
        let config: QuotaConfig = serde_json::from_str(text).expect("a quota");
        let mut scope = Scope::new(&placeholder);
        let plan = config.compile("api", &mut scope);
        (plan, scope.problems.into_iter().map(|problem| problem.path).collect())
    }

    #[test]
    fn a_quota_is_a_window_of_the_calendar_for_each_plan() {
        let (plan, problems) = quota(
            r#"{"amount": 100, "period": "month", "by_plan": {"gold": 5000}, "key": ["identity.tenant"]}"#,
        );
        assert!(problems.is_empty(), "{problems:?}");
        let rules: Vec<_> =
            plan.rules.iter().map(|(_, rule)| (rule.algorithm, rule.period, rule.count)).collect();
        let month = |count| (Algorithm::FixedWindow, Period::Month, count);
        assert_eq!(rules, [month(100), month(5000)]);
        let shared = plan.shared.expect("with other hosts");
        assert!(shared.is_kept && &*shared.name == "quota:api");
        assert_ne!(plan.number, quota(r#"{"amount": 100, "period": "day"}"#).0.number);
    }

    #[test]
    fn a_quota_of_nothing_is_refused_where_it_is_written() {
        let (_, problems) =
            quota(r#"{"amount": 0, "period": "day", "by_plan": {"gold": 0}, "key": ["nobody"]}"#);
        assert_eq!(problems, ["amount", "by_plan.gold", "key[0]"]);
    }
}
