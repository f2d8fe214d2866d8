//! Policies, each through the whole gateway. One file per policy, named as it is; `tidy` holds that.

mod authenticate;
mod concurrency_limit;
mod early_rate_limit;
mod external_authorization;
mod headers;
mod ip_filter;
mod rate_limit;
mod request_limits;

use crate::harness::{FaultOrigin, Gateway, Setup};

/// A gateway whose only route has these policies.
fn guarded(policies: &str) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).route(&format!("policies: {{{policies}}}")).start();
    (origin, gateway)
}
