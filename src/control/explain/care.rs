//! What is done for a request whose service fails: tried again, asked twice, answered otherwise.

use std::fmt::Write;

use crate::policy::exchange::Exchange;
use crate::proxy::care::{CarePlan, FallbackPlan, RetryPlan, may_be_hedged};
use crate::proxy::snapshot::{RoutePlan, Snapshot};
use crate::telemetry::retry::RetryReason;

pub(super) fn tell(out: &mut String, snapshot: &Snapshot, plan: &RoutePlan, exchange: &Exchange) {
    let care = plan.care.as_deref();
    retries(out, care.and_then(|care| care.retries.as_ref()), exchange);
    let Some(care) = care else { return };
    hedge(out, care, exchange);
    if let Some(plan) = &care.fallback {
        fallback(out, snapshot, plan);
    }
}

fn retries(out: &mut String, plan: Option<&RetryPlan>, exchange: &Exchange) {
    let Some(plan) = plan else {
        let _ = writeln!(out, "retries     up to 3 endpoints, where one does not take the connection");
        return;
    };
    let reasons = RetryReason::ALL.iter().filter(|reason| plan.on[**reason as usize]);
    let reasons: Vec<_> = reasons.map(|reason| reason.label()).collect();
    let _ = writeln!(out, "retries     {} attempts in all; for: {}", plan.attempts, reasons.join(", "));
    if !plan.may_repeat(exchange) {
        let _ =
            writeln!(out, "            this one only as long as nothing was sent: it may not be done twice");
    }
}

fn hedge(out: &mut String, care: &CarePlan, exchange: &Exchange) {
    let Some(plan) = &care.hedge else { return };
    if !may_be_hedged(exchange) {
        let _ = writeln!(out, "hedge       none: it has a body, or may not be done twice");
        return;
    }
    let _ = match plan.after {
        Some(after) => writeln!(out, "hedge       a second endpoint after {:?}", after.max(plan.at_least)),
        None => {
            writeln!(out, "hedge       a second endpoint where 95 % of the answers have been sooner")
        }
    };
}

fn fallback(out: &mut String, snapshot: &Snapshot, plan: &FallbackPlan) {
    let cluster = plan.cluster.map(|index| format!("cluster {}", snapshot.clusters[index].name));
    let respond = plan.respond.as_ref().map(|answer| format!("{} of the gateway's own", answer.status));
    let all: Vec<String> = cluster.into_iter().chain(respond).collect();
    let _ = writeln!(out, "fallback    {}", all.join(", then "));
}
