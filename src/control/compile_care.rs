//! What a route does about services that fail, from its written form to a plan.

use std::time::Duration;

use bytes::Bytes;

use super::compile::Compiler;
use crate::control::config::RouteConfig;
use crate::control::config::care::{FallbackConfig, HedgeConfig, RetriesConfig, RetryOnConfig};
use crate::policy::switch::Switch;
use crate::proxy::care::{CarePlan, FallbackPlan, HedgePlan, OwnAnswer, RetryPlan, RouteBreaker, StatusSet};
use crate::route::config::RespondConfig;
use crate::route::methods::MethodSet;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;
use crate::upstream::config::health::BreakerConfig;

impl Compiler<'_> {
    /// None where nothing is written.
    pub(super) fn care(&mut self, place: &str, route: &RouteConfig) -> Option<Box<CarePlan>> {
        let defaults = &self.config.defaults;
        let retries = route.retries.as_ref().or(defaults.retries.as_ref()).and_then(Switch::settings);
        let hedge = route.hedge.as_ref().or(defaults.hedge.as_ref()).and_then(Switch::settings);
        let fallback = route.fallback.as_ref().map(|it| self.fallback(&format!("{place}.fallback"), it));
        let care = CarePlan {
            breaker: route.breaker.as_ref().map(route_breaker),
            retries: retries.map(retry_plan),
            hedge: hedge.map(hedge_plan),
            fallback,
            shadow: self.shadow(place, route),
        };
        let is_empty = care.breaker.is_none()
            && care.retries.is_none()
            && care.hedge.is_none()
            && care.fallback.is_none()
            && care.shadow.is_none();
        (!is_empty).then(|| Box::new(care))
    }

    fn fallback(&mut self, place: &str, config: &FallbackConfig) -> FallbackPlan {
        let cluster = config.cluster.as_ref();
        FallbackPlan {
            cluster: cluster.and_then(|name| self.index(name, format!("{place}.cluster"))),
            respond: config.respond.as_ref().map(own_answer),
            statuses: StatusSet::of(&config.statuses),
        }
    }
}

fn route_breaker(config: &BreakerConfig) -> RouteBreaker {
    RouteBreaker { live: Published::new(Frozen::default()), slow_nanos: config.slow_nanos() }
}

/// An answer of our own.
pub(super) fn own_answer(config: &RespondConfig) -> OwnAnswer {
    OwnAnswer {
        status: config.status,
        content_type: config.content_type.as_str().into(),
        body: Bytes::copy_from_slice(config.body.as_bytes()),
    }
}

fn retry_plan(config: &RetriesConfig) -> RetryPlan {
    let on = |kind| config.on.contains(&kind);
    RetryPlan {
        attempts: config.attempts,
        // In the order of the reasons; what was not looked at is always sent again.
        on: [on(RetryOnConfig::Connect), on(RetryOnConfig::Reset), on(RetryOnConfig::Timeout), true, true],
        statuses: StatusSet::of(&config.statuses),
        // `check` has said what is wrong with them.
        methods: (!config.methods.is_empty())
            .then(|| MethodSet::compile(&config.methods).unwrap_or_default()),
        per_try: config.per_try_timeout.map(|it| it.duration()),
        backoff: (config.backoff.base.duration(), config.backoff.max.duration()),
        body_bytes: usize::try_from(config.body_bytes.bytes()).unwrap_or(usize::MAX),
    }
}

fn hedge_plan(config: &HedgeConfig) -> HedgePlan {
    let at_least = config.at_least.duration().max(Duration::from_millis(1));
    HedgePlan { after: config.after.map(|it| it.duration()), at_least }
}
