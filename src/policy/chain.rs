//! A route's policies in their fixed order.
//!
//! Requests run down until one replies; responses run back up through those that the request has passed.
//! Dispatch is by enum: a policy in the chain costs a few nanoseconds, and nothing is boxed.

use crate::policy::Verdict;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::reply::Reply;
use crate::policy::table::{PolicyPlan, RunningPolicy};
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::PolicyMetrics;

/// The running policies of one route on one worker.
pub struct Chain {
    links: Vec<(RunningPolicy, Slot<PolicyMetrics>)>,
}

/// How a request fared.
#[derive(Debug)]
pub struct Passage {
    /// How many policies it has passed or been answered by.
    pub passed: usize,
    /// The answer, if one refused.
    pub reply: Option<Reply>,
    /// The status of the answer, if one gave it.
    pub answer: Option<u16>,
}

impl Chain {
    /// Starts these policies; `metrics` gives each its figures by key. `previous` are those of the same route in the
    /// generation before, whose state goes on.
    pub fn start(
        plans: &[PolicyPlan],
        previous: Option<&Self>,
        ground: &Ground<'_>,
        metrics: impl Fn(&'static str) -> Slot<PolicyMetrics>,
    ) -> Self {
        let former =
            |key: &str| previous?.links.iter().map(|(policy, _)| policy).find(|policy| policy.key() == key);
        Self {
            links: plans
                .iter()
                .map(|plan| (plan.start(former(plan.key()), ground), metrics(plan.key())))
                .collect(),
        }
    }

    /// Runs down.
    pub async fn on_request(&self, exchange: &mut Exchange) -> Passage {
        for (index, (policy, metrics)) in self.links.iter().enumerate() {
            match policy.on_request(exchange).await {
                Verdict::Continue => metrics.continued.add(1),
                Verdict::Reply(reply) => {
                    metrics.refused.add(1);
                    return Passage { passed: index + 1, reply: Some(reply), answer: None };
                }
                Verdict::Answer(status) => {
                    metrics.answered.add(1);
                    return Passage { passed: index + 1, reply: None, answer: Some(status) };
                }
            }
        }
        Passage { passed: self.links.len(), reply: None, answer: None }
    }

    /// Number of policies.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// True without policies.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Runs back up through the first `passed` policies.
    pub async fn on_response(&self, passed: usize, exchange: &mut Exchange) {
        for (policy, _) in self.links[..passed].iter().rev() {
            policy.on_response(exchange).await;
        }
    }
}
