//! What a route does about services that fail: what is tried again, asked twice, or answered otherwise.
//!
//! Compiled, and as one worker runs it. Decides nothing by itself: attempts look here.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::http::h1::framing::Framing;
use crate::http::method::Method;
use crate::policy::exchange::Exchange;
use crate::policy::live::Live;
use crate::proxy::hedge_clock::HedgeClock;
use crate::proxy::shadow::plan::ShadowPlan;
use crate::proxy::shadow::running::Running;
use crate::route::methods::MethodSet;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;
use crate::shared::sharded::Sharded;
use crate::telemetry::metrics::RouteMetrics;
use crate::telemetry::retry::RetryReason;
use crate::upstream::verdict::Breaker;

/// What a route does about services that fail.
#[derive(Default)]
pub struct CarePlan {
    /// Its breaker.
    pub breaker: Option<RouteBreaker>,
    /// What is tried again.
    pub retries: Option<RetryPlan>,
    /// When a second endpoint is asked.
    pub hedge: Option<HedgePlan>,
    /// What is answered otherwise.
    pub fallback: Option<FallbackPlan>,
    /// Which requests are copied.
    pub shadow: Option<Frozen<ShadowPlan>>,
}

/// A route's breaker.
pub struct RouteBreaker {
    /// As it is now. Control replaces it.
    pub live: Published<Breaker>,
    /// What takes longer than this is slow; [`u64::MAX`] where nothing is.
    pub slow_nanos: u64,
}

/// What is tried again, and how.
pub struct RetryPlan {
    /// Attempts in all.
    pub attempts: u32,
    /// Whether a failure is tried again, by [`RetryReason`].
    pub on: [bool; RetryReason::ALL.len()],
    /// Statuses that are tried again.
    pub statuses: StatusSet,
    /// Methods that may be done twice. None for those that are idempotent.
    pub methods: Option<MethodSet>,
    /// For the head of each attempt's answer.
    pub per_try: Option<Duration>,
    /// The first bound of waiting, and the largest.
    pub backoff: (Duration, Duration),
    /// Largest body that is taken whole before the first attempt.
    pub body_bytes: usize,
}

impl RetryPlan {
    /// What holds where nothing is written: endpoints that do not take a connection are left for others.
    pub const USUAL: Self = Self {
        attempts: 3,
        on: [true, false, false, false, true],
        statuses: StatusSet::NONE,
        methods: None,
        per_try: None,
        backoff: (Duration::ZERO, Duration::ZERO),
        body_bytes: 0,
    };

    /// Whether the request may have its effect twice.
    pub fn may_repeat(&self, exchange: &Exchange) -> bool {
        let request = &exchange.request;
        match &self.methods {
            Some(methods) => methods.admits(request.method, request.method_text()),
            None => {
                request.method.is_idempotent() || request.fields.first_named(b"idempotency-key").is_some()
            }
        }
    }
}

/// Statuses from 400 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusSet([u64; 4]);

impl StatusSet {
    /// None of them.
    pub const NONE: Self = Self([0; 4]);

    /// These. What is outside of 400 to 599 is left out.
    pub fn of(statuses: &[u16]) -> Self {
        let mut set = Self::NONE;
        for at in statuses.iter().filter_map(|&status| Self::place(status)) {
            set.0[at / 64] |= 1 << (at % 64);
        }
        set
    }

    fn place(status: u16) -> Option<usize> {
        (400..600).contains(&status).then(|| usize::from(status) - 400)
    }

    /// True if it is among them.
    #[inline]
    pub fn has(&self, status: u16) -> bool {
        Self::place(status).is_some_and(|at| self.0[at / 64] & (1 << (at % 64)) != 0)
    }
}

/// When a second endpoint is asked.
pub struct HedgePlan {
    /// After this long. None for the route's 95th percentile.
    pub after: Option<Duration>,
    /// Never sooner.
    pub at_least: Duration,
}

/// What is answered where there is no answer.
pub struct FallbackPlan {
    /// Another cluster, by index.
    pub cluster: Option<usize>,
    /// An answer of our own.
    pub respond: Option<OwnAnswer>,
    /// Statuses that count as no answer.
    pub statuses: StatusSet,
}

/// An answer of our own.
pub struct OwnAnswer {
    /// Status code.
    pub status: u16,
    /// Content-Type.
    pub content_type: Box<str>,
    /// Body.
    pub body: Bytes,
}

/// The same as one worker runs it.
pub struct RunningCare {
    /// The route's breaker.
    pub breaker: Option<Live<Breaker>>,
    /// When a second endpoint is asked.
    pub hedge: Option<HedgeClock>,
    /// Which requests are copied.
    pub shadow: Option<Rc<Running>>,
}

impl RunningCare {
    /// Starts. `figures` are the route's, of all workers; `shadow` starts what copies its requests.
    pub fn start(
        plan: &CarePlan,
        figures: impl FnOnce() -> Sharded<RouteMetrics>,
        shadow: impl FnOnce(&Frozen<ShadowPlan>) -> Rc<Running>,
    ) -> Self {
        Self {
            breaker: plan.breaker.as_ref().map(|breaker| Live::new(breaker.live.clone())),
            hedge: plan.hedge.as_ref().map(|hedge| HedgeClock::new(hedge.after, hedge.at_least, figures())),
            shadow: plan.shadow.as_ref().map(shadow),
        }
    }
}

/// What holds for one exchange.
#[derive(Clone, Copy)]
pub struct Care<'a> {
    /// As compiled, where anything is written.
    pub plan: Option<&'a CarePlan>,
    /// As it runs here.
    pub running: Option<&'a RunningCare>,
    /// What is tried again.
    pub retries: &'a RetryPlan,
}

impl<'a> Care<'a> {
    /// Of a route.
    pub fn of(plan: Option<&'a CarePlan>, running: Option<&'a RunningCare>) -> Self {
        let retries = plan.and_then(|plan| plan.retries.as_ref()).unwrap_or(const { &RetryPlan::USUAL });
        Self { plan, running, retries }
    }

    /// What is answered where there is no answer.
    pub fn fallback(&self) -> Option<&'a FallbackPlan> {
        self.plan?.fallback.as_ref()
    }
}

/// True if a second endpoint may be asked for it: it has no body and may be done twice.
pub fn may_be_hedged(exchange: &Exchange) -> bool {
    let request = &exchange.request;
    exchange.framing == Framing::None
        && exchange.upgrade.is_empty()
        && request.method.is_idempotent()
        && request.method != Method::Connect
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = StatusSet::of(&[400, 463, 464, 503, 599, 200, 600]);
        for status in [400, 463, 464, 503, 599] {
            assert!(set.has(status), "{status}");
        }
        for status in [0, 200, 399, 401, 465, 500, 502, 504, 600, 655] {
            assert!(!set.has(status), "{status}");
        }
    }
}
