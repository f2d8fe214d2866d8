//! The table of policies: the one place that knows them all.
//!
//! A row gives the type, its key in the configuration, and with it the names of its page
//! (`config/policies/KEY.md`) and its test (`tests/policy/KEY.rs`). A missing one does not compile. Rows stand
//! in the order of running: cheap checks of the network first, then who is asking, then limits, then changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::scope::{Problem, Scope, Surroundings, placeholder};
use crate::policy::switch::Switch;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

macro_rules! policies {
    ($($(#[$doc:meta])* $key:ident: $variant:ident;)*) => {
        /// Policies by name.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct PoliciesConfig {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $key: Option<Switch<<crate::policy::$key::$variant as Policy>::Config>>,)*
        }

        /// A compiled policy of any kind.
        #[derive(Clone)]
        pub enum PolicyPlan {
            $($(#[$doc])* $variant(Frozen<<crate::policy::$key::$variant as Policy>::Plan>)),*
        }

        /// A running policy of any kind.
        pub enum RunningPolicy {
            $($(#[$doc])* $variant(crate::policy::$key::$variant)),*
        }

        /// Key and page of every policy, in the order of running.
        pub const PAGES: &[(&str, &str)] = &[$((
            stringify!($key),
            include_str!(concat!("../../config/policies/", stringify!($key), ".md")),
        )),*];

        #[cfg(test)]
        const _TESTS: &[&str] =
            &[$(include_str!(concat!("../../tests/policy/", stringify!($key), ".rs"))),*];

        impl PoliciesConfig {
            /// These policies over the defaults: a policy that is named here replaces the default one.
            #[must_use]
            pub fn over(&self, defaults: &Self) -> Self {
                Self { $($key: self.$key.clone().or_else(|| defaults.$key.clone())),* }
            }

            /// Compiles all of them, in the order of running. Problems carry the policy's key in their path.
            pub fn compile(&self, scope: &mut Scope<'_>) -> Vec<PolicyPlan> {
                let mut plans = Vec::new();
                $(if let Some(settings) = self.$key.as_ref().and_then(Switch::settings) {
                    let before = scope.problems.len();
                    let plan = <crate::policy::$key::$variant as Policy>::compile(settings, scope);
                    for problem in &mut scope.problems[before..] {
                        problem.path = join(stringify!($key), &problem.path);
                    }
                    plans.push(PolicyPlan::$variant(Frozen::new(plan)));
                })*
                plans
            }

            /// The settings of each policy that is on, by key.
            pub fn settings(&self) -> Vec<(&'static str, serde_json::Value)> {
                let mut all = Vec::new();
                $(if let Some(settings) = self.$key.as_ref().and_then(Switch::settings) {
                    all.push((stringify!($key), serde_json::to_value(settings).unwrap_or_default()));
                })*
                all
            }
        }

        impl PolicyPlan {
            /// Its key in the configuration.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($key)),* }
            }

            /// Starts it on a worker. `previous` is the same policy of the generation before, to keep its state.
            pub fn start(&self, previous: Option<&RunningPolicy>, ground: &Ground<'_>) -> RunningPolicy {
                match self {
                    $(Self::$variant(plan) => {
                        let previous = match previous {
                            Some(RunningPolicy::$variant(policy)) => Some(policy),
                            _ => None,
                        };
                        RunningPolicy::$variant(
                            <crate::policy::$key::$variant as Policy>::start(plan.clone(), previous, ground)
                        )
                    }),*
                }
            }
        }

        impl RunningPolicy {
            /// Its key in the configuration.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($key)),* }
            }

            /// See [`Policy::on_request`].
            pub async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
                match self { $(Self::$variant(policy) => policy.on_request(exchange).await),* }
            }

            /// See [`Policy::on_response`].
            pub async fn on_response(&self, exchange: &mut Exchange) {
                match self { $(Self::$variant(policy) => policy.on_response(exchange).await),* }
            }
        }
    };
}

policies! {
    /// Admits or refuses clients by address.
    ip_filter: IpFilter;
    /// Tells browsers which pages of other origins may use it. Before everything that a preflight would fail at.
    cors: Cors;
    /// Bounds what a request may be: size of its parts, methods, media types.
    request_limits: RequestLimits;
    /// Bounds how often, before anybody is asked who they are.
    early_rate_limit: EarlyRateLimit;
    /// Asks who is asking.
    authenticate: Authenticate;
    /// Tells how much a request matters where there is not enough for all.
    priority: Priority;
    /// Admits or refuses by who is asking and what.
    authorize: Authorize;
    /// Asks a service whether a request is allowed.
    external_authorization: ExternalAuthorization;
    /// Bounds how often.
    rate_limit: RateLimit;
    /// Bounds how much in a day or a month.
    quota: Quota;
    /// Bounds how many at once.
    concurrency_limit: ConcurrencyLimit;
    /// Tells services who is asking.
    identity: Identity;
    /// Sets, adds and removes fields of requests and responses.
    headers: Headers;
}

impl PoliciesConfig {
    /// Reports what is wrong, as `(path, reason, hint)`. Secrets are taken to exist.
    pub fn check(&self, around: Surroundings<'_>, report: &mut dyn FnMut(&str, String, Option<String>)) {
        let mut scope = Scope::new(&placeholder).around(around);
        self.compile(&mut scope);
        for Problem { path, reason, hint } in scope.problems {
            report(&path, reason, hint);
        }
    }
}

fn join(key: &str, rest: &str) -> String {
    if rest.is_empty() { key.to_owned() } else { format!("{key}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_replaces_or_switches_off_a_default() {
        let defaults: PoliciesConfig = serde_json::from_str(
            r#"{"ip_filter": {"deny": ["10.0.0.0/8"]}, "request_limits": {"query_bytes": 100}}"#,
        )
        .expect("valid settings");
        let route: PoliciesConfig =
            serde_json::from_str(r#"{"ip_filter": "off", "headers": {"request": {"remove": ["x-a"]}}}"#)
                .expect("valid settings");
        let keys: Vec<_> = route.over(&defaults).settings().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["request_limits", "headers"]);
    }

    #[test]
    fn every_page_has_a_compiled_example_and_names_its_policy() {
        for (key, page) in PAGES {
            let example = page.split("```yaml").nth(1).and_then(|rest| rest.split("```").next());
            assert!(page.contains(key) && example.is_some_and(|text| text.contains(key)), "page of {key}");
        }
    }
}
