//! How much a request matters: its class, by route, by who is asking, by what it says.
//!
//! Classes decide who goes first where there is not enough for all: a worker that cannot keep up, a cluster that is full.
//! They change nothing where there is. A route whose class is the same for everybody is refused before any policy runs; one
//! with rules once it is known who is asking.

use std::collections::BTreeMap;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::authorize::{AuthorizePlan, RuleConfig};
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground};
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::route::conditions::{self, ValueMatch};
use crate::route::config::ValueMatchConfig;
use crate::shared::frozen::Frozen;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::shed::ShedReason;
use crate::upstream::entry::Class;

/// How much requests matter.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PriorityConfig {
    /// The class of requests for which no rule holds.
    pub class: ClassConfig,
    /// Classes of others. The first rule that holds decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PriorityRuleConfig>,
}

/// A class for some. Everything that is written has to be so.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityRuleConfig {
    /// Their class.
    pub class: ClassConfig,
    /// Who is asking, and what, as in `authorize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<RuleConfig>,
    /// Request fields by name. Clients can write what they like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, ValueMatchConfig>,
}

/// A class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassConfig {
    /// What must work whatever else does not.
    Critical,
    /// What matters more than most.
    High,
    /// What has no class of its own.
    #[default]
    Normal,
    /// What can be done another time.
    Low,
}

impl ClassConfig {
    /// The class.
    pub fn class(self) -> Class {
        match self {
            Self::Critical => Class::CRITICAL,
            Self::High => Class::HIGH,
            Self::Normal => Class::NORMAL,
            Self::Low => Class::LOW,
        }
    }
}

/// Compiled.
pub struct PriorityPlan {
    otherwise: Class,
    rules: Vec<PriorityRule>,
}

struct PriorityRule {
    class: Class,
    when: Option<AuthorizePlan>,
    headers: Vec<ValueMatch>,
}

/// What is known of a request's class before any policy has run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Early {
    /// The best it can be.
    pub class: Class,
    /// True if it is to be found out.
    pub is_open: bool,
}

/// The running policy.
pub struct Priority {
    plan: Frozen<PriorityPlan>,
    bench: Rc<Bench>,
    metrics: Slot<WorkerMetrics>,
}

impl Policy for Priority {
    type Config = PriorityConfig;
    type Plan = PriorityPlan;

    fn compile(config: &PriorityConfig, scope: &mut Scope<'_>) -> PriorityPlan {
        let rules = config.rules.iter().enumerate();
        let rules = rules.map(|(at, rule)| PriorityRule::compile(rule, &format!("rules[{at}]"), scope));
        PriorityPlan { otherwise: config.class.class(), rules: rules.collect() }
    }

    fn start(plan: Frozen<PriorityPlan>, _previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let metrics = ground.registry.worker(ground.bench.worker);
        Self { plan, bench: ground.bench.clone(), metrics }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let class = self.plan.class(exchange);
        exchange.class = class;
        if self.plan.early().is_open && self.bench.shedder.refuses(class) {
            self.metrics.shed.count(class.slot(), ShedReason::Overloaded);
            return Verdict::Reply(Reply::new(Code::Overloaded).with("Retry-After", String::from("1")));
        }
        Verdict::Continue
    }
}

impl PriorityPlan {
    /// What is known before any policy has run.
    pub fn early(&self) -> Early {
        let all = self.rules.iter().map(|rule| rule.class).chain([self.otherwise]);
        Early { class: all.min().unwrap_or_default(), is_open: !self.rules.is_empty() }
    }

    /// The class of a request whose policies up to here have run.
    pub fn class(&self, exchange: &Exchange) -> Class {
        let found = self.rules.iter().find(|rule| rule.holds(exchange));
        found.map_or(self.otherwise, |rule| rule.class)
    }
}

impl PriorityRule {
    fn compile(config: &PriorityRuleConfig, path: &str, scope: &mut Scope<'_>) -> Self {
        if config.when.is_none() && config.headers.is_empty() {
            scope.problem(path, "the rule says nothing", "write `when:` or `headers:`, or set `class` alone");
        }
        let mut errors = Vec::new();
        let headers = conditions::compile("headers", &config.headers, &mut errors);
        for error in errors {
            scope.problem(format!("{path}.{}", error.at), error.reason, &error.hint);
        }
        let when = config.when.as_ref();
        Self {
            class: config.class.class(),
            when: when.map(|rule| AuthorizePlan::at(rule, &format!("{path}.when"), scope)),
            headers,
        }
    }

    /// A rule that cannot be decided does not hold.
    fn holds(&self, exchange: &Exchange) -> bool {
        let fields = &exchange.request.fields;
        let holds = |one: &ValueMatch| {
            let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(one.name.as_bytes()));
            one.rule.holds(named.map(|field| field.value))
        };
        self.headers.iter().all(holds) && self.when.as_ref().is_none_or(|rule| rule.holds(exchange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::addr::PeerAddr;
    use crate::policy::principal::{Method, Principal};
    use crate::policy::scope::placeholder;

    fn compiled(json: &str) -> (PriorityPlan, usize) {
        let config: PriorityConfig = serde_json::from_str(json).expect("a written form");
        let mut scope = Scope::new(&placeholder);
        let plan = Priority::compile(&config, &mut scope);
        (plan, scope.problems.len())
    }

    fn exchange() -> Exchange {
        Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")))
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let (plan, problems) = compiled(
            r#"{"class": "low", "rules": [
                {"class": "critical", "when": {"roles": ["pager"]}},
                {"class": "high", "headers": {"x-kind": {"exact": "checkout"}}, "when": {"plans": ["gold"]}},
                {"class": "normal", "when": {"plans": ["gold"]}}]}"#,
        );
        assert_eq!(problems, 0);
        assert_eq!(plan.early(), Early { class: Class::CRITICAL, is_open: true });
        let mut exchange = exchange();
        assert_eq!(plan.class(&exchange), Class::LOW, "nobody is known to be asking");
        let mut principal = Principal::new("a", Method::Jwt, "s");
        principal.plan = Some("gold".into());
        exchange.principals.push(Rc::new(principal.clone()));
        assert_eq!(plan.class(&exchange), Class::NORMAL);
        exchange.request.fields.append(b"X-Kind", b"checkout");
        assert_eq!(plan.class(&exchange), Class::HIGH);
        principal.roles.push("pager".into());
        exchange.principals[0] = Rc::new(principal);
        assert_eq!(plan.class(&exchange), Class::CRITICAL);
    }

    #[test]
    fn a_class_alone_is_known_before_anything_else() {
        let (plan, problems) = compiled(r#"{"class": "high"}"#);
        assert_eq!((plan.early(), problems), (Early { class: Class::HIGH, is_open: false }, 0));
        assert_eq!(plan.class(&exchange()), Class::HIGH);
    }

    #[test]
    fn a_rule_that_says_nothing_or_nonsense_is_told_of() {
        assert_eq!(compiled(r#"{"rules": [{"class": "high"}]}"#).1, 1);
        assert_eq!(compiled(r#"{"rules": [{"class": "high", "when": {}}]}"#).1, 1);
        assert_eq!(compiled(r#"{"rules": [{"class": "high", "headers": {"x-a": {"regex": "("}}}]}"#).1, 1);
    }
}
