//! What there is room for: the class of a request, and the limits of its cluster.

use std::fmt::Write;

use crate::policy::exchange::Exchange;
use crate::policy::table::PolicyPlan;
use crate::proxy::snapshot::RoutePlan;
use crate::upstream::config::ClusterConfig;

/// Tells the class, where the route has anything to say about it.
pub(super) fn tell_class(out: &mut String, plan: &RoutePlan, exchange: &Exchange) {
    let found = plan.policies.iter().find_map(|policy| match policy {
        PolicyPlan::Priority(priority) => Some(priority),
        _ => None,
    });
    let Some(priority) = found else { return };
    let early = plan.early();
    let when = if early.is_open {
        format!("; before that is known, {} at best", early.class.name())
    } else {
        String::from("; the same for everybody")
    };
    let _ = writeln!(out, "class       {}{when}", priority.class(exchange).name());
}

/// Tells the limits of a cluster that has any.
pub(super) fn tell_limits(out: &mut String, cluster: &ClusterConfig) {
    let limits = &cluster.limits;
    let mut parts = Vec::new();
    if let Some(requests) = limits.requests {
        parts.push(format!("{requests} exchanges at once"));
    }
    if let Some(adaptive) = &limits.adaptive {
        let (floor, ceiling) = (adaptive.floor, adaptive.ceiling);
        parts.push(format!("{floor} to {ceiling} at once, as it turns out"));
    }
    if let Some(requests) = limits.endpoint_requests {
        parts.push(format!("{requests} at once for each endpoint"));
    }
    if let Some(connections) = limits.connections {
        parts.push(format!("{connections} connections"));
    }
    if parts.is_empty() {
        return;
    }
    let pending = match limits.pending {
        0 => String::from("; nobody waits"),
        pending => format!("; {pending} may wait, {} at most", limits.pending_timeout),
    };
    let _ = writeln!(out, "  limits    {}{pending}", parts.join(", "));
}
